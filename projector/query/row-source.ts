import type pg from 'pg'

/** Whoever answers queries: the pool of the query API, or one transaction. */
export interface RowSource {
  rows<Row extends pg.QueryResultRow>(text: string, values?: readonly unknown[]): Promise<Row[]>
}

export const rowsOf = (client: pg.ClientBase): RowSource => ({
  rows: async <Row extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []) =>
    (await client.query<Row>(text, [...values])).rows,
})

/** One moment of the tables, for as long as `use` takes. `tables` are locked before the snapshot is taken: where a replay puts its own
 *  in their place at this moment, their names then mean the new ones, and the snapshot has their rows. */
export async function inSnapshot<T>(
  client: pg.ClientBase,
  tables: readonly string[],
  use: (source: RowSource) => Promise<T>,
): Promise<T> {
  await client.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY')
  try {
    await client.query(`LOCK TABLE ${tables.join(', ')} IN ACCESS SHARE MODE`)
    return await use(rowsOf(client))
  } finally {
    await client.query('ROLLBACK')
  }
}
