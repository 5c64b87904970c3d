/** The command line: `meterchain COMMAND`. Each command is a file in `commands/`. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { packageFolder } from '../services/downloads.js'
import { auditCommand } from './commands/audit.js'
import { billCommand } from './commands/bill.js'
import { configCommand } from './commands/config.js'
import { demoCommand } from './commands/demo.js'
import { diffCommand } from './commands/diff.js'
import { downCommand } from './commands/down.js'
import { exportCommand } from './commands/export.js'
import { importCommand } from './commands/import.js'
import { keysCommand } from './commands/keys.js'
import { migrateCommand } from './commands/migrate.js'
import { registryCommand } from './commands/registry.js'
import { repairsCommand } from './commands/repairs.js'
import { replayCommand } from './commands/replay.js'
import { restoreCommand } from './commands/restore.js'
import { simulateCommand } from './commands/simulate.js'
import { sqlCommand } from './commands/sql.js'
import { statusCommand } from './commands/status.js'
import { superviseCommand } from './commands/supervise.js'
import { topicsCommand } from './commands/topics.js'
import { upCommand } from './commands/up.js'
import { verifyCommand } from './commands/verify.js'
import { witnessCommand } from './commands/witness.js'

const version = (): string => JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')).version

export function createProgram(): Command {
  const program = new Command('meterchain')
    .description(
      'Signed smart-meter readings in SHA-256 linked blocks on Kafka, and in SQL tables in which every number can be proved',
    )
    .version(version())
    .addHelpText('after', '\nSettings come from the environment: see meterchain config. A first look: meterchain demo')
  const commands = [upCommand(), downCommand(), statusCommand(), demoCommand(), simulateCommand(), importCommand()]
  commands.push(
    verifyCommand(),
    auditCommand(),
    sqlCommand(),
    billCommand(),
    exportCommand(),
    keysCommand(),
    topicsCommand(),
    migrateCommand(),
    configCommand(),
  )
  commands.push(registryCommand(), repairsCommand(), restoreCommand(), replayCommand(), diffCommand(), witnessCommand())
  for (const command of commands) program.addCommand(command)
  program.addCommand(superviseCommand(), { hidden: true })
  return program
}

/** Runs one command and gives its exit code: 0, or 1 after an error, which is told in words. */
export async function run(argv: readonly string[]): Promise<number> {
  const program = createProgram()
  for (const command of withSubcommands(program)) command.exitOverride().showHelpAfterError()
  try {
    await program.parseAsync([...argv])
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode
    process.stderr.write(`meterchain: ${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)]
}
