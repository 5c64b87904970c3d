import { Command, InvalidArgumentError } from 'commander'
import { withClient } from '../../../projector/migrate.js'
import { monthDays } from '../../../schemas/tariff/civil.js'
import { loadConfig } from '../../config.js'
import { databaseUrls } from '../../system/database-urls.js'
import { billText } from '../bill.js'
import { writeBillProof } from '../bill-proof.js'
import { type Progress, startProgress } from '../progress.js'
import { epochMillis } from '../registry/arguments.js'

interface BillOptions {
  asOf?: string
  entries?: boolean
  proof?: string | true
}

const EXAMPLES = `
Examples:
  $ meterchain bill MAC000002 2013-03 --as-of 2013-04-05T00:00:00Z --entries
  $ meterchain bill MAC000002 2013-03 --proof march.json           the plan’s events, the readings, the lines, and proofs of all
  $ meterchain verify --proof march.json --genesis genesis.json    anybody, offline: makes the bill again, and compares
`

export function billCommand(): Command {
  return new Command('bill')
    .description('Shows the bill of a usage point and month: lines, amount, what is missing')
    .argument('<point>', 'usage point')
    .argument('<month>', 'YYYY-MM, of the usage point’s local time', parseMonth)
    .option('--as-of <time>', 'as it was known then: date (midnight UTC), or time with its zone (default: now)', parseTime)
    .option('--entries', 'names the entries behind it, each with the leaf hash by which the query API proves it')
    .option(
      '--proof [file]',
      'writes it with all that proves it, as of the newest signed checkpoint (default: bill-POINT-MONTH.json)',
    )
    .addHelpText('after', EXAMPLES)
    .action(async (point: string, month: string, { asOf, entries = false, proof }: BillOptions) => {
      if (proof !== undefined) return writeProof(point, month, proof, asOf !== undefined || entries)
      const asked = { point, month, withEntries: entries, ...(asOf !== undefined && { asOf }) }
      const lines = await withClient(databaseUrls(loadConfig()).writer, (client) => billText(client, asked))
      process.stdout.write(`${lines.join('\n')}\n`)
    })
}

async function writeProof(point: string, month: string, file: string | true, isMore: boolean): Promise<void> {
  if (isMore)
    throw new Error('--proof is of the newest checkpoint, and names all entries itself: leave out --as-of and --entries')
  const path = file === true ? `bill-${point.replaceAll(/[^\w.-]/g, '_')}-${month}.json` : file
  const bars = new Map<string, Progress>()
  const onProgress = (what: string, done: number, total: number) => {
    const bar = bars.get(what) ?? startProgress(`bill: ${what}`)
    bars.set(what, bar)
    bar.update(done, total)
    if (done === total) bar.stop()
  }
  try {
    const url = databaseUrls(loadConfig()).writer
    const lines = await withClient(url, (client) => writeBillProof(client, { point, month, path, onProgress }))
    process.stdout.write(`${lines.join('\n')}\n`)
  } finally {
    for (const bar of bars.values()) bar.stop()
  }
}

function parseMonth(text: string): string {
  if (monthDays(text) === undefined) throw new InvalidArgumentError('not a month YYYY-MM')
  return text
}

const parseTime = (text: string): string => new Date(epochMillis(text)).toISOString()
