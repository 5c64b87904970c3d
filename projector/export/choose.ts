/** Which rows of which view. */
import { dayOfDate } from '../../schemas/tariff/civil.js'
import { INSTANT_FORM, instantOf } from '../../schemas/tariff/instant.js'
import type { RowSource } from '../query/row-source.js'
import { type Column, columnOf, expressionOf, quoted } from './columns.js'

/** Nothing given: all rows. */
export interface Range {
  readonly points: readonly string[]
  readonly meters: readonly string[]
  /** A time with its zone, or a day; itself inside. */
  readonly from?: string
  /** Itself outside. */
  readonly to?: string
  /** Which column `from` and `to` are about; default: the view's first time or day. */
  readonly timeColumn?: string
}

export interface Choice {
  readonly view: string
  readonly columns: readonly Column[]
  readonly range: Range
  /** Undefined: the view has no time. */
  readonly timeColumn: Column | undefined
}

/** Columns of a view of schema analytics. Throws Error where there is none of that name. */
export async function columnsOf(source: RowSource, view: string): Promise<Column[]> {
  const found = await source.rows<{ name: string; type: string; comment: string | null }>(
    `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, col_description(a.attrelid, a.attnum) AS comment
       FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
      WHERE n.nspname = 'analytics' AND c.relname = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`,
    [view],
  )
  if (found.length === 0) throw new Error(`there is no view analytics.${view}; there are ${(await viewNames(source)).join(', ')}`)
  return found.map(({ name, type, comment }) => columnOf(name, type, comment ?? ''))
}

async function viewNames(source: RowSource): Promise<string[]> {
  const rows = await source.rows<{ name: string }>(
    `SELECT viewname AS name FROM pg_views WHERE schemaname = 'analytics' ORDER BY viewname`,
  )
  return rows.map(({ name }) => name)
}

/** Throws Error where the view has no column that the range asks for. */
export function chosen(view: string, columns: readonly Column[], range: Range): Choice {
  const { points, meters, from, to, timeColumn: name } = range
  const has = (column: string) => columns.some((each) => each.name === column)
  if (points.length > 0 && !has('usage_point')) throw new Error(`analytics.${view} has no column usage_point: leave out --point`)
  if (meters.length > 0 && !has('meter')) throw new Error(`analytics.${view} has no column meter: leave out --meter`)
  const times = columns.filter(({ kind, isList }) => (kind === 'time' || kind === 'date') && !isList)
  const timeColumn = name === undefined ? times[0] : times.find((each) => each.name === name)
  const known = times.map((each) => each.name).join(', ')
  if (name !== undefined && timeColumn === undefined)
    throw new Error(`${name} is no time of analytics.${view}; its times are ${known === '' ? 'none' : known}`)
  if ((from ?? to) !== undefined && timeColumn === undefined)
    throw new Error(`analytics.${view} has no column of time: leave out --from and --to`)
  return { view, columns, range, timeColumn }
}

/** A bound as PostgreSQL takes it for that column. Throws Error where it is none. */
function boundOf(text: string, { name, kind }: Column): string {
  const millis = instantOf(text)
  if (millis === undefined) throw new Error(`not a time: '${text}' (${INSTANT_FORM})`)
  if (kind === 'date' && dayOfDate(text) === undefined)
    throw new Error(`${name} is a day: give one (YYYY-MM-DD) instead of '${text}'`)
  return kind === 'date' ? text : new Date(millis).toISOString()
}

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`
const oneOf = (column: string, values: readonly string[]): string[] =>
  values.length === 0 ? [] : [`${column} IN (${values.map(literal).join(', ')})`]
const whereOf = (conditions: readonly string[]): string => (conditions.length === 0 ? '' : ` WHERE ${conditions.join(' AND ')}`)

/** Rows in an order that only what is in them decides: the same rows make the same file. */
export function selectOf({ view, columns, range, timeColumn }: Choice): string {
  const bounds = timeColumn === undefined ? [] : boundsOf(range, timeColumn)
  const conditions = [...oneOf('usage_point', range.points), ...oneOf('meter', range.meters), ...bounds]
  const first = ['usage_point', 'meter', timeColumn?.name]
  const order = [...columns].sort((a, b) => rank(a, first) - rank(b, first)).map(orderBy)
  const list = columns.map((column) => `${expressionOf(column)} AS ${quoted(column.name)}`)
  return `SELECT ${list.join(', ')} FROM analytics.${quoted(view)} v${whereOf(conditions)} ORDER BY ${order.join(', ')}`
}

/** Usage points that rows of a range may be of, in the order of `selectOf`. */
export function selectPoints({ points, meters }: Range): string {
  const conditions = [...oneOf('usage_point', points), ...oneOf('meter', meters)]
  return `SELECT DISTINCT usage_point COLLATE "C" AS usage_point
            FROM (SELECT m.meter, a.usage_point FROM store.assignments a JOIN store.meters m ON m.number = a.meter) assigned${whereOf(conditions)}
           ORDER BY 1`
}

function boundsOf({ from, to }: Range, column: Column): string[] {
  const at = quoted(column.name)
  const lower = from === undefined ? [] : [`${at} >= ${literal(boundOf(from, column))}`]
  return to === undefined ? lower : [...lower, `${at} < ${literal(boundOf(to, column))}`]
}

function rank({ name }: Column, first: readonly (string | undefined)[]): number {
  const at = first.indexOf(name)
  return at < 0 ? first.length : at
}

/** `v.`: the column, not what the list makes of it. No server’s collation has a part in it. */
const orderBy = ({ name, kind }: Column): string => `v.${quoted(name)}${kind === 'text' ? ' COLLATE "C"' : ''}`
