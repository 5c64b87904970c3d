import { Command, InvalidArgumentError, Option } from 'commander'
import { type CheckSummary, checkFiles } from '../../../ingest/import/check-files.js'
import { FORMATS, type FormatName } from '../../../ingest/import/formats.js'
import { type ImportSummary, importFiles, isNothingTaken, type Malformed } from '../../../ingest/import/import.js'
import { loadConfig } from '../../config.js'
import { databaseUrls } from '../../system/database-urls.js'
import { type Comparison, compareLcl } from '../compare-lcl.js'
import { startProgress, tell } from '../progress.js'
import { doorUrlOf, withSender } from '../sender.js'
import { table } from '../table.js'

interface ImportCommandOptions {
  format?: FormatName
  message: 'day' | 'half-hour'
  zone?: string
  door?: string
  check?: boolean
  compare?: boolean
  json?: boolean
}

const HELP = `
Formats, each gzipped or not:
  lcl           Low Carbon London: LCLid,tstp,energy(kWh/hh), half hours of GMT
  nem12         AEMO's NEM12: a meter for each NMI; E1 is OBIS 1-0:1.29.0*255 (import by the customer), B1 1-0:2.29.0 (export), Q1 and
                K1 1-0:3.29.0 and 1-0:4.29.0, E2 1-2:1.29.0; days are of NEM time, UTC+10 all year
  green-button  ESPI XML in an Atom feed: a meter for each UsagePoint, named by its UUID; local days by LocalTimeParameters

What cannot be read is told as file:line: reason, and the rest goes on. Of a day that comes again with other values a later version is
sent as a correction. An import that was stopped goes on when it is run again; one that is repeated changes nothing.

Exit code 1 if messages are left that do not count, or if something is malformed and no value of any file could be taken; with --check
if anything is malformed; with --compare if anything differs.`

export function importCommand(): Command {
  return new Command('import')
    .description('Enrols the meters of files of readings as imported ones, signs their readings, and sends them until all count')
    .argument('<files...>', 'files, gzipped or not')
    .addOption(new Option('--format <format>', 'default: what the content of each file says').choices([...FORMATS]))
    .addOption(new Option('--message <length>', 'what one message of lcl holds').choices(['day', 'half-hour']).default('day'))
    .option('--zone <zone>', 'IANA time zone of usage points that are enrolled; default: what the format says', zoneOption)
    .option('--door <url>', 'default: the local door')
    .option('--check', 'does not import: reads the files and tells what is in them; needs nothing that runs')
    .option('--compare', 'does not import: compares what analysts see with lcl files, meter by meter, to the last digit')
    .option('--json', 'the summary as JSON')
    .addHelpText('after', HELP)
    .action(async (files: string[], options: ImportCommandOptions, command: Command) => {
      if (options.compare && options.format !== 'lcl') command.error('error: --compare knows the files of --format lcl alone')
      if (options.compare)
        return showComparison(await compareLcl({ files, databaseUrl: databaseUrls(loadConfig()).analyst }), options)
      if (options.check) return showCheck(await runCheck(files, options), options)
      showSummary(await runImport(files, options), options)
    })
}

function zoneOption(zone: string): string {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return zone
  } catch {
    throw new InvalidArgumentError('expected an IANA time zone as Australia/Sydney')
  }
}

const tellMalformed = ({ file, line, reason }: Malformed) => tell(`${file}:${line}: ${reason}`)

async function runImport(files: string[], { format, message, zone, door }: ImportCommandOptions): Promise<ImportSummary> {
  const config = loadConfig()
  const progress = startProgress('messages')
  return withSender(config, door ?? doorUrlOf(config), (sender) =>
    importFiles({
      ...{ files, message, ...sender },
      ...(format === undefined ? {} : { format }),
      ...(zone === undefined ? {} : { zone }),
      onProgress: ({ filesDone, records, messages, confirmed }) =>
        progress.update(confirmed, messages, `${filesDone}/${files.length} files, ${records} records`),
      onMalformed: tellMalformed,
    }),
  ).finally(() => progress.stop())
}

async function runCheck(files: string[], { format, message }: ImportCommandOptions): Promise<CheckSummary> {
  const progress = startProgress('files')
  return checkFiles({
    ...{ files, message },
    ...(format === undefined ? {} : { format }),
    onProgress: ({ filesDone, records }) => progress.update(filesDone, files.length, `${records} records`),
    onMalformed: tellMalformed,
  }).finally(() => progress.stop())
}

function showSummary(summary: ImportSummary, { json = false }: ImportCommandOptions): void {
  process.stdout.write(json ? `${JSON.stringify(summary)}\n` : `${summaryLines(summary).join('\n')}\n`)
  for (const { meter, reason } of summary.setAside) tell(`${meter} is set aside: ${reason}`)
  const isNothing = isNothingTaken(summary)
  if (isNothing)
    tell(
      `nothing was imported: no value could be taken from the files (${summary.malformed} malformed, each told above; what files may hold: docs/import.md)`,
    )
  if (summary.left > 0 || isNothing) process.exitCode = 1
}

function summaryLines(summary: ImportSummary): string[] {
  const { files, knownFiles, intervals, registers, messages, corrected, known, outdated, confirmed, left } = summary
  const refused = Object.entries(summary.refused).map(([fault, count]) => `${count} × ${fault}`)
  return [
    `${files} files (${knownFiles} known), ${foundLine(summary)}`,
    `${intervals} intervals${registers > 0 ? ` and ${registers} registers` : ''} signed in ${messages} messages, ${corrected} of them corrections; ${known} were signed before${outdated > 0 ? `, and of ${outdated} a newer version` : ''}`,
    `${confirmed} messages found to count, ${left} left${refused.length > 0 ? `; the door refused ${refused.join(', ')}` : ''}`,
  ]
}

const foundLine = ({ meters, records, malformed, missing }: CheckSummary | ImportSummary): string =>
  `${meters} meters, ${records} records: ${malformed} malformed, ${missing} values missing`

function showCheck(summary: CheckSummary, { json = false }: ImportCommandOptions): void {
  const rows = summary.totals.map(({ meter, obis, intervals, total }) => [meter, obis, intervals, total])
  const lines = [
    table(['meter', 'channel', 'intervals', 'total, thousands'], rows),
    `${summary.files} files, ${foundLine(summary)}`,
    `${summary.intervals} intervals and ${summary.registers} registers would be signed in ${summary.messages} messages`,
  ]
  process.stdout.write(json ? `${JSON.stringify(summary)}\n` : `${lines.join('\n')}\n`)
  if (summary.malformed > 0) process.exitCode = 1
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
