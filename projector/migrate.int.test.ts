import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { DICTIONARY, dataDictionary } from '../infra/testing/data-dictionary.js'
import { createTestDatabase, type TestDatabase, testAdminUrl } from '../infra/testing/postgres.js'
import { migrate, urlOf, withClient } from './migrate.js'
import { migrations } from './migrations/all.js'
import { rolesOf } from './roles.js'

let database: TestDatabase
const clients: pg.Client[] = []

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  clients.push(client)
  return client
}

beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(async () => {
  await Promise.all(clients.map((client) => client.end()))
  await database.drop()
})

describe('migrations', () => {
  test('every schema, table, view and column says what it holds', async () => {
    const admin = await connect(database.adminUrl)
    const { rows } = await admin.query(`
      WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'public')),
           relations AS (SELECT c.oid, nspname || '.' || relname AS name FROM pg_class c JOIN ours n ON n.oid = relnamespace WHERE relkind IN ('r', 'v', 'p', 'm'))
      SELECT nspname AS name FROM ours WHERE coalesce(obj_description(oid, 'pg_namespace'), '') = ''
      UNION ALL SELECT name FROM relations WHERE coalesce(obj_description(oid, 'pg_class'), '') = ''
      UNION ALL SELECT name || '.' || attname FROM relations JOIN pg_attribute ON attrelid = oid
        WHERE attnum > 0 AND NOT attisdropped AND coalesce(col_description(oid, attnum), '') = ''`)
    expect(rows).toEqual([])
  })

  test('the data dictionary is that of the views (else: npm run docs)', async () => {
    const admin = await connect(database.adminUrl)
    expect(readFileSync(DICTIONARY, 'utf8')).toBe(await dataDictionary(admin))
  })

  test('no column of a number is a float', async () => {
    const admin = await connect(database.adminUrl)
    const { rows } = await admin.query(
      `SELECT table_schema, table_name, column_name FROM information_schema.columns
       WHERE table_schema IN ('ledger', 'store', 'analytics') AND data_type IN ('real', 'double precision')`,
    )
    expect(rows).toEqual([])
  })

  test('the analyst reads analytics, and nothing else; and writes nothing', async () => {
    const analyst = await connect(database.analystUrl)
    const { rows: views } = await analyst.query(
      `SELECT table_name AS view FROM information_schema.tables WHERE table_schema = 'analytics'`,
    )
    expect(views.length).toBeGreaterThan(20)
    for (const { view } of views) {
      expect((await analyst.query(`SELECT * FROM analytics.${view}`)).rows).toEqual([])
    }
    await expect(analyst.query('SELECT FROM store.readings')).rejects.toThrow('permission denied')
    await expect(analyst.query('SELECT FROM ledger.blocks')).rejects.toThrow('permission denied')
    await expect(analyst.query('CREATE TEMP TABLE t (i int)')).rejects.toThrow(/permission denied|read-only/)
    await analyst.query('SET default_transaction_read_only = off')
    await expect(analyst.query('CREATE TABLE analytics.t (i int)')).rejects.toThrow('permission denied')
    expect((await analyst.query('SHOW statement_timeout')).rows).toEqual([{ statement_timeout: '30s' }])
  })

  test('the analyst can neither take the locks that writers take nor keep anything on the server’s disk', async () => {
    const analyst = await connect(database.analystUrl)
    await analyst.query('SET default_transaction_read_only = off')
    for (const call of ['pg_advisory_lock(1)', 'pg_try_advisory_xact_lock(1, 2)', `lo_from_bytea(0, '\\x00')`, 'lo_create(0)'])
      await expect(analyst.query(`SELECT ${call}`)).rejects.toThrow('permission denied')
    const writer = await connect(database.writerUrl)
    await writer.query('SELECT pg_advisory_xact_lock_shared(1)')
  })

  test('without a superuser, what stays open to all is named', async () => {
    const id = randomBytes(4).toString('hex')
    const [name, rolePrefix] = [`meterchain_test_${id}`, `mc_${id}`]
    const admin = await connect(testAdminUrl())
    await admin.query(`CREATE ROLE weak_${id} LOGIN CREATEROLE CREATEDB PASSWORD 'weak'`)
    try {
      const adminUrl = urlOf(testAdminUrl(), 'postgres', { user: `weak_${id}`, password: 'weak' })
      const options = { adminUrl, database: name, rolePrefix, passwords: { writer: 'w', analyst: 'a' } }
      const { leftOpen } = await migrate(options)
      expect(leftOpen.join('\n')).toMatch(
        /REVOKE .*pg_advisory_lock\(bigint\).*lo_from_bytea(.|\n)*GRANT .* TO mc_.*_owner, mc_.*_writer/,
      )
      await withClient(urlOf(testAdminUrl(), name), async (superuser) => {
        for (const statement of leftOpen) await superuser.query(statement)
      })
      expect(await migrate(options)).toMatchObject({ applied: [], leftOpen: [] })
    } finally {
      await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      for (const role of [...Object.values(rolesOf(rolePrefix)), `weak_${id}`]) await admin.query(`DROP ROLE IF EXISTS ${role}`)
    }
  })

  test('the writer can change rows, but not tables', async () => {
    const writer = await connect(database.writerUrl)
    await writer.query(`INSERT INTO ledger.chains VALUES ('\\x00', 'n', 1, '\\x00')`)
    await writer.query('DELETE FROM ledger.chains')
    await expect(writer.query('DROP TABLE ledger.chains')).rejects.toThrow('must be owner')
    await expect(writer.query('CREATE TABLE store.t (i int)')).rejects.toThrow('permission denied')
  })

  test('runs twice, and two at once, to the same end', async () => {
    const name = `meterchain_test_${randomBytes(6).toString('hex')}`
    const rolePrefix = `mc_${randomBytes(4).toString('hex')}`
    const options = { adminUrl: testAdminUrl(), database: name, rolePrefix, passwords: { writer: `w'\\"`, analyst: 'a' } }
    const admin = await connect(testAdminUrl())
    try {
      const all = Object.keys(await migrations.getMigrations()).length
      const both = await Promise.all([migrate(options), migrate(options)])
      expect(both.map((each) => each.applied.length).sort()).toEqual([0, all])
      expect(await migrate(options)).toMatchObject({ applied: [], leftOpen: [] })
      const writer = new pg.Client({ connectionString: both[0].writerUrl })
      await writer.connect()
      expect((await writer.query('SELECT count(*)::int AS n FROM store.faults')).rows[0].n).toBeGreaterThan(20)
      // as from a server with other time zones: a view that asked for this one would fail
      await writer.query(`INSERT INTO store.zones VALUES ('Mars/Olympus_Mons')`)
      await migrate(options)
      expect((await writer.query(`SELECT FROM store.zones WHERE zone ~ 'Mars'`)).rowCount).toBe(0)
      await writer.end()
    } finally {
      await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`)
      for (const role of Object.values(rolesOf(rolePrefix))) await admin.query(`DROP ROLE IF EXISTS ${role}`)
    }
  })

  test('refuses names that would need quoting', async () => {
    const options = { adminUrl: testAdminUrl(), database: 'a"b', passwords: { writer: 'w', analyst: 'a' } }
    await expect(migrate(options)).rejects.toThrow(RangeError)
    await expect(migrate({ ...options, database: 'fine', rolePrefix: 'A-b' })).rejects.toThrow(RangeError)
    expect(urlOf('postgresql://u:p@h:1/x', 'y')).toBe('postgresql://u:p@h:1/y')
  })
})
