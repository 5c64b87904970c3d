import { Command, InvalidArgumentError } from 'commander'
import { withClient } from '../../../projector/migrate.js'
import { monthDays } from '../../../schemas/tariff/civil.js'
import { loadConfig } from '../../config.js'
import { databaseUrls } from '../../system/database-urls.js'
import { billText } from '../bill.js'

export function billCommand(): Command {
  return new Command('bill')
    .description('Shows the bill of a usage point and month: lines, amount, what is missing')
    .argument('<point>', 'usage point')
    .argument('<month>', 'YYYY-MM, of the usage point’s local time', parseMonth)
    .option('--as-of <time>', 'as it was known then (default: now)', parseTime)
    .option('--entries', 'names the entries behind it, each with the leaf hash by which the query API proves it')
    .addHelpText('after', '\nExample: meterchain bill MAC000002 2013-03 --as-of 2013-04-05T00:00:00Z --entries')
    .action(async (point: string, month: string, { asOf, entries = false }: { asOf?: string; entries?: boolean }) => {
      const asked = { point, month, withEntries: entries, ...(asOf !== undefined && { asOf }) }
      const lines = await withClient(databaseUrls(loadConfig()).writer, (client) => billText(client, asked))
      process.stdout.write(`${lines.join('\n')}\n`)
    })
}

function parseMonth(text: string): string {
  if (monthDays(text) === undefined) throw new InvalidArgumentError('not a month YYYY-MM')
  return text
}

function parseTime(text: string): string {
  const millis = Date.parse(text)
  if (Number.isNaN(millis)) throw new InvalidArgumentError('not a time')
  return new Date(millis).toISOString()
}
