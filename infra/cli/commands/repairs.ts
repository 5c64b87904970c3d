import { Command, InvalidArgumentError } from 'commander'
import pg from 'pg'
import { loadConfig } from '../../config.js'
import { databaseUrls } from '../../system/database-urls.js'
import { table } from '../table.js'

/** A row of analytics.repairs. */
export interface RepairRow {
  readonly id: string
  readonly kind: string
  readonly lane: number | null
  readonly subject: string
  readonly fault: string
  readonly status: string
  readonly by: string
  readonly requestedAt: Date | null
  readonly completedAt: Date | null
  /** null: under way. */
  readonly tookMillis: number | null
  readonly detail: string
  readonly events: number
}

interface RepairsOptions {
  json?: boolean
  limit: number
}

export function repairsCommand(): Command {
  return new Command('repairs')
    .description('What broke, why, what was done about it and what it took: the newest last')
    .option('--limit <n>', 'the newest so many', wholeNumber, 50)
    .option('--json', 'a JSON object a line')
    .action(async ({ json = false, limit }: RepairsOptions) => {
      const rows = await readRepairs(databaseUrls(loadConfig()).analyst, limit)
      const lines = json ? rows.map((row) => JSON.stringify(row)) : repairLines(rows)
      process.stdout.write(lines.map((line) => `${line}\n`).join(''))
    })
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('expected a whole number above 0')
  return Number(text)
}

/** The newest repairs, in the order in which they were first told of. */
export async function readRepairs(url: string, limit: number): Promise<RepairRow[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query<RepairRow>(
      `SELECT id, kind, lane, subject, fault, status, by, requested_at AS "requestedAt", completed_at AS "completedAt",
              round(extract(epoch FROM took) * 1000)::float8 AS "tookMillis", detail, events::int
         FROM analytics.repairs ORDER BY coalesce(requested_at, completed_at) DESC, id LIMIT $1`,
      [limit],
    )
    return rows.reverse()
  } finally {
    await client.end()
  }
}

export function repairLines(rows: readonly RepairRow[]): string[] {
  if (rows.length === 0) return ['nothing was repaired, and nothing is under way']
  const cells = rows.map((row) => [
    (row.requestedAt ?? row.completedAt)?.toISOString().replace('T', ' ').slice(0, 19),
    row.kind,
    row.lane === null ? row.subject : `lane ${row.lane}, ${row.subject}`,
    row.fault,
    row.status === 'requested' ? 'under way' : row.status,
    row.tookMillis === null ? '' : `${(row.tookMillis / 1000).toFixed(3)} s`,
    row.by,
    row.detail,
  ])
  const count = (status: string) => rows.filter((row) => row.status === status).length
  return [
    table(['when (UTC)', 'repair', 'what', 'why', 'state', 'took', 'by', 'in words'], cells),
    `${rows.length} repairs: ${count('completed')} completed, ${count('requested')} under way, ${count('failed')} failed`,
  ]
}
