/** Tables that somebody changes, empties, or puts back as they were. */
import type pg from 'pg'
import { urlOf } from '../../projector/migrate.js'
import { runAudit } from '../cli/commands/audit.js'
import { postgresAdminUrl } from '../services/postgres.js'
import { DATABASE } from '../system/database-urls.js'
import { asSuperuser } from '../testing/superuser.js'
import { until } from '../testing/until.js'
import { type Fault, lanesMoved, repairsSince, type World } from './world.js'

const MINUTE = 60_000

const onTables = <T>({ config }: World, use: (client: pg.Client) => Promise<T>): Promise<T> =>
  asSuperuser(urlOf(postgresAdminUrl(config), DATABASE), use)

/** Some row of the table, by its place. */
const someRow = (table: string): string => `ctid = (SELECT ctid FROM ${table} ORDER BY random() LIMIT 1)`
const ALTERATIONS = [
  `UPDATE store.profiles SET narrow[1] = narrow[1] + 1000 WHERE ${someRow('store.profiles')}`,
  `DELETE FROM store.profiles WHERE ${someRow('store.profiles')}`,
  `DELETE FROM store.readings WHERE ${someRow('store.readings')}`,
  `UPDATE ledger.blocks SET counted = counted + 1 WHERE ${someRow('ledger.blocks')}`,
  `DELETE FROM ledger.blocks WHERE ${someRow('ledger.blocks')}`,
]

/** Whoever finds it first tells of it: the projector's own audit goes round all the time, the command's at once. */
export const rowsAltered: Fault = {
  kind: 'rows-altered',
  meaning:
    'a superuser changes or deletes a row: until an audit (the projector’s own, or `meterchain audit --repair`) has made it again',
  inject: async (world) => {
    const statement = world.random.pick(ALTERATIONS)
    const at = Date.now()
    const { rowCount } = await onTables(world, (client) => client.query(statement))
    if (rowCount === 0) throw new Error(`no row to change: ${statement}`)
    await runAudit(world.config, 10, [])
    const isHealed = async () => (await repairsSince(world, 'reproject', at)) > 0
    return { told: statement.slice(0, statement.indexOf(' WHERE')), at, isHealed }
  },
}

/** All that is made from the logs. */
const tablesOf = async (client: pg.Client): Promise<string[]> => {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
      WHERE schemaname IN ('ledger', 'store') AND tablename NOT IN ('faults', 'zones')`,
  )
  return rows.map(({ name }) => name)
}

const untilReplayed = (world: World, at: number) => async () => (await repairsSince(world, 'replay', at)) > 0

export const postgresEmptied: Fault = {
  kind: 'postgres-emptied',
  meaning: 'all tables are emptied: until all rows are there again',
  inject: async (world) => {
    await onTables(world, async (client) => client.query(`TRUNCATE ${(await tablesOf(client)).join(', ')}`))
    const at = Date.now()
    return { told: 'ledger and store', at, isHealed: untilReplayed(world, at) }
  },
}

const BACKUP = 'old_backup'
/** What the backup lacks. */
const BLOCKS_AFTER = 5

/** The rows of one moment, beside the tables, as a backup has them. */
const backUp = (world: World): Promise<void> =>
  onTables(world, async (client) => {
    await client.query(`DROP SCHEMA IF EXISTS ${BACKUP} CASCADE; CREATE SCHEMA ${BACKUP}`)
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
    for (const table of await tablesOf(client)) await client.query(`CREATE TABLE ${BACKUP}."${table}" AS TABLE ${table}`)
    await client.query('COMMIT')
  })

/** Instead of what the tables hold now. */
const putBack = (world: World): Promise<void> =>
  onTables(world, async (client) => {
    const tables = await tablesOf(client)
    await client.query('SET session_replication_role = replica; BEGIN')
    await client.query(`TRUNCATE ${tables.join(', ')}`)
    for (const table of tables) await client.query(`INSERT INTO ${table} SELECT * FROM ${BACKUP}."${table}"`)
    await client.query(`DROP SCHEMA ${BACKUP} CASCADE`)
    await client.query('COMMIT')
  })

export const postgresRestored: Fault = {
  kind: 'postgres-restored',
  meaning: 'an old backup takes the place of all tables: until all rows that it lacks are there again',
  inject: async (world) => {
    await backUp(world)
    const since = Date.now()
    const { lanes } = world.config
    await until('blocks that the backup lacks', MINUTE, async () => (await lanesMoved(world, since, BLOCKS_AFTER)) === lanes)
    await putBack(world)
    const at = Date.now()
    return { told: `a backup of ${at - since} ms before`, at, isHealed: untilReplayed(world, at) }
  },
}
