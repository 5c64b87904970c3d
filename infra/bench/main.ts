import { benchCommand } from './command.js'

try {
  // handed on to the stages; settings are read in infra/config.ts alone
  await benchCommand(process.env).parseAsync()
  process.exit(0)
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(1)
}
