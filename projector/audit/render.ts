/** Rows as texts, the same from the log and from the table: what the audit compares and what it prints. */
import { sha256 } from '../../schemas/hash.js'
import type { Column, Kind, Row, Table, Value } from '../rows/tables.js'

export type TextRow = readonly (string | null)[]

/** A row that the log demands. */
export const render = (table: Table, row: Row): TextRow => table.columns.map(({ kind }, i) => renderValue(kind, row[i] ?? null))

const isArray = (value: Value): value is readonly number[] => Array.isArray(value)

function renderValue(kind: Kind, value: Value): string | null {
  if (value === null) return null
  if (isArray(value)) return `{${value.join(',')}}`
  if (typeof value === 'object') return renderBytes(kind, value)
  if (kind === 'time') return renderTime(Number(value))
  return String(value)
}

function renderBytes(kind: Kind, bytes: Buffer): string {
  if (kind === 'channel') return String(bytes.readBigInt64BE())
  return kind === 'record' ? sha256(bytes).toString('hex') : `\\x${bytes.toString('hex')}`
}

/** Seconds with six decimals, as `extract(epoch …)` gives them; no float in between. */
function renderTime(millis: number): string {
  if (millis === Infinity) return 'Infinity'
  const seconds = Math.floor(millis / 1000)
  return `${seconds}.${String((millis - seconds * 1000) * 1000).padStart(6, '0')}`
}

/** SQL for a column as the same text. */
function textOf({ name, kind }: Column): string {
  if (kind === 'time') return `extract(epoch FROM ${name})::text`
  return kind === 'record' ? `encode(sha256(${name}), 'hex')` : `${name}::text`
}

/** Rows of a table as texts, in the order of `compareKeys`. */
export function selectRows(table: Table, where: string): string {
  const texts = table.columns.map((column, i) => `${textOf(column)} AS c${i}`)
  const keys = table.columns.filter((each) => each.isKey).map((each, i) => `${each.name} AS k${i}`)
  const order = table.columns
    .filter((each) => each.isKey)
    .map((each, i) => (each.kind === 'text' ? `k${i} COLLATE "C"` : `k${i}`))
  const columns = table.columns.map((_, i) => `c${i}`).join(', ')
  return `SELECT ${columns} FROM (SELECT ${[...texts, ...keys].join(', ')} FROM ${table.name} WHERE ${where}) t ORDER BY ${order.join(', ')}`
}

/** The order of two rows’ keys, as PostgreSQL sorts them. */
export function compareKeys(table: Table, a: TextRow, b: TextRow): number {
  for (const [i, { kind, isKey }] of table.columns.entries()) {
    const [x, y] = [a[i] ?? '', b[i] ?? '']
    if (!isKey || x === y) continue
    return kind === 'text' || kind === 'bytes' ? Buffer.compare(Buffer.from(x), Buffer.from(y)) : compareNumbers(x, y)
  }
  return 0
}

function compareNumbers(x: string, y: string): number {
  const [a, b] = [numberOf(x), numberOf(y)]
  return a < b ? -1 : Number(a > b)
}

/** Times have six decimals each, so their digits compare as integers. */
function numberOf(text: string): bigint | number {
  return text.endsWith('Infinity') ? Number(text) : BigInt(text.replace('.', ''))
}
