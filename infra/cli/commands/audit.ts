import { Command } from 'commander'
import pino from 'pino'
import type { Difference } from '../../../projector/audit/compare.js'
import { kafkaSource } from '../../../projector/audit/kafka-source.js'
import type { Part } from '../../../projector/audit/part.js'
import { type AuditResult, audit } from '../../../projector/audit.js'
import { Database } from '../../../projector/database.js'
import { requireTables } from '../../../projector/recover.js'
import { type Healed, heal } from '../../../projector/repairs/heal.js'
import { type Config, loadConfig } from '../../config.js'
import { tellInto } from '../../repairs/repair-events.js'
import type { Runtime } from '../../stage-runtime.js'
import { databaseUrls } from '../../system/database-urls.js'
import { withRuntime } from '../../system/system.js'
import { startProgress } from '../progress.js'

interface AuditOptions {
  limit: string
  json?: boolean
  repair?: boolean
}

export function auditCommand(): Command {
  return new Command('audit')
    .description(
      'Compares every row in PostgreSQL with the logs, and names each that differs, is missing or is too many; exit code 1 if any',
    )
    .option('--limit <n>', 'rows that are named; all are counted', '100')
    .option('--repair', 'makes what it finds again from the logs, and audits again; safe while the projector runs')
    .option('--json', 'as JSON')
    .action(async ({ limit, json = false, repair = false }: AuditOptions) => {
      const config = loadConfig()
      const healed: Healed[] = []
      const found = await runAudit(config, Number(limit), repair ? healed : undefined)
      const result = healed.length === 0 ? found : { ...(await runAudit(config, Number(limit))), healed }
      const text = json ? JSON.stringify(result) : [...healed.map(healedLine), ...auditLines(result)].join('\n')
      process.stdout.write(`${text}\n`)
      if (result.differenceCount > 0) process.exitCode = 1
    })
}

/** Audits that are begun anew before it is left to the user: only others that heal at the same time make one outdated. */
const TRIES = 5

/** An audit, with progress on stderr. With `healed`, what differs is made again and told there; where somebody healed meanwhile who began
 *  to read the log later, it is begun anew. */
export async function runAudit(config: Config, limit: number, healed?: Healed[]): Promise<AuditResult> {
  for (let tries = 1; ; tries++) {
    const { result, outdated } = await auditOnce(config, limit, healed)
    if (outdated === undefined || tries === TRIES) return result
    process.stderr.write(`${outdated}: an audit that began later has healed there; the logs are read again\n`)
  }
}

async function auditOnce(
  config: Config,
  limit: number,
  healed: Healed[] | undefined,
): Promise<{ readonly result: AuditResult; readonly outdated: string | undefined }> {
  const progress = startProgress('audit: blocks')
  const logger = pino({ level: 'silent' })
  const database = new Database({ url: databaseUrls(config).writer, logger, connections: 1 })
  let outdated: string | undefined
  const healing = ({ registry, writer, ids }: Runtime) => ({
    onDifferent: async (part: Part) => {
      const registryReached = (size: number, deadlineMillis: number) => registry.reach(size, deadlineMillis)
      const done = await heal(part, { database, tell: tellInto({ writer, ids }), by: 'audit', registryReached })
      if (done === 'outdated') outdated = placeOf(part)
      else if (done !== undefined) healed?.push(done)
    },
  })
  return withRuntime(config, 'audit', logger, async (runtime) => {
    const { kafka, registry, signatures } = runtime
    if (healed !== undefined) await database.transaction(requireTables)
    const result = await audit({
      ...(healed !== undefined && healing(runtime)),
      source: kafkaSource(kafka, config),
      registry: registry.state,
      verify: signatures.verify,
      witnesses: config.witnesses,
      databaseUrl: databaseUrls(config).writer,
      limit,
      onProgress: ({ blocks, blocksInAll, rowsCompared }) =>
        progress.update(Number(blocks), Number(blocksInAll), `${rowsCompared} rows`),
    })
    return { result, outdated }
  }).finally(() => {
    progress.stop()
    return database.close()
  })
}

const placeOf = ({ subject, lane }: Pick<Part, 'subject' | 'lane'>) => (lane < 0 ? subject : `lane ${lane}, ${subject}`)

function healedLine({ subject, lane, status, detail, tookMillis }: Healed): string {
  const what = placeOf({ subject, lane })
  return status === 'completed'
    ? `${what}: ${detail}; made again from the logs in ${tookMillis} ms`
    : `${what}: not repaired: ${detail}`
}

export function auditLines({ differences, differenceCount, rowsCompared, unfilled }: AuditResult): string[] {
  const unnamed = differenceCount - differences.length
  return [
    ...differences.map(differenceLine),
    ...(unnamed > 0 ? [`… and ${unnamed} more (see --limit)`] : []),
    ...unfilled.map((name) => `${name} was not looked at: it waits for the rows of older blocks, which meterchain replay makes`),
    `${rowsCompared} rows compared with the logs: ${differenceCount === 0 ? `all ${unfilled.length > 0 ? 'of these ' : ''}are as they must be` : `${differenceCount} are not`}`,
  ]
}

function differenceLine({ table, kind, key, expected, found }: Difference): string {
  const fields = (values: Readonly<Record<string, string | null>> | undefined) =>
    Object.entries(values ?? {}).map(([name, value]) => `${name}=${value ?? 'null'}`)
  const where = `${table} (${fields(key).join(', ')}) ${kind}`
  if (kind === 'differs')
    return `${where}: the log demands ${fields(expected).join(', ')}, the table holds ${fields(found).join(', ')}`
  return where
}
