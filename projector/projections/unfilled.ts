import type { ClientBase } from 'pg'

/** Tables that lack the rows of older blocks: they were added to a database with blocks, and no replay was since. */
export async function readUnfilled(client: ClientBase): Promise<Set<string>> {
  const { rows } = await client.query<{ name: string }>('SELECT table_name AS name FROM ledger.unfilled')
  return new Set(rows.map(({ name }) => name))
}
