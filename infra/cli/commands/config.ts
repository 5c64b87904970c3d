import { Command } from 'commander'
import { describeConfig, loadConfig } from '../../config.js'
import { table } from '../table.js'

export function configCommand(): Command {
  return new Command('config')
    .description('Shows every setting: its environment variable, value, default, unit and meaning; secrets are masked')
    .option('--json', 'as JSON')
    .action(({ json = false }: { json?: boolean }) => {
      const rows = describeConfig()
      const text = json
        ? JSON.stringify(rows, null, 2)
        : table(
            ['variable', 'value', 'default', 'unit', 'meaning'],
            rows.map(({ variable, value, fallback, unit, meaning }) => [variable, value, fallback, unit, meaning]),
          )
      process.stdout.write(`${text}\n`)
      loadConfig() // says what cannot be used
    })
}
