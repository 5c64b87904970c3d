import { Command, Option } from 'commander'
import { type ImportSummary, importFiles } from '../../../ingest/import/import.js'
import { loadConfig } from '../../config.js'
import { databaseUrls } from '../../system/database-urls.js'
import { type Comparison, compareLcl } from '../compare-lcl.js'
import { startProgress, tell } from '../progress.js'
import { doorUrlOf, withSender } from '../sender.js'
import { table } from '../table.js'

interface ImportCommandOptions {
  format: 'lcl'
  message: 'day' | 'half-hour'
  door?: string
  compare?: boolean
  json?: boolean
}

export function importCommand(): Command {
  return new Command('import')
    .description('Enrols the meters of files of readings as imported ones, signs their readings, and sends them until all count')
    .argument('<files...>', 'files, gzipped or not')
    .addOption(
      new Option('--format <format>', 'lcl: Low Carbon London, LCLid,tstp,energy(kWh/hh), GMT')
        .choices(['lcl'])
        .makeOptionMandatory(),
    )
    .addOption(new Option('--message <length>', 'what one message holds').choices(['day', 'half-hour']).default('day'))
    .option('--door <url>', 'default: the local door')
    .option('--compare', 'does not import: compares what analysts see with the files, meter by meter, to the last digit')
    .option('--json', 'the summary as JSON')
    .addHelpText('after', '\nAn import that was stopped goes on when it is run again; one that is repeated changes nothing.')
    .action(async (files: string[], options: ImportCommandOptions) => {
      if (options.compare)
        return showComparison(await compareLcl({ files, databaseUrl: databaseUrls(loadConfig()).analyst }), options)
      showSummary(await runImport(files, options), options)
    })
}

async function runImport(files: string[], { format, message, door }: ImportCommandOptions): Promise<ImportSummary> {
  const config = loadConfig()
  const progress = startProgress('messages')
  return withSender(config, door ?? doorUrlOf(config), (sender) =>
    importFiles({
      ...{ files, format, message, ...sender },
      onProgress: ({ filesDone, lines, messages, confirmed }) =>
        progress.update(confirmed, messages, `${filesDone}/${files.length} files, ${lines} lines`),
      onMalformed: ({ file, line, reason }) => tell(`${file}:${line}: ${reason}`),
    }),
  ).finally(() => progress.stop())
}

function showSummary({ kwh, ...summary }: ImportSummary, { json = false }: ImportCommandOptions): void {
  if (json) process.stdout.write(`${JSON.stringify({ ...summary, kwh: Object.fromEntries(kwh) })}\n`)
  else process.stdout.write(`${summaryLines(summary).join('\n')}\n`)
  for (const { meter, reason } of summary.setAside) tell(`${meter} is set aside: ${reason}`)
  if (summary.left > 0) process.exitCode = 1
}

function summaryLines(summary: Omit<ImportSummary, 'kwh'>): string[] {
  const { files, knownFiles, meters, lines, malformed, missing, messages, intervals, knownIntervals, confirmed, left } = summary
  const refused = Object.entries(summary.refused).map(([fault, count]) => `${count} × ${fault}`)
  return [
    `${files} files (${knownFiles} known), ${meters} meters, ${lines} lines: ${malformed} malformed, ${missing} without a value`,
    `${intervals} intervals signed in ${messages} messages, ${knownIntervals} were signed before`,
    `${confirmed} messages found to count, ${left} left${refused.length > 0 ? `; the door refused ${refused.join(', ')}` : ''}`,
  ]
}

function showComparison({ rows, intervals, ok }: Comparison, { json = false }: ImportCommandOptions): void {
  const text = json
    ? JSON.stringify({ rows, intervals, ok })
    : table(
        ['meter', 'intervals in file', 'in tables', 'kWh in file', 'in tables', ''],
        rows.map(({ meter, file, database, isEqual }) => [
          ...[meter, file.intervals, database.intervals, file.kwh, database.kwh],
          isEqual ? 'equal' : 'DIFFERS',
        ]),
      )
  process.stdout.write(`${text}\n`)
  if (!json)
    process.stdout.write(
      `${rows.length} meters, ${intervals} intervals: ${ok ? 'all equal, to the last digit' : 'they differ'}\n`,
    )
  if (!ok) process.exitCode = 1
}
