/** Makes the database what this program expects: roles, database, schemas, privileges. Safe to run again, and by two at once. */
import { Kysely, Migrator, PostgresDialect, type PostgresPool, type PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { BLOCK_FAULTS, DOOR_FAULTS, ENTRY_FAULTS } from '../schemas/faults.js'
import { migrations } from './migrations/all.js'
import { closeToPublic, ensureRoles, grantPrivileges, type Passwords, type Roles, rolesOf } from './roles.js'
import { LIVE, type SetPrefix, useSet } from './schema-set.js'

export interface MigrateOptions {
  /** A role that may make roles and databases; its database only serves to connect. */
  readonly adminUrl: string
  readonly database: string
  readonly passwords: Passwords
  /** Of the roles’ names; default: meterchain. */
  readonly rolePrefix?: string
}

export interface Migrated {
  /** Names of the migrations that ran now; none: it was up to date. */
  readonly applied: readonly string[]
  readonly writerUrl: string
  readonly analystUrl: string
  /** Statements that a superuser is to run in the database, for whoever migrated is none: functions of the system that analysts can call
   *  and should not. */
  readonly leftOpen: readonly string[]
}

/** Two runs at once wait for each other. Roles are shared by all databases of a server, so the lock is taken in the admin’s. */
const LOCK = 0x6d63_6861

const DATABASE = /^[a-z][a-z0-9_-]{0,62}$/

/** Throws RangeError where the database’s name is not plain, and what PostgreSQL says where it refuses. */
export async function migrate({ adminUrl, database, passwords, rolePrefix }: MigrateOptions): Promise<Migrated> {
  if (!DATABASE.test(database))
    throw new RangeError(`not a plain name of a database: '${database}' (a-z, 0-9, _ and -, first a letter)`)
  const roles = rolesOf(rolePrefix)
  const made = await withClient(adminUrl, async (admin) => {
    await admin.query('SELECT pg_advisory_lock($1)', [LOCK])
    await ensureRoles(admin, roles, passwords)
    await ensureDatabase(admin, database, roles)
    return withClient(urlOf(adminUrl, database), async (client) => {
      const leftOpen = await closeToPublic(client, roles)
      return { leftOpen, applied: await migrateDatabase(client, database, roles) }
    })
  })
  return {
    ...made,
    writerUrl: urlOf(adminUrl, database, { user: roles.writer, password: passwords.writer }),
    analystUrl: urlOf(adminUrl, database, { user: roles.analyst, password: passwords.analyst }),
  }
}

/** The same server, another database and, if given, another role. */
export function urlOf(url: string, database: string, login?: { user: string; password: string }): string {
  const made = new URL(url)
  made.pathname = `/${database}`
  if (login !== undefined) {
    made.username = encodeURIComponent(login.user)
    made.password = encodeURIComponent(login.password)
  }
  return made.href
}

/** One connection for what is to be done, closed afterwards. */
export async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  // without a listener a lost connection would end the process; the query under way rejects too
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

async function ensureDatabase(admin: pg.Client, database: string, roles: Roles): Promise<void> {
  const { rowCount } = await admin.query('SELECT FROM pg_database WHERE datname = $1', [database])
  if (rowCount === 0) await admin.query(`CREATE DATABASE ${admin.escapeIdentifier(database)} OWNER ${roles.owner}`)
}

/** Makes the schemas of a set, or brings them up to date, with the privileges on them. Gives the names of the migrations that ran. */
export async function migrateDatabase(client: pg.Client, database: string, roles: Roles, set = LIVE): Promise<string[]> {
  await client.query(`SET ROLE ${roles.owner}`)
  useSet(client, set)
  const applied = await runMigrations(client, set)
  await refreshReferences(client)
  await grantPrivileges(client, database, roles)
  return applied
}

async function runMigrations(client: pg.Client, set: SetPrefix): Promise<string[]> {
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: poolOfOne(client) }) })
  const migrator = new Migrator({ db, provider: migrations, migrationTableSchema: `${set}migrations` })
  const { error, results = [] } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
  await describeOwnTables(client)
  return results.map((each) => each.migrationName)
}

/** Kysely on a client that is ours: it neither opens nor closes it. */
export const poolOfOne = (client: pg.ClientBase): PostgresPool => ({
  connect: async () => ({ query: client.query.bind(client) as PostgresPoolClient['query'], release: () => undefined }),
  end: async () => undefined,
})

/** Kysely makes these two without comments. */
async function describeOwnTables(client: pg.Client): Promise<void> {
  const comments = {
    'SCHEMA migrations': 'Which migrations have run',
    'TABLE migrations.kysely_migration': 'Migrations that have run',
    'COLUMN migrations.kysely_migration.name': 'name of the migration',
    'COLUMN migrations.kysely_migration.timestamp': 'when it ran',
    'TABLE migrations.kysely_migration_lock': 'Lock of whoever migrates',
    'COLUMN migrations.kysely_migration_lock.id': 'name of the lock',
    'COLUMN migrations.kysely_migration_lock.is_locked': 'whether it is held',
  }
  for (const [subject, text] of Object.entries(comments)) await client.query(`COMMENT ON ${subject} IS '${text}'`)
}

/** What each fault means (this program says) and which time zones there are (this server says). */
async function refreshReferences(client: pg.Client): Promise<void> {
  const faults = [...ENTRY_FAULTS, ...BLOCK_FAULTS, ...DOOR_FAULTS]
  const columns = [
    faults.map((each) => each.code),
    faults.map((each) => each.name),
    faults.map((each) => each.meaning),
    faults.map((each) => each.remedy),
  ]
  await client.query('BEGIN')
  await client.query('DELETE FROM store.faults')
  await client.query('INSERT INTO store.faults SELECT * FROM unnest($1::int2[], $2::text[], $3::text[], $4::text[])', columns)
  // a view that asks for a zone that this server does not know fails as a whole
  await client.query('DELETE FROM store.zones WHERE zone NOT IN (SELECT name FROM pg_timezone_names)')
  await client.query('INSERT INTO store.zones SELECT name FROM pg_timezone_names ON CONFLICT DO NOTHING')
  await client.query('COMMIT')
}
