import { Command } from 'commander'
import { loadConfig } from '../../config.js'
import { resetSystem, stopSystem } from '../../system/system.js'
import { tell } from '../progress.js'

export function downCommand(): Command {
  return new Command('down')
    .description('Stops the stages and the local services; data stays')
    .option('--reset', 'then deletes all data of this home: logs, tables, keys, meters')
    .action(async ({ reset = false }: { reset?: boolean }) => {
      const config = loadConfig()
      await stopSystem(config, tell)
      if (!reset) return
      await resetSystem(config)
      tell(`all data of ${config.home} is deleted`)
    })
}
