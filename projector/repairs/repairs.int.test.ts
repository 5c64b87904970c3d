/** What a superuser does to the database of a running projector, and how the rows come back. Prints the time from fault to healed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { createTestDatabase, type TestDatabase, testAdminUrl } from '../../infra/testing/postgres.js'
import { openProjecting, type Projecting } from '../../infra/testing/projecting.js'
import { watchCli } from '../../infra/testing/run-cli.js'
import { migrate } from '../migrate.js'

const MINUTE = 60_000
let database: TestDatabase
let databaseName: string
let projecting: Projecting

beforeAll(async () => {
  database = await createTestDatabase()
  databaseName = new URL(database.adminUrl).pathname.slice(1)
  const settings = { METERCHAIN_AUDIT_ROWS_PER_SECOND: '20000' }
  projecting = await openProjecting('repairs', database, pino({ level: 'silent' }), settings)
  await projecting.untilKept()
}, MINUTE)
afterAll(async () => {
  await projecting.close()
  await database.drop()
}, MINUTE)

/** What a superuser sets in a row of each. */
const changes: Record<string, string> = {
  'store.profiles': 'narrow[1] = narrow[1] + 1',
  'store.readings': 'sequence = 0',
  'store.registers': 'value = -1',
  'store.rejections': 'fault = 2',
  'store.channels': "obis = 'x'",
  'store.meters': "key = '\\x00'",
  'store.assignments': "plan = 'cheap'",
  'ledger.blocks': "record = '\\x00'",
  'ledger.votes': "record = '\\x00'",
  'ledger.registry_events': "record = '\\x00'",
  'ledger.chains': 'lanes = 9',
  'store.door_rejections': "detail = 'x'",
  'ledger.checkpoint_records': "record = '\\x00'",
  'store.faults': "remedy = 'x'",
}
const tables = Object.keys(changes)
/** A channel that is missing comes back with the next block that uses it. */
const missed = tables.filter((table) => table !== 'store.channels')
/** Some row that is not just being written. */
const anyRow = (table: string) => `ctid = (SELECT ctid FROM ${table} LIMIT 1)`
const ADDED = `
  INSERT INTO store.profiles SELECT * FROM store.profiles WHERE height < 3;
  INSERT INTO store.readings SELECT * FROM store.readings WHERE height < 3;
  INSERT INTO store.registers SELECT * FROM store.registers WHERE height < 3;
  INSERT INTO store.rejections SELECT * FROM store.rejections WHERE height < 3;
  INSERT INTO ledger.votes SELECT lane, height, 'zz', record FROM ledger.votes WHERE height < 3;
  INSERT INTO store.assignments SELECT (jsonb_populate_record(a, '{"meter": 99}')).* FROM store.assignments a LIMIT 1;
  INSERT INTO store.channels VALUES (5, 'x', 1, 1, 1);
  INSERT INTO ledger.checkpoint_records VALUES (1000, '\\x00');
  INSERT INTO store.faults VALUES (999, 'x', 'x', 'x')`
const addedTo = [...ADDED.matchAll(/INTO (\S+)/g)].map(([, table = '']) => table)

/** Which tables the completed repairs speak of, with how their rows differed. */
const spokenOf = (rows: readonly { detail: string }[], how: string) =>
  new Set(rows.flatMap(({ detail }) => detail.split('; ').flatMap((part) => (part.endsWith(how) ? [part.split(':')[0]] : []))))

test(
  'rows changed, deleted and added in each table, under load, are found by the continuous audit, healed and told',
  async () => {
    const load = projecting.startLoad()
    const damages = [
      ['differ', tables, tables.map((table) => `UPDATE ${table} SET ${changes[table]} WHERE ${anyRow(table)}`).join(';')],
      ['missing', missed, missed.map((table) => `DELETE FROM ${table} WHERE ${anyRow(table)}`).join(';')],
      ['too many', addedTo, ADDED],
    ] as const
    for (const [how, damaged, damage] of damages) {
      const since = new Date()
      await projecting.asAdmin((client) => client.query(damage))
      const told = await projecting.repairs('reproject', since, (rows) => spokenOf(rows, how).size >= damaged.length)
      expect([...spokenOf(told, how)].sort()).toEqual([...damaged].sort())
      expect(told.every(({ by }) => by === 'projector')).toBe(true)
      process.stderr.write(`${how}, in ${damaged.length} tables: healed and told after ${Date.now() - since.getTime()} ms\n`)
    }
    await load.end()
    await projecting.untilWhole('at rest')
    expect(projecting.ends).toEqual([])
    const metrics = await (await fetch(`http://127.0.0.1:${projecting.running?.port}/metrics`)).text()
    expect(metrics).toMatch(/meterchain_audit_rows_total\{stage="projector"\} [1-9]/)
    expect(metrics).toMatch(/meterchain_audit_differences_total\{stage="projector"\} [1-9]/)
    expect(metrics).toMatch(/meterchain_audit_round_timestamp_seconds\{stage="projector"\} [1-9]/)
    expect(metrics).toMatch(/meterchain_repairs_total\{kind="reproject",status="completed",stage="projector"\} [1-9]/)
    expect(metrics).toMatch(/meterchain_repair_seconds_count\{stage="projector",kind="reproject"\} [1-9]/)
  },
  5 * MINUTE,
)

test(
  'audit --repair heals at once while the projector writes, and says what it did; afterwards nothing differs',
  async () => {
    const home = mkdtempSync(join(tmpdir(), 'audit-'))
    const { brokers, topicPrefix, lanes } = projecting.config
    const registryUrl = process.env.METERCHAIN_TEST_REGISTRY_URL
    Object.assign(process.env, {
      ...{ METERCHAIN_HOME: home, METERCHAIN_BROKERS: brokers.join(), METERCHAIN_TOPIC_PREFIX: topicPrefix },
      ...{ METERCHAIN_LANES: String(lanes), METERCHAIN_DATABASE_URL: database.writerUrl },
      ...(registryUrl !== undefined && { METERCHAIN_REGISTRY_URL: registryUrl }),
    })
    const load = projecting.startLoad()
    await projecting.running?.stop()
    await projecting.start({ auditRowsPerSecond: 0 })
    const damage = `UPDATE store.profiles SET narrow[1] = 1; DELETE FROM store.readings WHERE height = 2; ${ADDED}`
    const since = new Date()
    await projecting.asAdmin((client) => client.query(damage))
    const said = { stdout: '', stderr: '' }
    const [{ code, stdout, stderr }] = await Promise.all([
      watchCli(said, 'audit', '--repair'),
      // as one does that heals and began to read later
      projecting.asAdmin(async (client) => {
        while (!said.stderr.includes('the logs are read again')) {
          await client.query(`UPDATE ledger.cursors SET read_since = clock_timestamp() WHERE source = 'chain'`)
          await pause(20)
        }
      }),
    ])
    await load.end()
    rmSync(home, { recursive: true })
    expect([code, stderr]).toEqual([0, expect.any(String)])
    expect(stdout).toMatch(/made again from the logs in \d+ ms\n/)
    expect(stdout).toMatch(/rows compared with the logs: all are as they must be\n$/)
    const told = await projecting.repairs('reproject', since, (rows) => rows.some(({ by }) => by === 'audit'))
    expect(told.map(({ detail }) => detail).join()).toMatch(/store\.profiles: \d+ differ/)
    await projecting.untilWhole('audit --repair')
    expect(projecting.ends).toEqual([])
    await projecting.running?.stop()
    await projecting.start()
  },
  5 * MINUTE,
)

test(
  'emptied under load: the projector notices, replays, and tells',
  async () => {
    const since = new Date()
    const load = projecting.startLoad()
    await projecting.asAdmin(async (client) => {
      const { rows } = await client.query(
        `SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') AS names FROM pg_tables WHERE schemaname IN ('ledger', 'store')`,
      )
      await client.query(`TRUNCATE ${rows[0].names}`)
    })
    await load.end()
    await projecting.untilWhole('emptied')
    expect(await projecting.repairs('replay', since, (rows) => rows.length > 0)).toMatchObject([
      { subject: 'database', by: 'projector' },
    ])
  },
  5 * MINUTE,
)

test(
  'schemas dropped: after migrate the tables fill again, with nothing new in the log',
  async () => {
    const since = new Date()
    await projecting.asAdmin((client) => client.query('DROP SCHEMA analytics, store, ledger, migrations CASCADE'))
    await migrate({
      ...{ adminUrl: testAdminUrl(), database: databaseName, rolePrefix: 'meterchain_test' },
      passwords: { writer: 'test-writer', analyst: 'test-analyst' },
    })
    await projecting.untilWhole('schemas dropped')
    await projecting.repairs('replay', since, (rows) => rows.length > 0)
  },
  5 * MINUTE,
)

test(
  'restored from an old backup under load: goes on from there, and tells',
  async () => {
    const backup = `${databaseName}_old`
    const admin = testAdminUrl()
    await projecting.running?.stop()
    await projecting.asAdmin((client) => client.query(`CREATE DATABASE ${backup} TEMPLATE ${databaseName}`), admin)
    await projecting.start()
    await projecting.sendBlocks(20)
    await projecting.running?.caughtUp()
    const reached = projecting.running?.heights().get(0)
    await projecting.untilKept()
    const since = new Date()
    const load = projecting.startLoad()
    await projecting.asAdmin(async (client) => {
      await client.query(`DROP DATABASE ${databaseName} WITH (FORCE)`)
      await client.query(`CREATE DATABASE ${databaseName} TEMPLATE ${backup} OWNER meterchain_test_owner`)
      await client.query(`DROP DATABASE ${backup}`)
    }, admin)
    await load.end()
    await projecting.untilWhole('old backup')
    await projecting.repairs('replay', since, (rows) => rows.length > 0)
    expect(Number(projecting.running?.heights().get(0))).toBeGreaterThan(Number(reached))
  },
  5 * MINUTE,
)

// in `make test-full` alone: that the audit heals cursors is tested without a projector too
;(process.env.METERCHAIN_TEST_FULL === 'true' ? test : test.skip)(
  'cursors moved forward, naming another block, or deleted',
  async () => {
    for (const change of [
      "UPDATE ledger.cursors SET height = height + 5 WHERE source = 'chain' AND lane = 0",
      "UPDATE ledger.cursors SET block_hash = '\\x00' WHERE source = 'chain'",
      "DELETE FROM ledger.cursors WHERE source <> 'rejections'",
    ]) {
      await projecting.asAdmin((client) => client.query(change))
      await projecting.sendBlocks(2)
      await projecting.untilWhole(change)
    }
  },
  5 * MINUTE,
)
