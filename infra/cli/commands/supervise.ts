import { Command } from 'commander'
import { loadConfig } from '../../config.js'
import { createLogger } from '../../log.js'
import { supervise } from '../../system/system.js'

/** What `up` starts in the background. */
export function superviseCommand(): Command {
  return new Command('supervise').description('Keeps the stages running until SIGTERM').action(async () => {
    const config = loadConfig()
    const end = new AbortController()
    process.once('SIGTERM', () => end.abort())
    process.once('SIGINT', () => end.abort())
    await supervise(config, createLogger('supervisor', config.logLevel), end.signal)
  })
}
