/** Databases for tests on a real PostgreSQL: one is migrated once and copied for each test file. */
import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { type Migrated, migrate, urlOf } from '../../projector/migrate.js'
import { rolesOf } from '../../projector/roles.js'
import { until } from './until.js'

export interface TestDatabase extends Pick<Migrated, 'writerUrl' | 'analystUrl'> {
  /** The same database as the server’s superuser. */
  readonly adminUrl: string
  /** Ends all sessions and deletes it. */
  drop(): Promise<void>
}

export const TEST_ROLE_PREFIX = 'meterchain_test'
const PASSWORDS = { writer: 'test-writer', analyst: 'test-analyst' }
const LOCK = 0x6d63_7465

/** The server’s superuser: METERCHAIN_TEST_POSTGRES_URL, else the local service of METERCHAIN_TEST_HOME or `.meterchain`. */
export function testAdminUrl(): string {
  const given = process.env.METERCHAIN_TEST_POSTGRES_URL
  if (given !== undefined) return given
  const home = process.env.METERCHAIN_TEST_HOME ?? '.meterchain'
  const port = process.env.METERCHAIN_TEST_POSTGRES_PORT ?? '15432'
  const password = readFileSync(join(home, 'secrets', 'postgres'), 'utf8').trim()
  return `postgresql://postgres:${password}@127.0.0.1:${port}/postgres`
}

async function asAdmin<T>(use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: testAdminUrl() })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

const DROP_MILLIS = 60_000

/** False where the server can make no checkpoint just now: the test of a full disk has it so for a while. */
async function isDropped(admin: pg.Client, database: string): Promise<boolean> {
  try {
    await admin.query(`DROP DATABASE IF EXISTS ${database} WITH (FORCE)`)
    return true
  } catch (error) {
    if (error instanceof Error && error.message === 'checkpoint request failed') return false
    throw error
  }
}

/** Another text of the migrations is another template. */
function templateName(): string {
  const folders = ['projector/migrations', 'projector/projections']
  const files = [
    ...folders.flatMap((folder) => readdirSync(folder).map((name) => join(folder, name))),
    'projector/migrate.ts',
    'projector/roles.ts',
    'schemas/faults.ts',
  ]
  const hash = createHash('sha256')
  for (const file of files.sort()) hash.update(readFileSync(file))
  return `meterchain_template_${hash.digest('hex').slice(0, 12)}`
}

/** An empty database with all schemas, roles and privileges, in that tablespace. Needs a running server (`make up`, or the launcher of `make test`). */
export async function createTestDatabase(tablespace = 'pg_default'): Promise<TestDatabase> {
  const template = templateName()
  const database = `meterchain_test_${randomBytes(6).toString('hex')}`
  const { owner, writer, analyst } = rolesOf(TEST_ROLE_PREFIX)
  await asAdmin(async (admin) => {
    await admin.query('SELECT pg_advisory_lock($1)', [LOCK])
    // made under another name, so that a template that was cut off is none
    const { rowCount } = await admin.query('SELECT FROM pg_database WHERE datname = $1', [template])
    if (rowCount === 0) {
      const part = `${template}_part`
      await admin.query(`DROP DATABASE IF EXISTS ${part}`)
      await migrate({ adminUrl: testAdminUrl(), database: part, passwords: PASSWORDS, rolePrefix: TEST_ROLE_PREFIX })
      await admin.query(`ALTER DATABASE ${part} RENAME TO ${template}`)
    }
    await admin.query(`CREATE DATABASE ${database} TEMPLATE ${template} OWNER ${owner} TABLESPACE ${tablespace}`)
    await admin.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`)
    await admin.query(`GRANT CONNECT ON DATABASE ${database} TO ${writer}, ${analyst}`)
  })
  return {
    adminUrl: urlOf(testAdminUrl(), database),
    writerUrl: urlOf(testAdminUrl(), database, { user: writer, password: PASSWORDS.writer }),
    analystUrl: urlOf(testAdminUrl(), database, { user: analyst, password: PASSWORDS.analyst }),
    drop: () =>
      until('the database dropped', DROP_MILLIS, () => asAdmin((admin) => isDropped(admin, database))).then(() => undefined),
  }
}
