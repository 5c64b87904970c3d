import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Kafka, Producer } from 'kafkajs'
import pino from 'pino'
import { loadConfig } from '../infra/config.js'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { createKafka } from '../infra/kafka/client.js'
import { LogWriter } from '../infra/kafka/log-writer.js'
import { SchemaIds } from '../infra/kafka/schema-ids.js'
import { deleteTopics, ensureTopics } from '../infra/kafka/topics.js'
import { RegistryFollower } from '../infra/registry/registry-follower.js'
import { TestLane } from '../infra/testing/final-blocks.js'
import { createTestDatabase, type TestDatabase } from '../infra/testing/postgres.js'
import { applyEvent, type TestRegistry, testRegistry } from '../infra/testing/registry.js'
import { SignedMeter } from '../infra/testing/signed-meters.js'
import { encodeRejection } from '../schemas/records.js'
import { kafkaSource } from './audit/kafka-source.js'
import { audit } from './audit.js'
import { plainCursor } from './cursors.js'
import { Database } from './database.js'
import { PlainFollower } from './plain-follower.js'
import { type RunningProjector, startProjector } from './run.js'

const LANES = 2
const logger = pino({ level: 'silent' })
const config = loadConfig({
  ...(process.env.METERCHAIN_TEST_BROKERS !== undefined && { METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS }),
  METERCHAIN_TOPIC_PREFIX: `test-projector-${randomBytes(4).toString('hex')}.`,
  METERCHAIN_LANES: String(LANES),
  METERCHAIN_PROJECTOR_PORT: '0',
  METERCHAIN_QUERY_PORT: '0',
})
const home = mkdtempSync(join(tmpdir(), 'projector-'))
const failures: Error[] = []
let kafka: Kafka
let producer: Producer
let database: TestDatabase
let registry: TestRegistry
let follower: RegistryFollower
let writer: LogWriter
let running: RunningProjector | undefined
let lanes: TestLane[]
let meter: SignedMeter
const sent = { events: 0, records: [0, 0] }

const start = () =>
  startProjector({
    ...{ config, logger, kafka, registry: follower, signatures: sodiumSignatures, databaseUrl: database.writerUrl },
    ...{ folder: home, writer, ids: new SchemaIds({ Repair: 1 }) },
    onFatal: (error) => void failures.push(error),
  })

/** What the registry and the lanes hold, and was not sent yet. */
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

const runAudit = () =>
  audit({
    ...{ registry: follower.state, verify: sodiumSignatures.verify, databaseUrl: database.writerUrl },
    source: kafkaSource(kafka, config),
  })

beforeAll(async () => {
  database = await createTestDatabase()
  kafka = createKafka(config, logger)
  await ensureTopics(kafka, config)
  producer = kafka.producer()
  await producer.connect()
  registry = testRegistry({ meters: 2, lanes: LANES })
  lanes = [0, 1].map((lane) => new TestLane(registry, lane))
  meter = new SignedMeter('meter-1', registry.chainId)
  await sendNew()
  follower = await RegistryFollower.open({ kafka, config, path: join(home, 'registry'), logger, signatures: sodiumSignatures })
  await follower.start()
  await follower.caughtUp()
  writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  await writer.connect()
}, 60_000)
afterAll(async () => {
  await running?.stop()
  await follower.close()
  await writer.disconnect()
  await producer.disconnect()
  await deleteTopics(kafka, config)
  await database.drop()
  rmSync(home, { recursive: true })
}, 60_000)

test('what is final in the log stands in the tables, and goes on after a restart', async () => {
  for (let i = 0; i < 5; i++) lanes[0]?.finalize([meter.next()])
  lanes[1]?.finalize([Buffer.from('nonsense')], [{ entry: 0, code: 1 }])
  const rejection = { at: 1, meter: '', lane: 1, leaf: Buffer.alloc(32), fault: 65, detail: 'd', bytes: Buffer.alloc(1) }
  await producer.send({
    topic: `${config.topicPrefix}rejections`,
    messages: [{ value: encodeRejection(rejection), partition: 1 }],
  })
  await producer.send({ topic: `${config.topicPrefix}checkpoints`, messages: [{ value: Buffer.from('c'), partition: 0 }] })
  await sendNew()
  running = await start()
  await running.caughtUp()
  expect([...running.heights()]).toEqual([
    [0, 5n],
    [1, 1n],
  ])
  const ready = await fetch(`http://127.0.0.1:${running.port}/readyz`)
  expect(ready.status).toBe(200)
  const metrics = await (await fetch(`http://127.0.0.1:${running.port}/metrics`)).text()
  expect(metrics).toMatch(/meterchain_readings_total\{outcome="counted",stage="projector"\} 5/)
  expect(metrics).toMatch(/outcome="malformed"/)
  await running.stop()

  const usagePoint = { id: 'p', zone: 'UTC', feeder: '', region: '', plan: '' }
  applyEvent(registry.state, { kind: 'AssignUsagePoint', meter: 'meter-2', validFrom: 5, usagePoint }, registry.authorityKeys)
  lanes[0]?.finalize([meter.next()])
  await sendNew()
  await follower.caughtUp()
  running = await start()
  await running.caughtUp()
  expect(running.heights().get(0)).toBe(6n)
  expect(await runAudit()).toMatchObject({ differenceCount: 0, differences: [] })
  expect(failures).toEqual([])
}, 60_000)

test('a chain that is appended a second time changes nothing', async () => {
  const messages = (lanes[0]?.log ?? []).map((value) => ({ value, partition: 0 }))
  await producer.send({ topic: `${config.topicPrefix}chain`, messages })
  await running?.caughtUp()
  expect(running?.heights().get(0)).toBe(6n)
  expect(await runAudit()).toMatchObject({ differenceCount: 0 })
}, 60_000)

test('a topic that ends before what was taken of it is told, with what to do', async () => {
  const tables = new Database({ url: database.writerUrl, logger, connections: 1 })
  const cursors = [plainCursor('checkpoints', 0, 1_000n, 1_000n)]
  const onFailure = (error: Error) => void failures.push(error)
  const checkpoints = { registry: registry.state, verify: sodiumSignatures.verify, witnesses: [] }
  const plain = new PlainFollower({
    ...{ kafka, config, logger, database: tables, cursors, checkpoints, onFailure },
    registryReached: async () => undefined,
  })
  await expect(plain.start()).rejects.toThrow(/checkpoints, partition 0, ends at \d+, and 1000 was reached.*Restore it/)
  await plain.stop()
  await tables.close()
}, 60_000)
