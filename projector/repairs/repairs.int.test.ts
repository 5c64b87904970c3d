/** A running projector whose database is emptied, or replaced by an old backup: the rows come back. Prints the time from fault to healed. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Kafka, Producer } from 'kafkajs'
import pg from 'pg'
import pino from 'pino'
import { loadConfig } from '../../infra/config.js'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { createKafka } from '../../infra/kafka/client.js'
import { LogWriter } from '../../infra/kafka/log-writer.js'
import { SchemaIds } from '../../infra/kafka/schema-ids.js'
import { deleteTopics, ensureTopics } from '../../infra/kafka/topics.js'
import { RegistryFollower } from '../../infra/registry/registry-follower.js'
import { TestLane } from '../../infra/testing/final-blocks.js'
import { createTestDatabase, type TestDatabase, testAdminUrl } from '../../infra/testing/postgres.js'
import { type TestRegistry, testRegistry } from '../../infra/testing/registry.js'
import { SignedMeter } from '../../infra/testing/signed-meters.js'
import { until } from '../../infra/testing/until.js'
import { encodeRejection } from '../../schemas/records.js'
import { kafkaSource } from '../audit/kafka-source.js'
import { type AuditResult, audit } from '../audit.js'
import { migrate } from '../migrate.js'
import { type RunningProjector, startProjector } from '../run.js'

const LANES = 2
const MINUTE = 60_000
const logger = pino({ level: 'silent' })
const config = loadConfig({
  ...(process.env.METERCHAIN_TEST_BROKERS !== undefined && { METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS }),
  METERCHAIN_TOPIC_PREFIX: `test-repairs-${randomBytes(4).toString('hex')}.`,
  METERCHAIN_LANES: String(LANES),
  METERCHAIN_PROJECTOR_PORT: '0',
  METERCHAIN_QUERY_PORT: '0',
})
const home = mkdtempSync(join(tmpdir(), 'repairs-'))
let kafka: Kafka
let producer: Producer
let database: TestDatabase
let databaseName: string
let registry: TestRegistry
let follower: RegistryFollower
let writer: LogWriter
let lanes: TestLane[]
let meters: SignedMeter[]
let running: RunningProjector | undefined
let isOver = false
let restarts: Promise<void> = Promise.resolve()
const sent = { events: 0, records: [0, 0], readings: 0 }

/** As a supervisor does: whatever ends is started again. */
async function start(): Promise<void> {
  let hasFailed = false
  const onFatal = () => {
    if (hasFailed) return
    hasFailed = true
    restarts = restarts.then(async () => {
      await running?.stop()
      running = undefined
      while (!isOver && running === undefined) await start().catch(() => pause(200))
    })
  }
  running = await startProjector({
    ...{ config, logger, kafka, registry: follower, signatures: sodiumSignatures, databaseUrl: database.writerUrl },
    ...{ folder: home, writer, ids: new SchemaIds({ Repair: 1 }), onFatal },
  })
}

async function sendNew(): Promise<void> {
  for (; sent.events < registry.state.size; sent.events++) {
    const value = registry.state.store.eventBytes(sent.events) ?? null
    await producer.send({ topic: `${config.topicPrefix}registry`, messages: [{ value, partition: 0 }] })
  }
  for (const lane of lanes) {
    const messages = lane.log.slice(sent.records[lane.lane]).map((value) => ({ value, partition: lane.lane }))
    if (messages.length > 0) await producer.send({ topic: `${config.topicPrefix}chain`, messages })
    sent.records[lane.lane] = lane.log.length
  }
}

async function sendBlocks(blocks: number): Promise<void> {
  for (let i = 0; i < blocks; i++) {
    for (const [n, lane] of lanes.entries()) {
      const mine = meters.filter((_, index) => index % LANES === n)
      const registers = [{ obis: Buffer.from([1, 0, 2, 8, 0, 255]), unit: 30, scaler: -3, at: 1_700_003_600 + i, value: i }]
      lane.finalize(
        [...mine.map((meter) => meter.next({ registers })), Buffer.from('nonsense')],
        [{ entry: mine.length, code: 1 }],
      )
      sent.readings += mine.length
    }
    await sendNew()
  }
}

/** Blocks, as fast as they are sent, until it is ended. */
function startLoad(): { end(): Promise<void> } {
  let isEnding = false
  const work = (async () => {
    while (!isEnding) {
      await sendBlocks(1)
      await pause(20)
    }
  })()
  return {
    end: () => {
      isEnding = true
      return work
    },
  }
}

const runAudit = (): Promise<AuditResult> =>
  audit({
    ...{ registry: follower.state, verify: sodiumSignatures.verify, databaseUrl: database.writerUrl, limit: 5 },
    source: kafkaSource(kafka, config),
  })

async function asAdmin<T>(use: (client: pg.Client) => Promise<T>, url = database.adminUrl): Promise<T> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** Until every reading that was sent is in the tables, once, and the audit finds nothing. */
async function untilWhole(what: string): Promise<void> {
  const began = Date.now()
  let last: unknown
  await until(
    what,
    MINUTE,
    async () => {
      try {
        const { rows } = await asAdmin((client) =>
          client.query('SELECT count(*)::int, count(DISTINCT leaf)::int AS once FROM store.readings'),
        )
        last = { ...rows[0], readings: sent.readings }
        if (rows[0].count < sent.readings) return false
        const result = await runAudit()
        last = result
        return result.differenceCount === 0
      } catch (error) {
        last = String(error)
        return false
      }
    },
    () => last,
  )
  process.stderr.write(`${what}: healed after ${Date.now() - began} ms\n`)
  const { rows } = await asAdmin((client) =>
    client.query('SELECT count(*)::int, count(DISTINCT leaf)::int AS once FROM store.readings'),
  )
  expect(rows).toEqual([{ count: sent.readings, once: sent.readings }])
}

/** Repairs that analysts see, told to their end. */
const toldRepairs = (kind: string, since: Date, atLeast: number) =>
  until(`${atLeast} completed repairs of kind ${kind}`, MINUTE, async () => {
    const { rows } = await asAdmin((client) =>
      client.query(
        `SELECT lane, subject, detail, by, extract(epoch FROM took)::float8 AS seconds FROM analytics.repairs
          WHERE kind = $1 AND status = 'completed' AND requested_at >= $2 ORDER BY requested_at`,
        [kind, since],
      ),
    )
    return rows.length >= atLeast && rows
  })

/** What was reached is kept once a second. */
const untilKept = () =>
  until('what was reached is kept', MINUTE, () => {
    const file = join(home, 'reached.json')
    if (!existsSync(file)) return false
    const { heights } = JSON.parse(readFileSync(file, 'utf8'))
    return lanes.every(({ lane }) => heights[lane] === String(running?.heights().get(lane)))
  })

beforeAll(async () => {
  database = await createTestDatabase()
  databaseName = new URL(database.adminUrl).pathname.slice(1)
  kafka = createKafka(config, logger)
  await ensureTopics(kafka, config)
  producer = kafka.producer()
  await producer.connect()
  registry = testRegistry({ meters: 20, lanes: LANES })
  lanes = [0, 1].map((lane) => new TestLane(registry, lane))
  meters = Array.from({ length: 20 }, (_, i) => new SignedMeter(`meter-${i + 1}`, registry.chainId))
  await sendNew()
  follower = await RegistryFollower.open({ kafka, config, path: join(home, 'registry'), logger, signatures: sodiumSignatures })
  await follower.start()
  await follower.caughtUp()
  writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  await writer.connect()
  const rejection = { at: 1, meter: '', lane: 1, leaf: Buffer.alloc(32), fault: 65, detail: 'd', bytes: Buffer.alloc(1) }
  for (const [topic, value] of [
    ['rejections', encodeRejection(rejection)],
    ['checkpoints', Buffer.from('c')],
  ] as const)
    await producer.send({ topic: config.topicPrefix + topic, messages: [{ value, partition: 0 }] })
  await sendBlocks(10)
  await start()
  await running?.caughtUp()
  await untilKept()
}, MINUTE)
afterAll(async () => {
  isOver = true
  await restarts
  await running?.stop()
  await follower.close()
  await writer.disconnect()
  await producer.disconnect()
  await deleteTopics(kafka, config)
  await database.drop()
  rmSync(home, { recursive: true })
}, MINUTE)

test(
  'emptied under load: the projector notices, replays, and tells',
  async () => {
    const since = new Date()
    const load = startLoad()
    await asAdmin(async (client) => {
      const { rows } = await client.query(
        `SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') AS names FROM pg_tables WHERE schemaname IN ('ledger', 'store') AND tablename NOT IN ('faults', 'zones')`,
      )
      await client.query(`TRUNCATE ${rows[0].names}`)
    })
    await load.end()
    await untilWhole('emptied')
    expect(await toldRepairs('replay', since, 1)).toMatchObject([{ subject: 'database', by: 'projector' }])
  },
  2 * MINUTE,
)

test(
  'schemas dropped: after migrate the tables fill again, with nothing new in the log',
  async () => {
    const since = new Date()
    await asAdmin((client) => client.query('DROP SCHEMA analytics, store, ledger, migrations CASCADE'))
    await migrate({
      ...{ adminUrl: testAdminUrl(), database: databaseName, rolePrefix: 'meterchain_test' },
      passwords: { writer: 'test-writer', analyst: 'test-analyst' },
    })
    await untilWhole('schemas dropped')
    await toldRepairs('replay', since, 1)
  },
  2 * MINUTE,
)

test(
  'restored from an old backup under load: goes on from there, and tells',
  async () => {
    const backup = `${databaseName}_old`
    const admin = testAdminUrl()
    await running?.stop()
    await asAdmin((client) => client.query(`CREATE DATABASE ${backup} TEMPLATE ${databaseName}`), admin)
    await start()
    await sendBlocks(20)
    await running?.caughtUp()
    const reached = running?.heights().get(0)
    await untilKept()
    const since = new Date()
    const load = startLoad()
    await asAdmin(async (client) => {
      await client.query(`DROP DATABASE ${databaseName} WITH (FORCE)`)
      await client.query(`CREATE DATABASE ${databaseName} TEMPLATE ${backup} OWNER meterchain_test_owner`)
      await client.query(`DROP DATABASE ${backup}`)
    }, admin)
    await load.end()
    await untilWhole('old backup')
    await toldRepairs('replay', since, 1)
    expect(Number(running?.heights().get(0))).toBeGreaterThan(Number(reached))
  },
  2 * MINUTE,
)
