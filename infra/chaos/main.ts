import { chaosCommand } from './command.js'

try {
  await chaosCommand().parseAsync()
  process.exit(process.exitCode ?? 0)
} catch (error) {
  process.stderr.write(`chaos: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}
