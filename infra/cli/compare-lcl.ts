/** Whether what analysts see of the London files is what stands in them, to the last digit. Counts and sums are made here from the
 *  files in another way than the importer's (no CSV library, other decimals), so that one mistake is not made twice. */
import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import pg from 'pg'

export interface MeterTotal {
  readonly intervals: number
  /** Exact decimal text without needless zeros. */
  readonly kwh: string
}

export interface ComparedMeter {
  readonly meter: string
  readonly file: MeterTotal
  readonly database: MeterTotal
  readonly isEqual: boolean
}

export interface Comparison {
  readonly rows: ComparedMeter[]
  readonly intervals: number
  readonly ok: boolean
}

/** What the database holds of these meters. */
const DATABASE_TOTALS = `
  SELECT meter, count(*)::text AS intervals, sum(kwh)::text AS kwh
    FROM analytics.intervals
   WHERE meter = ANY($1)
   GROUP BY meter`

const NONE: MeterTotal = { intervals: 0, kwh: '0' }
const SCALE = 18

/** Compares meter by meter. `databaseUrl` may be a read-only analyst's. */
export async function compareLcl({ files, databaseUrl }: { files: readonly string[]; databaseUrl: string }): Promise<Comparison> {
  const expected = lclTotals(files)
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  try {
    const found = await client.query<{ meter: string; intervals: string; kwh: string | null }>(DATABASE_TOTALS, [
      [...expected.keys()],
    ])
    const stored = found.rows.map((row): [string, MeterTotal] => [
      row.meter,
      { intervals: Number(row.intervals), kwh: plain(row.kwh ?? '0') },
    ])
    return compared(expected, new Map(stored))
  } finally {
    await client.end()
  }
}

/** Row by row, meters in order. */
export function compared(files: ReadonlyMap<string, MeterTotal>, database: ReadonlyMap<string, MeterTotal>): Comparison {
  const rows = [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([meter, file]): ComparedMeter => {
      const stored = database.get(meter) ?? NONE
      return { meter, file, database: stored, isEqual: stored.intervals === file.intervals && stored.kwh === file.kwh }
    })
  const intervals = rows.reduce((sum, row) => sum + row.file.intervals, 0)
  return { rows, intervals, ok: rows.length > 0 && rows.every((row) => row.isEqual) }
}

/** Counts and exact kWh of each meter, straight from the files. Of two lines for one half hour the first counts; lines without a
 *  number of kWh are passed over. */
export function lclTotals(files: readonly string[]): Map<string, MeterTotal> {
  const sums = new Map<string, { seen: Set<string>; sum: bigint }>()
  for (const file of files) {
    const bytes = readFileSync(file)
    const text = (bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes) : bytes).toString('utf8')
    for (const line of text.split('\n')) {
      const [meter = '', time = '', kwh = ''] = line.split(',').map((field) => field.trim())
      if (!/^\d+(\.\d+)?$/.test(kwh)) continue
      const total = sums.get(meter) ?? { seen: new Set(), sum: 0n }
      sums.set(meter, total)
      const half = time.slice(0, 16)
      if (total.seen.has(half)) continue
      total.seen.add(half)
      total.sum += scaled(kwh)
    }
  }
  return new Map([...sums].map(([meter, { seen, sum }]) => [meter, { intervals: seen.size, kwh: plain(unscaled(sum)) }]))
}

/** In units of 10^-18. */
function scaled(text: string): bigint {
  const [whole = '', decimals = ''] = text.split('.')
  if (decimals.length > SCALE) throw new RangeError(`${text} has more than ${SCALE} decimals`)
  return BigInt(whole + decimals.padEnd(SCALE, '0'))
}

function unscaled(sum: bigint): string {
  const unit = 10n ** BigInt(SCALE)
  return `${sum / unit}.${String(sum % unit).padStart(SCALE, '0')}`
}

/** A decimal number without zeros that say nothing. */
function plain(text: string): string {
  const [whole = '0', decimals = ''] = text.split('.')
  const rest = decimals.replace(/0+$/, '')
  return rest === '' ? whole : `${whole}.${rest}`
}
