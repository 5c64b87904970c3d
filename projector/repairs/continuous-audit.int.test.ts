/** The audit beside a writer, on a real database; the logs are in memory. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import { Registry } from 'prom-client'
import type { Finalized } from '../../infra/chain/lane-reader.js'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { repairCounts } from '../../infra/repairs/repair-metrics.js'
import { TestLane } from '../../infra/testing/final-blocks.js'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { type SwitchedProxy, startProxy } from '../../infra/testing/proxy.js'
import { type TestRegistry, testRegistry } from '../../infra/testing/registry.js'
import { SignedMeter } from '../../infra/testing/signed-meters.js'
import { until } from '../../infra/testing/until.js'
import { TransientError } from '../../schemas/errors.js'
import { encodeRejection, encodeRepair, type Repair } from '../../schemas/records.js'
import { RowStream } from '../audit/row-stream.js'
import { audit, type LogSource } from '../audit.js'
import { type PlainSource, readCursors } from '../cursors.js'
import { Database } from '../database.js'
import { LaneWriter } from '../lane-writer.js'
import { writePlain } from '../plain-records.js'
import { recover } from '../recover.js'
import { RegistryRows } from '../registry-rows.js'
import { auditMetrics } from './audit-metrics.js'
import { ContinuousAudit, type ContinuousAuditOptions } from './continuous-audit.js'
import { heal } from './heal.js'

const MINUTE = 60_000
const logged: { msg: string; level: number }[] = []
const logger = pino({ level: 'debug' }, { write: (line: string) => void logged.push(JSON.parse(line)) })
let testDatabase: TestDatabase
let database: Database
let admin: pg.Client
let proxy: SwitchedProxy
let registry: TestRegistry
let lane: TestLane
let meter: SignedMeter
let writer: LaneWriter
let told: Repair[] = []
let running: ContinuousAudit | undefined
let metrics = new Registry()

const failWith = (error: Error) => {
  throw error
}
const repair: Repair = {
  ...{ id: 'resend/meter-1/7', kind: 'resend', lane: 0, subject: 'meter-1', fault: 'gap', status: 'requested', by: 'a' },
  ...{ at: 1_700_000_000_000, tookMillis: null, range: { from: 5, to: 7 }, detail: 'd' },
}
const rejection = { at: 1, meter: '', lane: 0, leaf: Buffer.alloc(32), fault: 65, detail: 'd', bytes: Buffer.alloc(1) }
const plainLogs: Record<PlainSource, Buffer> = {
  rejections: encodeRejection(rejection),
  repairs: encodeRepair(repair),
  checkpoints: Buffer.from('c'),
}
/** By how much the records stand further behind, and were appended later, than they were first. */
let shift = 0
const source: LogSource = {
  chain: async function* () {
    for (const [i, value] of lane.log.entries())
      yield { offset: BigInt(i + shift), timestamp: 1_700_000_000_001 + i + shift, value }
  },
  plain: async (topic) => ({
    low: 0n,
    records: (async function* () {
      yield { offset: 0n, timestamp: 0, value: plainLogs[topic] }
    })(),
  }),
}

/** An audit as fast as it can, round upon round, in a registry of metrics of its own. */
function startAudit(changes: Partial<ContinuousAuditOptions> = {}): ContinuousAudit {
  metrics = new Registry()
  const count = repairCounts(metrics)
  const tell = async (event: Repair) => {
    told.push(event)
    count(event)
  }
  running = new ContinuousAudit({
    ...{ registry: registry.state, verify: sodiumSignatures.verify, source, metrics: auditMetrics(metrics), logger },
    ...{ rowsPerSecond: 1_000_000, roundMillis: 0, databaseUrl: testDatabase.writerUrl },
    healing: { tell, by: 'projector', registryReached: async () => undefined },
    ...changes,
  })
  running.start()
  return running
}

const metric = async (name: string): Promise<number> => {
  const { values = [] } = (await metrics.getSingleMetric(name)?.get()) ?? {}
  return values.reduce((sum, { value }) => sum + value, 0)
}
const rounds = async (more: number) => {
  for (let i = 0; i < more; i++) {
    const before = await metric('meterchain_audit_round_timestamp_seconds')
    await until('another round', MINUTE, async () => (await metric('meterchain_audit_round_timestamp_seconds')) > before)
  }
}
const untilTold = (status: Repair['status'], atLeast: number) =>
  until(`${atLeast} repairs that ${status}`, MINUTE, () => told.filter((each) => each.status === status).length >= atLeast)

const differences = async () =>
  (await audit({ registry: registry.state, verify: sodiumSignatures.verify, databaseUrl: testDatabase.writerUrl, source }))
    .differences

const registers = [{ obis: Buffer.from([1, 0, 2, 8, 0, 255]), unit: 30, scaler: -3, at: 1_700_003_600, value: 7 }]
const nextBlock = (): Finalized => lane.finalize([meter.next({ registers }), Buffer.from('nonsense')], [{ entry: 1, code: 1 }])

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  database = new Database({ url: testDatabase.writerUrl, logger, connections: 4 })
  proxy = await startProxy(testDatabase.writerUrl)
  admin = new pg.Client({ connectionString: testDatabase.adminUrl })
  await admin.connect()
  registry = testRegistry({ authorities: 4, meters: 3, lanes: 1 })
  lane = new TestLane(registry, 0)
  meter = new SignedMeter('meter-1', registry.chainId)
  const { positions, registrySize } = await recover(database, registry.state)
  const rows = new RegistryRows(registry.state, database, registrySize)
  writer = new LaneWriter({
    ...{ lane: 0, height: positions.get(0)?.final.height ?? -1n, database, onFailure: failWith, onWritten: () => undefined },
    numberOf: (id, size) => registry.state.meterAt(id, size)?.ordinal,
    registryReached: (size) => rows.reach(size),
  })
  for (let i = 0; i < 5; i++) await writer.take(nextBlock())
  await writer.idle()
  await rows.reach(registry.state.size)
  for (const topic of ['rejections', 'checkpoints', 'repairs'] as const) {
    const cursor = (await readCursors(admin)).get(`${topic}/0`)
    const record = { offset: 0n, value: plainLogs[topic] }
    if (cursor !== undefined) await database.transaction((client) => writePlain(client, cursor, [record]))
  }
}, MINUTE)
afterEach(async () => {
  const began = Date.now()
  await running?.stop()
  expect(Date.now() - began).toBeLessThan(1_000)
  told = []
  logged.length = 0
  expect(await differences()).toEqual([])
})
afterAll(async () => {
  await admin.end()
  await database.close()
  proxy.close()
  await testDatabase.drop()
})

/** What makes a row another one, and a copy of it a row too many; empty: no second row of a key can be. */
const tables: Record<string, readonly [set: string, move: string]> = {
  'store.profiles': ['narrow[1] = narrow[1] + 1', ''],
  'store.readings': ['sequence = 0', ''],
  'store.registers': ['value = -1', ''],
  'store.rejections': ['fault = 2', ''],
  'store.channels': ["obis = 'x'", 'channel = 5'],
  'store.meters': ["key = '\\x00'", 'number = 99'],
  'store.assignments': ["plan = 'cheap'", 'meter = 99'],
  'ledger.blocks': ["record = '\\x00'", 'height = 99'],
  'ledger.votes': ["record = '\\x00'", "authority = 'zz'"],
  'ledger.registry_events': ["record = '\\x00'", 'event_index = 99'],
  'ledger.chains': ['lanes = 9', "chain_id = '\\x00'"],
  'store.door_rejections': ["detail = 'x'", 'log_offset = 99'],
  'store.repair_events': ["status = 'failed'", 'log_offset = 99'],
  'ledger.checkpoint_records': ["record = '\\x00'", 'log_offset = 99'],
  'store.faults': ["remedy = 'x'", 'code = 999'],
  'store.zones': ["zone = 'Europe/Nowhere'", "zone = 'Europe/Elsewhere'"],
}

test.each(Object.entries(tables))(
  'a row changed, deleted or added in %s is found, healed and told',
  async (table, [set, move]) => {
    const one = table === 'store.zones' ? `zone = 'Europe/London'` : `ctid = (SELECT ctid FROM ${table} LIMIT 1)`
    const copied = `CREATE TEMP TABLE added AS SELECT * FROM ${table} WHERE ${one}`
    const moved = move === '' ? '' : `UPDATE added SET ${move};`
    const damages = [
      `UPDATE ${table} SET ${set} WHERE ${one}`,
      `DELETE FROM ${table} WHERE ${one}`,
      `${copied}; ${moved} INSERT INTO ${table} SELECT * FROM added; DROP TABLE added`,
    ]
    startAudit()
    for (const [i, damage] of damages.entries()) {
      await admin.query(damage)
      await untilTold('completed', i + 1)
    }
    expect(told.map(({ kind, status, by }) => [kind, status, by])).toEqual(
      damages.flatMap(() => [
        ['reproject', 'requested', 'projector'],
        ['reproject', 'completed', 'projector'],
      ]),
    )
    for (const { status, detail, tookMillis } of told) {
      expect(detail).toContain(`${table}: 1 `)
      expect(tookMillis === null).toBe(status === 'requested')
    }
    expect(await metric('meterchain_audit_rows_total')).toBeGreaterThan(10)
    expect(await metric('meterchain_audit_differences_total')).toBeGreaterThanOrEqual(3)
    expect(await metrics.metrics()).toContain('meterchain_repairs_total{kind="reproject",status="completed"} 3')
    expect(await metrics.metrics()).toContain('meterchain_repair_seconds_count{kind="reproject"} 3')
  },
  MINUTE,
)

test(
  'what the writer is just writing is never taken for a difference',
  async () => {
    startAudit()
    const blocks = Array.from({ length: 60 }, nextBlock)
    const writing = (async () => {
      for (const block of blocks) {
        await writer.take(block)
        await writer.idle()
      }
    })()
    await writing
    await rounds(2)
    expect(told).toEqual([])
    expect(await metric('meterchain_audit_differences_total')).toBe(0)
  },
  MINUTE,
)

test(
  'the rate holds',
  async () => {
    const began = Date.now()
    startAudit({ rowsPerSecond: 5_000 })
    await until('rows', MINUTE, async () => (await metric('meterchain_audit_rows_total')) > 0)
    await rounds(1)
    const seconds = (Date.now() - began) / 1000
    expect((await metric('meterchain_audit_rows_total')) / seconds).toBeLessThan(5_000)
  },
  MINUTE,
)

test(
  'nothing is audited at a rate of 0',
  async () => {
    const never = new ContinuousAudit({
      ...{ registry: registry.state, verify: sodiumSignatures.verify, source, metrics: auditMetrics(new Registry()), logger },
      ...{ rowsPerSecond: 0, databaseUrl: 'postgresql://nobody@127.0.0.1:1/nothing' },
      healing: { tell: failWith as never, by: 'x', registryReached: async () => undefined },
    })
    never.start()
    await never.stop()
    expect(logged).toEqual([])
  },
  MINUTE,
)

test(
  'a connection that is lost while rows are compared is not waited for',
  async () => {
    const client = new pg.Client({ connectionString: proxy.through(testDatabase.writerUrl) })
    client.on('error', () => undefined)
    await client.connect()
    const lost = (rows: number) =>
      new Promise((_resolve, reject) => {
        const stream = new RowStream('SELECT generate_series(1, 1000000)', [], 100)
        let seen = 0
        stream.on('error', reject)
        stream.on('data', () => ++seen === rows && proxy.cut())
        client.query(stream)
      })
    await expect(lost(150)).rejects.toThrow(/Connection terminated|EPIPE|ECONNRESET/)
    await expect(lost(1)).rejects.toThrow(/not queryable/)
  },
  MINUTE,
)

test(
  'a database that goes away is waited for, also in the middle of a repair',
  async () => {
    let isFirst = true
    const tell = async (event: Repair) => {
      told.push(event)
      if (!isFirst) return
      isFirst = false
      proxy.goAway()
      setTimeout(() => proxy.comeBack(), 100)
    }
    await admin.query('UPDATE store.profiles SET narrow[1] = narrow[1] + 1 WHERE height = 2')
    startAudit({
      databaseUrl: proxy.through(testDatabase.writerUrl),
      healing: { tell, by: 'projector', registryReached: async () => undefined },
    })
    await untilTold('completed', 1)
    expect(told.map(({ status }) => status)).toEqual(['requested', 'failed', 'requested', 'completed'])
    expect(logged.map(({ msg }) => msg)).toContain('PostgreSQL is away; the audit waits')
  },
  MINUTE,
)

test(
  'a broker that goes away is waited for: what was done meanwhile is told later, and nothing is done untold',
  async () => {
    let failures = ['requested', 'completed']
    const tell = async (event: Repair) => {
      if (event.status === failures[0]) {
        failures = failures.slice(1)
        throw new TransientError('the broker is away')
      }
      told.push(event)
    }
    let opened = 0
    const failing: LogSource = {
      ...source,
      chain: (number) => {
        if (++opened === 2) throw new TransientError('the log cannot be read')
        return source.chain(number)
      },
    }
    await admin.query('DELETE FROM store.readings WHERE height = 2')
    const heal = { tell, by: 'projector', registryReached: async () => undefined }
    startAudit({ source: failing, healing: heal })
    await untilTold('completed', 1)
    expect(told.map(({ status }) => status)).toEqual(['requested', 'completed'])
    const messages = logged.map(({ msg }) => msg)
    expect(messages).toContain('rows are not what the logs demand, and could not be healed')
    expect(messages).toContain('a round of the audit was cut off; it is begun again')
  },
  MINUTE,
)

/** As meterchain audit --repair does it. */
const auditAndHeal = () =>
  audit({
    ...{ registry: registry.state, verify: sodiumSignatures.verify, databaseUrl: testDatabase.writerUrl, source },
    onDifferent: async (part) => {
      const tell = async (event: Repair) => void told.push(event)
      await heal(part, { tell, by: 'operator', registryReached: async () => undefined, database })
    },
  })

test(
  'an audit that read a log before it was restored undoes nothing of what one has healed that read it since',
  async () => {
    let readings = 0
    const restoredMeanwhile: LogSource = {
      ...source,
      chain: async function* (number) {
        for await (const record of source.chain(number)) {
          if (++readings === lane.log.length) {
            shift = 1_000
            await auditAndHeal()
          }
          yield record
        }
      },
    }
    startAudit({ source: restoredMeanwhile })
    await rounds(3)
    await running?.stop()
    const places = await admin.query<{ first: string }>('SELECT min(log_offset) AS first FROM ledger.blocks')
    expect(places.rows).toEqual([{ first: '1000' }])
    expect(await metric('meterchain_audit_differences_total')).toBeGreaterThan(0)
    expect(told.map(({ by, status, subject }) => [by, status, subject.replace(/\d+$/, 'n')])).toEqual([
      ['operator', 'requested', 'blocks 1 to n'],
      ['operator', 'completed', 'blocks 1 to n'],
    ])
    shift = 0
    await auditAndHeal()
    expect(told).toHaveLength(4)
  },
  MINUTE,
)

test(
  'a time to come, of a clock that was turned back, keeps no audit from healing',
  async () => {
    await admin.query(`UPDATE ledger.cursors SET read_since = now() + interval '1 day'`)
    await admin.query('DELETE FROM store.readings WHERE height = 3')
    startAudit()
    await untilTold('completed', 1)
  },
  MINUTE,
)

test(
  'what cannot be healed is told once, and the rest is audited all the same',
  async () => {
    const whole = [...lane.log]
    const lost = lane.log.splice(-5)
    expect(lost).toHaveLength(5)
    startAudit()
    await untilTold('failed', 1)
    await rounds(2)
    expect(told.map(({ subject, status }) => [subject, status])).toEqual([
      ['cursor of chain', 'requested'],
      ['cursor of chain', 'failed'],
    ])
    lane.log.splice(0, lane.log.length, ...whole)
  },
  MINUTE,
)

test(
  'it ends at once, also where it waits: for its turn, for a lock, for the broker',
  async () => {
    const ends = async (audit: ContinuousAudit) => {
      const began = Date.now()
      await audit.stop()
      return Date.now() - began
    }
    const waiting = startAudit({ rowsPerSecond: 1 })
    await until('rows', MINUTE, async () => (await metric('meterchain_audit_rows_total')) > 0)
    expect(await ends(waiting)).toBeLessThan(1_000)

    await admin.query('UPDATE store.profiles SET narrow[1] = narrow[1] + 1 WHERE height = 2')
    await admin.query(`BEGIN; SELECT FROM ledger.cursors FOR UPDATE`)
    const locked = startAudit()
    const seen = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`
    await until('a lock that is waited for', MINUTE, async () => (await database.pool.query(seen)).rowCount === 1)
    expect(await ends(locked)).toBeLessThan(1_000)
    await admin.query('ROLLBACK')

    const never = new Promise<void>(() => undefined)
    let asked = 0
    const tell = (event: Repair) => {
      asked++
      told.push(event)
      return never
    }
    const untold = startAudit({ healing: { tell, by: 'projector', registryReached: async () => undefined } })
    await until('a repair that is asked for', MINUTE, () => asked > 0)
    expect(await ends(untold)).toBeLessThan(1_000)

    startAudit()
    await untilTold('completed', 1)
  },
  MINUTE,
)
