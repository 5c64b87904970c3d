/** What a column of a view becomes outside PostgreSQL. Whole numbers and decimals stay exact: nothing here is ever a float. */

/** Digits after the point of every exported decimal: the finest energy that a reading can say is 10^-12 kWh. One scale for all, so
 *  that files of several exports can be read as one table. */
export const DECIMAL_SCALE = 12
/** The widest that DuckDB and Arrow have in 128 bits. */
export const DECIMAL_PRECISION = 38

export type Kind = 'text' | 'int32' | 'int64' | 'decimal' | 'boolean' | 'time' | 'date' | 'bytes'

export interface Column {
  readonly name: string
  readonly kind: Kind
  readonly isList: boolean
  /** As PostgreSQL names it. */
  readonly type: string
  readonly comment: string
}

const KINDS: Readonly<Record<string, Kind>> = {
  ...{ text: 'text', smallint: 'int32', integer: 'int32', bigint: 'int64', numeric: 'decimal', boolean: 'boolean' },
  ...{ 'timestamp with time zone': 'time', date: 'date', bytea: 'bytes' },
  // its seconds: what an interval of months is worth nobody can say, and no view has one
  interval: 'decimal',
}

const LISTED: ReadonlySet<Kind> = new Set(['text', 'int32', 'int64', 'decimal'])

/** Throws RangeError where nothing is known of that type. */
export function columnOf(name: string, type: string, comment: string): Column {
  const isList = type.endsWith('[]')
  const kind = KINDS[isList ? type.slice(0, -2) : type]
  const isKnown = kind !== undefined && (!isList || LISTED.has(kind))
  if (!isKnown) throw new RangeError(`column ${name} has type ${type}, which has no place in an export`)
  return { name, kind, isList, type, comment }
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`

/** SQL that gives the column as text that `cellOf` and `textOf` read. An endless time or date is null: no file format has one. */
export function expressionOf({ name, kind, isList, type }: Column): string {
  const column = quoted(name)
  // as texts: a JSON number is a float to most who read it
  if (isList) return `to_json(${column}::text[])`
  const finite = `CASE WHEN isfinite(${column}) THEN ${column} END`
  if (kind === 'time') return `(extract(epoch FROM ${finite}) * 1000000)::int8`
  if (kind === 'date') return `${finite} - date '1970-01-01'`
  if (kind === 'bytes') return `encode(${column}, 'hex')`
  return type === 'interval' ? `extract(epoch FROM ${column})` : column
}

/** A number is an int32 or the days of a date; a bigint an int64, the microseconds of a time, or a decimal × 10^DECIMAL_SCALE. */
export type Value = string | number | bigint | boolean | Uint8Array | null
export type Cell = Value | Value[]

/** What that text means. Throws RangeError where a decimal has more digits than there is room for. */
export function cellOf(column: Column, text: string | null): Cell {
  if (text === null) return null
  if (!column.isList) return readAs(column, text)
  const items = JSON.parse(text) as (string | null)[]
  return items.map((item) => (item === null ? null : readAs(column, item)))
}

function readAs({ name, kind }: Column, text: string): Value {
  switch (kind) {
    case 'text':
      return text
    case 'int32':
    case 'date':
      return Number(text)
    case 'int64':
    case 'time':
      return BigInt(text)
    case 'boolean':
      return text === 't' || text === 'true'
    case 'bytes':
      return Buffer.from(text, 'hex')
    case 'decimal':
      return scaled(name, text)
  }
}

const DECIMAL = /^(-?\d+)(?:\.(\d+?)(0*))?$/
const LARGEST = 10n ** BigInt(DECIMAL_PRECISION)

/** × 10^DECIMAL_SCALE, exact. */
function scaled(name: string, text: string): bigint {
  const [, whole = '', fraction = ''] = DECIMAL.exec(text) ?? []
  const digits = fraction === '0' ? '' : fraction
  const value = whole === '' ? LARGEST : BigInt(whole + digits.padEnd(DECIMAL_SCALE, '0'))
  if (digits.length <= DECIMAL_SCALE && value < LARGEST && value > -LARGEST) return value
  throw new RangeError(
    `${name} is ${text}: Parquet files of ours hold decimals of ${DECIMAL_PRECISION} digits, ${DECIMAL_SCALE} of them after the point; CSV holds any`,
  )
}

const MICROS = 1_000_000n

/** For a CSV file: as PostgreSQL writes it, but times and dates in the form of ISO 8601, always with as many digits. */
export function textOf(column: Column, text: string | null): string | null {
  if (text === null || column.isList) return text
  if (column.kind === 'time') return timeText(BigInt(text))
  if (column.kind === 'date') return new Date(Number(text) * 86_400_000).toISOString().slice(0, 10)
  if (column.kind === 'boolean') return text === 't' ? 'true' : 'false'
  return text
}

function timeText(micros: bigint): string {
  const rest = ((micros % MICROS) + MICROS) % MICROS
  const second = new Date(Number((micros - rest) / 1000n)).toISOString().slice(0, 19)
  return `${second}.${String(rest).padStart(6, '0')}Z`
}
