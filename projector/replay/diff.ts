/** What changed between two sets of tables, row by row. */
import type { ClientBase } from 'pg'
import { PROJECTIONS } from '../projections/all.js'
import { LOGICAL_TABLES, sourceOf } from '../rows/logical-tables.js'
import type { Table } from '../rows/tables.js'
import { inSet, type SetPrefix } from '../schema-set.js'

export interface TableDiff {
  readonly table: string
  /** Rows of the first that the second lacks, by what names a row; the other way round; in both, and not the same. */
  readonly removed: number
  readonly added: number
  readonly changed: number
  /** The set that alone has the table: then nothing is counted. */
  readonly onlyIn?: SetPrefix
  /** Some of them, as JSON; numbers that are not whole, or of more than 15 digits, are texts. */
  readonly examples: readonly { readonly what: 'removed' | 'added' | 'changed'; readonly row: object }[]
}

/** Runs in one snapshot; tables that are equal are left out. At most `limit` rows of each table are named, all are counted. */
export async function diffSets(client: ClientBase, a: SetPrefix, b: SetPrefix, limit: number): Promise<TableDiff[]> {
  await client.query(`BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL TIME ZONE 'UTC'; SET LOCAL work_mem = '64MB'`)
  const found: TableDiff[] = []
  for (const table of LOGICAL_TABLES) {
    const having = await setsWith(client, table, [a, b])
    const onlyIn = having.length === 1 ? having[0] : undefined
    if (onlyIn !== undefined) found.push({ table: table.name, removed: 0, added: 0, changed: 0, onlyIn, examples: [] })
    else if (having.length > 0) found.push(await diffTable(client, table, a, b, limit))
  }
  await client.query('COMMIT')
  return found.filter(({ removed, added, changed, onlyIn }) => onlyIn !== undefined || removed + added + changed > 0)
}

/** Of a table that came with a newer program a set may have none; of all others it has. */
async function setsWith(client: ClientBase, { name }: Table, sets: readonly SetPrefix[]): Promise<SetPrefix[]> {
  if (PROJECTIONS.every(({ table }) => table.name !== name)) return [...sets]
  const { rows } = await client.query<{ has: boolean }>(
    'SELECT to_regclass(name) IS NOT NULL AS has FROM unnest($1::text[]) WITH ORDINALITY t (name, n) ORDER BY n',
    [sets.map((set) => inSet(set, name))],
  )
  return sets.filter((_, i) => rows[i]?.has)
}

/** A number that JavaScript would round is text. */
const exactNumber = (value: string): string =>
  `CASE WHEN jsonb_typeof(${value}) = 'number' AND (${value})::text !~ '^-?[0-9]{1,15}$' THEN to_jsonb((${value})::text) ELSE ${value} END`
const exact = (value: string): string =>
  `CASE WHEN jsonb_typeof(${value}) = 'array' THEN (SELECT coalesce(jsonb_agg(${exactNumber('each')} ORDER BY n), '[]')
     FROM jsonb_array_elements(${value}) WITH ORDINALITY e (each, n)) ELSE ${exactNumber(value)} END`

type Found = Omit<TableDiff, 'table' | 'examples'> & { readonly examples: TableDiff['examples'] | null }

async function diffTable(client: ClientBase, table: Table, a: SetPrefix, b: SetPrefix, limit: number): Promise<TableDiff> {
  const { name, columns } = table
  const list = columns
    .map((each) => (each.kind === 'record' ? `encode(sha256(${each.name}), 'hex') AS ${each.name}` : each.name))
    .join(', ')
  const keys = columns.filter(({ isKey }) => isKey).map((each) => each.name)
  const rowsOf = (set: SetPrefix) => `SELECT ${list} FROM ${inSet(set, sourceOf(table))}`
  const isSame = keys.map((key) => `gone.${key} = come.${key}`).join(' AND ')
  const { rows } = await client.query<Found>(
    `WITH gone AS MATERIALIZED (${rowsOf(a)} EXCEPT ALL ${rowsOf(b)}), come AS MATERIALIZED (${rowsOf(b)} EXCEPT ALL ${rowsOf(a)}),
          found AS MATERIALIZED (
            SELECT CASE WHEN EXISTS (SELECT FROM come WHERE ${isSame}) THEN 'changed' ELSE 'removed' END AS what, to_jsonb(gone) AS row FROM gone
            UNION ALL
            SELECT 'added', to_jsonb(come) FROM come WHERE NOT EXISTS (SELECT FROM gone WHERE ${isSame}))
     SELECT count(*) FILTER (WHERE what = 'removed')::int AS removed, count(*) FILTER (WHERE what = 'added')::int AS added,
            count(*) FILTER (WHERE what = 'changed')::int AS changed,
            (SELECT jsonb_agg(jsonb_build_object('what', what, 'row', (SELECT jsonb_object_agg(key, ${exact('value')}) FROM jsonb_each(row))))
               FROM (SELECT * FROM found LIMIT $1) few) AS examples
       FROM found`,
    [limit],
  )
  const [first = { removed: 0, added: 0, changed: 0, examples: null }] = rows
  return { table: name, ...first, examples: first.examples ?? [] }
}
