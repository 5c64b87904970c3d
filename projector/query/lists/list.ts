/** Lists of the query API: rows of a view, in one order, from a cursor on. A list is data; what PostgreSQL is asked follows from it. */
import type { Scope } from '../access/api-key.js'
import { GLOSSARY, type Name } from './glossary.js'
import { type Kind, selected } from './kinds.js'
import type { ParameterKind } from './parameters.js'

export interface Parameter {
  readonly kind: ParameterKind
  readonly description: string
  readonly isRequired?: boolean
  /** The condition; `value` is its SQL. None: `from` takes it. */
  where?(value: string): string
}

/** The SQL of a parameter that was given, else undefined. */
export type Given = (name: string) => string | undefined

export interface List {
  /** As Fastify writes it: /v1/…/:id/… */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly description?: string
  readonly scope: Scope
  /** What is selected from: views of `analytics`. */
  from(given: Given): string
  /** Name in answers → SQL. */
  readonly columns: Partial<Record<Name, string>>
  /** Columns that may have no value. */
  readonly nullable?: readonly Name[]
  /** Of the path. */
  readonly of?: Readonly<Record<string, Parameter>>
  readonly query: Readonly<Record<string, Parameter>>
  /** SQL that tells any two rows apart and is never null, with its type. The first is one by which an index can find rows, so that what
   *  a page costs does not grow with the table: of 1,000 meters and 45 days of quarter-hours a page of intervals or of days comes in
   *  40 ms by usage point first, and in 17 s by time first. */
  readonly order: readonly (readonly [sql: string, type: string])[]
  readonly isNewestFirst?: boolean
  /** What must be there for the list to be: a statement that then has a row, over the path's parameters. */
  readonly within?: { readonly exists: string; missing(values: Readonly<Record<string, unknown>>): string }
  /** Whether a page takes a connection and the time of a stream. */
  readonly isCostly?: boolean
  /** Longest time from `from` to `to`, days. */
  readonly mostDays?: number
}

export interface Column {
  readonly name: Name
  readonly kind: Kind
  readonly isNullable: boolean
}

export const columnsOf = ({ columns, nullable = [] }: List): Column[] =>
  namesOf(columns).map((name) => ({ name, kind: GLOSSARY[name].kind, isNullable: nullable.includes(name) }))

const namesOf = (columns: List['columns']) => Object.keys(columns) as Name[]

export type Values = Readonly<Record<string, string | number | undefined>>

export interface Part {
  /** The last row's key, of the page before. */
  readonly after: readonly string[] | undefined
  readonly limit: number | undefined
}

export interface Statement {
  readonly text: string
  readonly values: readonly string[]
}

/** Its columns are those of the list, then those of the key, as text. */
export function statementOf(list: List, asked: Values, { after, limit }: Part): Statement {
  const values: string[] = []
  const bind = (value: string, type: string) => `$${values.push(value)}::${type}`
  const conditions: string[] = []
  const given = new Map<string, string>()
  for (const [name, { kind, where }] of Object.entries({ ...list.of, ...list.query })) {
    const value = asked[name]
    if (value === undefined) continue
    const sql = bind(kind.toSql(value), kind.type)
    given.set(name, sql)
    if (where !== undefined) conditions.push(where(sql))
  }
  const source = list.from((name) => given.get(name))
  const [direction, beyond] = list.isNewestFirst ? ['DESC', '<'] : ['ASC', '>']
  if (after !== undefined) {
    const border = list.order.map(([, type], at) => bind(after[at] ?? '', type))
    // the same again of the first alone: it comes below groupings, where that of all does not
    conditions.push(`${list.order[0]?.[0]} ${beyond}= ${border[0]}`)
    conditions.push(`(${list.order.map(([sql]) => sql).join(', ')}) ${beyond} (${border.join(', ')})`)
  }
  const columns = columnsOf(list).map(({ name, kind }) => selected(kind, list.columns[name] ?? ''))
  const selection = [...columns, ...list.order.map(([sql]) => `(${sql})::text`)]
  const text = [
    // names of their own, so that those in ORDER BY are columns of the view
    `SELECT ${selection.map((sql, at) => `${sql} AS c${at}`).join(', ')}`,
    `FROM ${source}`,
    conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`,
    `ORDER BY ${list.order.map(([sql]) => `${sql} ${direction}`).join(', ')}`,
    limit === undefined ? '' : `LIMIT ${bind(String(limit), 'int8')}`,
  ]
  return { text: text.filter((each) => each !== '').join('\n'), values }
}
