import { Command, InvalidArgumentError, Option } from 'commander'
import { LIMITS } from '../../../schemas/limits.js'
import type { ConsensusKind } from '../../../schemas/records.js'
import { type Config, loadConfig } from '../../config.js'
import { prepareSystem, startStages } from '../../system/system.js'
import { tell } from '../progress.js'

interface UpOptions {
  authorities?: number
  consensus?: ConsensusKind
  network: string
  stages: boolean
}

export function upCommand(): Command {
  return new Command('up')
    .description(
      'Starts everything on this machine and returns when it is ready: local services, topics, database, chain, stages',
    )
    .option('--authorities <n>', 'founders of a new chain, each with a chainer and a validator here (default: 1)', count)
    .addOption(
      new Option('--consensus <kind>', 'of a new chain: proof of authority or of stake (default: poa)').choices(['poa', 'pos']),
    )
    .option('--network <name>', 'name of a new chain', 'local')
    .option('--no-stages', 'services, topics, database and chain only')
    .addHelpText('after', '\nSafe to run twice. What runs goes on when this command ends; stop it: meterchain down')
    .action(async ({ authorities, consensus, network, stages }: UpOptions) => {
      const config = loadConfig()
      await prepareSystem(config, { network, authorities, consensus }, tell)
      if (!stages) return
      await startStages(config, tell)
      for (const line of addresses(config)) tell(line)
    })
}

/** Where people go next. */
export function addresses(config: Config): string[] {
  return [
    `the door       http://${config.host}:${config.ingestPort}/openapi.json`,
    `query API      http://${config.host}:${config.queryPort}/openapi.json`,
    `SQL            meterchain sql "SELECT * FROM analytics.blocks ORDER BY final_at DESC LIMIT 5"`,
  ]
}

function count(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1 || number > LIMITS.authorities)
    throw new InvalidArgumentError(`expected a whole number from 1 to ${LIMITS.authorities}`)
  return number
}
