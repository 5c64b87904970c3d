/** Makes and drops sets of schemas beside the live one. A set that is being filled has a table `migrations.unfinished`: what is still
 *  to be done, so that whoever comes after a crash goes on. */
import type pg from 'pg'
import { migrateDatabase, withClient } from '../migrate.js'
import { rolesOf } from '../roles.js'
import { LIVE, nameOf, type SetPrefix, schemasOf, useSet } from '../schema-set.js'

export interface SetPlace {
  /** A role that is a member of the owner’s, connected to the database. */
  readonly adminUrl: string
  /** Default: meterchain. */
  readonly rolePrefix?: string
}

export type SetState = 'none' | 'unfinished' | 'finished'

/** One connection as the owner, for statements about that set. */
export function asOwner<T>(place: SetPlace, set: SetPrefix, use: (client: pg.Client) => Promise<T>): Promise<T> {
  return withClient(place.adminUrl, async (client) => {
    await client.query(`SET ROLE ${rolesOf(place.rolePrefix).owner}`)
    useSet(client, set)
    return use(client)
  })
}

export async function stateOf(client: pg.ClientBase, set: SetPrefix): Promise<SetState> {
  const { rows } = await client.query<{ schemas: number; unfinished: boolean }>(
    `SELECT (SELECT count(*)::int FROM pg_namespace WHERE nspname = ANY($1)) AS schemas,
            EXISTS (SELECT FROM pg_tables WHERE schemaname = $2 AND tablename = 'unfinished') AS unfinished`,
    [schemasOf(set), `${set}migrations`],
  )
  const [{ schemas, unfinished } = { schemas: 0, unfinished: false }] = rows
  if (schemas === 0) return 'none'
  return unfinished ? 'unfinished' : 'finished'
}

/** The set with all its tables, empty, or as far as it was filled. `purpose`: what it is filled with; rejects with Error where the set
 *  is there for another. `onMade`: once, when its tables are there. */
export async function prepareSet(
  place: SetPlace,
  set: SetPrefix,
  purpose: string,
  onMade: (client: pg.Client, set: SetPrefix) => Promise<void>,
): Promise<void> {
  await asOwner(place, set, async (client) => {
    const state = await stateOf(client, set)
    if (state === 'finished')
      throw new Error(`schemas ${schemasOf(set).join(', ')} are there already: drop them first, or name others`)
    if (state === 'none') await begin(client, purpose)
    const { rows } = await client.query<{ what: string }>(`SELECT what FROM migrations.unfinished WHERE kind = 'purpose'`)
    if (rows[0]?.what !== purpose)
      throw new Error(
        `set ${nameOf(set)} is half filled ${rows[0]?.what}, and this would fill it ${purpose}: go on with that, or drop it`,
      )
    const { database } = await currentDatabase(client)
    await migrateDatabase(client, database, rolesOf(place.rolePrefix), set)
    if (state === 'none') await onMade(client, set)
  })
}

async function begin(client: pg.Client, purpose: string): Promise<void> {
  await client.query('BEGIN')
  await client.query('CREATE SCHEMA migrations')
  await client.query('CREATE TABLE migrations.unfinished (kind text NOT NULL, what text NOT NULL)')
  await client.query(`INSERT INTO migrations.unfinished VALUES ('purpose', $1)`, [purpose])
  await client.query('COMMIT')
}

async function currentDatabase(client: pg.Client): Promise<{ database: string }> {
  const { rows } = await client.query<{ database: string }>('SELECT current_database() AS database')
  return rows[0] ?? { database: '' }
}

/** The set is full: what was to be done is forgotten, and its schema says what it is. */
export async function finishSet(client: pg.Client, comment: string): Promise<void> {
  await client.query('BEGIN')
  await client.query('DROP TABLE migrations.unfinished')
  await client.query(`COMMENT ON SCHEMA analytics IS ${client.escapeLiteral(comment)}`)
  await client.query('COMMIT')
}

/** Gives whether there was one. Rejects with RangeError for the live set. */
export function dropSet(place: SetPlace, set: SetPrefix): Promise<boolean> {
  if (set === LIVE) throw new RangeError('the live tables are not dropped: name a set that stands beside them')
  return asOwner(place, LIVE, async (client) => {
    const wasThere = (await stateOf(client, set)) !== 'none'
    await client.query(`DROP SCHEMA IF EXISTS ${schemasOf(set).join(', ')} CASCADE`)
    return wasThere
  })
}
