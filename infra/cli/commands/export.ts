import { existsSync, rmSync } from 'node:fs'
import { extname } from 'node:path'
import { Command, Option } from 'commander'
import type { Done } from '../../../projector/export/copy-rows.js'
import { type Exported, exportView, sidecarPath } from '../../../projector/export/export-view.js'
import { partPath } from '../../../projector/export/part-file.js'
import { FORMATS, type Format } from '../../../projector/export/row-file.js'
import { withClient } from '../../../projector/migrate.js'
import { loadConfig } from '../../config.js'
import { databaseUrls } from '../../system/database-urls.js'
import { type Progress, spokenSeconds, startProgress, tell } from '../progress.js'

interface ExportCommandOptions {
  point?: string[]
  meter?: string[]
  from?: string
  to?: string
  timeColumn?: string
  format?: Format
  overwrite?: boolean
  json?: boolean
}

const EXAMPLES = `
All rows are of one moment. The file says of which: the chain, its newest signed checkpoint, the height of each lane; a Parquet file in
its metadata (key meterchain), a CSV file in FILE.json beside it. The same state of the ledger makes the same file, and sha256.
How DuckDB and pandas read it: docs/export.md. Views and columns: docs/data-dictionary.md.

Examples:
  $ meterchain export intervals intervals.parquet
  $ meterchain export daily march.csv --from 2027-03-01 --to 2027-04-01
  $ meterchain export intervals one.parquet --point MAC000002 MAC000003 --from 2027-03-01T00:00:00Z
  $ meterchain export bills bills.parquet
`

export function exportCommand(): Command {
  return new Command('export')
    .description('Writes a view of schema analytics into a Parquet or CSV file, with the checkpoint that it was made at')
    .argument('<view>', 'name of the view: intervals, daily, bills, …')
    .argument('<file>', 'what ends in .parquet or .csv')
    .option('--point <ids...>', 'of these usage points alone')
    .option('--meter <ids...>', 'of these meters alone')
    .option('--from <time>', 'from then on: date (midnight UTC), or time with its zone')
    .option('--to <time>', 'up to then, itself outside')
    .option('--time-column <name>', 'what --from and --to are about (default: the first time or day of the view)')
    .addOption(new Option('--format <format>', 'where the file’s name does not say it').choices(FORMATS))
    .option('--overwrite', 'replace a file that is there')
    .option('--json', 'print what the file says of itself, with its sha256, as JSON')
    .addHelpText('after', EXAMPLES)
    .action(run)
}

async function run(view: string, path: string, options: ExportCommandOptions): Promise<void> {
  const format = options.format ?? formatOf(path)
  const files = format === 'csv' ? [path, sidecarPath(path)] : [path]
  const taken = files.find((file) => existsSync(file))
  if (taken !== undefined && options.overwrite !== true)
    throw new Error(`${taken} is there already: name another file, or --overwrite`)
  const exported = await withoutLeftovers(files, () => exportTo(view, path, format, options))
  for (const line of options.json ? [jsonOf(exported)] : linesOf(exported, path)) process.stdout.write(`${line}\n`)
}

function formatOf(path: string): Format {
  const found = FORMATS.find((format) => extname(path) === `.${format}`)
  if (found === undefined) throw new Error(`${path} ends in neither .parquet nor .csv: say which by --format`)
  return found
}

/** Ctrl-C ends the process as ever, but leaves no half file. */
async function withoutLeftovers<T>(files: readonly string[], work: () => Promise<T>): Promise<T> {
  const stop = () => {
    for (const file of files) rmSync(partPath(file), { force: true })
    process.exit(130)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop)
  try {
    return await work()
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, stop)
  }
}

/** How much there is is known when PostgreSQL has found it: until then there is no time left to tell. */
const SORTING_MILLIS = 5_000

async function exportTo(view: string, path: string, format: Format, options: ExportCommandOptions): Promise<Exported> {
  const { point: points = [], meter: meters = [], from, to, timeColumn } = options
  const range = {
    points,
    meters,
    ...(from !== undefined && { from }),
    ...(to !== undefined && { to }),
    ...(timeColumn && { timeColumn }),
  }
  const started = Date.now()
  const said = () => tell(`export: PostgreSQL finds and sorts the rows, ${spokenSeconds((Date.now() - started) / 1000)} so far`)
  const sorting = setInterval(said, SORTING_MILLIS)
  let progress: Progress | undefined
  const onProgress = ({ done, total, of, rows }: Done) => {
    clearInterval(sorting)
    progress ??= startProgress(`export: ${of}`)
    progress.update(done, total, of === 'rows' ? '' : `${rows} rows`)
  }
  try {
    const url = databaseUrls(loadConfig()).writer
    return await withClient(url, (client) => exportView({ client, view, range, path, format, onProgress }))
  } finally {
    clearInterval(sorting)
    progress?.stop()
  }
}

const jsonOf = ({ facts, bytes, sha256 }: Exported): string => JSON.stringify({ ...facts, bytes, sha256 })

function linesOf({ facts, bytes, sha256 }: Exported, path: string): string[] {
  const { view, rows, checkpoint, lanes, chainId, range } = facts
  const time = range.timeColumn === null ? [] : [`range      ${range.timeColumn} ${range.from ?? '…'} to ${range.to ?? '…'}`]
  const heights = lanes.map(({ lane, height, checkpointHeight }) => `${lane}: ${height} (${checkpointHeight})`)
  const signed = checkpoint && `size ${checkpoint.size}, root ${checkpoint.root}, block ${checkpoint.hash}`
  return [
    `${rows} rows of analytics.${view} in ${path}, ${bytes} bytes`,
    ...time,
    `chain      ${chainId}`,
    `checkpoint ${signed ?? 'none is signed yet'}`,
    `lanes      ${heights.join(', ')}: height in the tables (and up to where the checkpoint covers them)`,
    `sha256     ${sha256}`,
  ]
}
