/** A projector on real services, in this process: blocks go into its topics, whatever ends is started again, and somebody damages its
 *  database meanwhile. */
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Kafka, Producer } from 'kafkajs'
import type pg from 'pg'
import type { Logger } from 'pino'
import { kafkaSource } from '../../projector/audit/kafka-source.js'
import { type AuditResult, audit } from '../../projector/audit.js'
import { type RunningProjector, startProjector } from '../../projector/run.js'
import { encodeRejection } from '../../schemas/records.js'
import type { Finalized } from '../chain/lane-reader.js'
import { type Config, loadConfig } from '../config.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { createKafka } from '../kafka/client.js'
import { LogWriter } from '../kafka/log-writer.js'
import { SchemaIds } from '../kafka/schema-ids.js'
import { deleteTopics, ensureTopics } from '../kafka/topics.js'
import { RegistryFollower } from '../registry/registry-follower.js'
import { TestCheckpointTopic } from './checkpoint-topic.js'
import { TestLane } from './final-blocks.js'
import type { TestDatabase } from './postgres.js'
import { type TestRegistry, testRegistry } from './registry.js'
import { SignedMeter } from './signed-meters.js'
import { asSuperuser } from './superuser.js'
import { until } from './until.js'

const LANES = 2
const METERS = 20
/** Some seconds where nothing else runs; each round of an audit joins a group for every log. */
const DEADLINE_MILLIS = 90_000
/** Between blocks of the load, at least; no less than a few times what the last one took, so that a busy machine keeps up. */
const LOAD_MILLIS = 100
const LOAD_RESTS = 4

export interface ToldRepairRow {
  readonly lane: number | null
  readonly subject: string
  readonly fault: string
  readonly detail: string
  readonly by: string
}

/** Settings of the projector, beside those that the test's services need. */
export async function openProjecting(
  name: string,
  database: TestDatabase,
  logger: Logger,
  settings: Readonly<Record<string, string>> = {},
): Promise<Projecting> {
  const config = loadConfig({
    ...(process.env.METERCHAIN_TEST_BROKERS !== undefined && { METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS }),
    METERCHAIN_TOPIC_PREFIX: `test-${name}-${randomBytes(4).toString('hex')}.`,
    METERCHAIN_LANES: String(LANES),
    METERCHAIN_PROJECTOR_PORT: '0',
    METERCHAIN_QUERY_PORT: '0',
    ...settings,
  })
  const kafka = createKafka(config, logger)
  await ensureTopics(kafka, config)
  const producer = kafka.producer()
  await producer.connect()
  const registry = testRegistry({ meters: METERS, lanes: LANES })
  const projecting = new Projecting({ config, logger, kafka, producer, registry, database, folder: folderOf(name) })
  await projecting.open()
  return projecting
}

const folderOf = (name: string) => mkdtempSync(join(tmpdir(), `${name}-`))

interface Parts {
  readonly config: Config
  readonly logger: Logger
  readonly kafka: Kafka
  readonly producer: Producer
  readonly registry: TestRegistry
  readonly database: TestDatabase
  readonly folder: string
}

export class Projecting {
  readonly config: Config
  /** Readings that were sent, each of which counts. */
  readings = 0
  running: RunningProjector | undefined
  /** What the projector ended with, each time. */
  readonly ends: Error[] = []
  readonly #lanes: TestLane[]
  readonly #meters: SignedMeter[]
  readonly #writer: LogWriter
  #follower: RegistryFollower | undefined
  #hasFollowerFailed = false
  #onFatal: (error: Error) => void = () => undefined
  #events = 0
  readonly #records = [0, 0]
  /** By `lane/height`. */
  readonly #finals = new Map<string, Finalized>()
  readonly #checkpoints: TestCheckpointTopic
  #sentCheckpoints = 0
  #isOver = false
  #load: Promise<void> = Promise.resolve()
  #restarts: Promise<void> = Promise.resolve()

  constructor(private readonly parts: Parts) {
    const { config, kafka, logger, registry } = parts
    this.config = config
    this.#lanes = [0, 1].map((lane) => new TestLane(registry, lane))
    this.#checkpoints = new TestCheckpointTopic(registry, (lane, height) => this.#finals.get(`${lane}/${height}`))
    this.#meters = Array.from({ length: METERS }, (_, i) => new SignedMeter(`meter-${i + 1}`, registry.chainId))
    this.#writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  }

  /** Ten blocks, and a record of each other topic, are in the tables afterwards. */
  async open(): Promise<void> {
    const { config, producer } = this.parts
    await this.#sendNew()
    await this.#openFollower()
    await this.#writer.connect()
    const rejection = { at: 1, meter: '', lane: 1, leaf: Buffer.alloc(32), fault: 65, detail: 'd', bytes: Buffer.alloc(1) }
    for (const [topic, value] of [
      ['rejections', encodeRejection(rejection)],
      ['checkpoints', Buffer.from('c')],
    ] as const)
      await producer.send({ topic: config.topicPrefix + topic, messages: [{ value, partition: 0 }] })
    await this.sendBlocks(10)
    await this.sendCheckpoint()
    await this.start()
    await this.running?.caughtUp()
  }

  /** It ends with the projector, where it cannot go on. */
  async #openFollower(): Promise<void> {
    const { kafka, config, logger, folder } = this.parts
    const onFailure = (error: Error) => {
      this.#hasFollowerFailed = true
      this.#onFatal(error)
    }
    const path = join(folder, 'registry')
    this.#follower = await RegistryFollower.open({ kafka, config, logger, path, signatures: sodiumSignatures, onFailure })
    await this.#follower.start()
    await this.#follower.caughtUp()
    this.#hasFollowerFailed = false
  }

  /** As a supervisor does: whatever ends is started again. */
  async start(changes: Partial<Config> = {}): Promise<void> {
    const { logger, kafka, database, folder } = this.parts
    const config = { ...this.config, ...changes }
    if (this.#hasFollowerFailed) {
      await this.#follower?.close()
      await this.#openFollower()
    }
    let hasFailed = false
    const onFatal = (error: Error) => {
      this.ends.push(error)
      if (hasFailed) return
      hasFailed = true
      this.#restarts = this.#restarts.then(async () => {
        await this.running?.stop()
        this.running = undefined
        while (!this.#isOver && this.running === undefined) await this.start(changes).catch(() => pause(200))
      })
    }
    this.#onFatal = onFatal
    this.running = await startProjector({
      ...{ config, logger, kafka, registry: this.follower, signatures: sodiumSignatures, databaseUrl: database.writerUrl },
      ...{
        folder,
        writer: this.#writer,
        ids: new SchemaIds({ Block: 1, SignedVote: 2, RegistryEvent: 3, Repair: 4, Cosignature: 5 }),
        onFatal,
        auditRoundMillis: 200,
      },
    })
  }

  get follower(): RegistryFollower {
    if (this.#follower === undefined) throw new Error('it was not opened')
    return this.#follower
  }

  async sendBlocks(blocks: number): Promise<void> {
    for (let i = 0; i < blocks; i++) {
      for (const lane of this.#lanes) {
        const mine = this.#meters.filter((_, index) => index % LANES === lane.lane)
        const registers = [{ obis: Buffer.from([1, 0, 2, 8, 0, 255]), unit: 30, scaler: -3, at: 1_700_003_600 + i, value: i }]
        const entries = [...mine.map((meter) => meter.next({ registers })), Buffer.from('nonsense')]
        const finalized = lane.finalize(entries, [{ entry: mine.length, code: 1 }])
        this.#finals.set(`${lane.lane}/${finalized.header.height}`, finalized)
        this.readings += mine.length
      }
      await this.#sendNew()
    }
  }

  /** A checkpoint over the next block of each lane (of a made-up one where it was not sent), signed by all authorities. */
  async sendCheckpoint(): Promise<void> {
    const { producer, config } = this.parts
    this.#checkpoints.signAll(this.#checkpoints.cover())
    const messages = this.#checkpoints.records.slice(this.#sentCheckpoints).map(({ value }) => ({ value, partition: 0 }))
    this.#sentCheckpoints += messages.length
    await producer.send({ topic: `${config.topicPrefix}checkpoints`, messages })
  }

  async #sendNew(): Promise<void> {
    const { producer, config, registry } = this.parts
    for (; this.#events < registry.state.size; this.#events++) {
      const value = registry.state.store.eventBytes(this.#events) ?? null
      await producer.send({ topic: `${config.topicPrefix}registry`, messages: [{ value, partition: 0 }] })
    }
    for (const { lane, log } of this.#lanes) {
      const messages = log.slice(this.#records[lane]).map((value) => ({ value, partition: lane }))
      if (messages.length > 0) await producer.send({ topic: `${config.topicPrefix}chain`, messages })
      this.#records[lane] = log.length
    }
  }

  /** Blocks, one after the other, until it is ended. */
  startLoad(): { end(): Promise<void> } {
    let isEnding = false
    const work = (async () => {
      while (!isEnding && !this.#isOver) {
        const began = Date.now()
        await this.sendBlocks(1)
        await pause(Math.max(LOAD_MILLIS, LOAD_RESTS * (Date.now() - began)))
      }
    })()
    this.#load = work
    return {
      end: () => {
        isEnding = true
        return work
      },
    }
  }

  audit(): Promise<AuditResult> {
    const { database, kafka, config } = this.parts
    return audit({
      ...{ registry: this.follower.state, verify: sodiumSignatures.verify, databaseUrl: database.writerUrl, limit: 5 },
      source: kafkaSource(kafka, config),
    })
  }

  /** As the superuser, in the projector's database or another. */
  asAdmin<T>(use: (client: pg.Client) => Promise<T>, url = this.parts.database.adminUrl): Promise<T> {
    return asSuperuser(url, use)
  }

  /** Until every reading that was sent is in the tables, once, and the audit finds nothing. Nothing may be sent meanwhile. */
  async untilWhole(what: string): Promise<void> {
    const began = Date.now()
    let last: unknown
    await until(
      what,
      DEADLINE_MILLIS,
      async () => {
        try {
          const counted = await this.#count()
          last = { ...counted, readings: this.readings }
          if (counted.count !== this.readings || counted.once !== this.readings) return false
          const result = await this.audit()
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
  }

  async #count(): Promise<{ count: number; once: number }> {
    const sql = 'SELECT count(*)::int, count(DISTINCT leaf)::int AS once FROM store.readings'
    const { rows } = await this.asAdmin((client) => client.query<{ count: number; once: number }>(sql))
    return rows[0] ?? { count: 0, once: 0 }
  }

  /** Repairs that analysts see, told to their end. */
  repairs(kind: string, since: Date, isEnough: (rows: readonly ToldRepairRow[]) => boolean): Promise<ToldRepairRow[]> {
    let last: readonly ToldRepairRow[] = []
    return until(
      `completed repairs of kind ${kind}`,
      DEADLINE_MILLIS,
      async () => {
        const { rows } = await this.asAdmin((client) =>
          client.query<ToldRepairRow>(
            // what a place loses a second time is told under the id of the first
            `SELECT lane, subject, fault, detail, by FROM analytics.repairs
              WHERE kind = $1 AND status = 'completed' AND took IS NOT NULL AND completed_at >= $2
                AND id IN (SELECT id FROM analytics.repair_events WHERE status = 'requested' AND at >= $2) ORDER BY completed_at`,
            [kind, since],
          ),
        )
        last = rows
        return isEnough(rows) && rows
      },
      () => last,
    )
  }

  /** As Prometheus reads them. */
  async metrics(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.running?.port}/metrics`)).text()
  }

  /** What was reached is kept beside the database, once a second. */
  untilKept(): Promise<unknown> {
    return until('what was reached is kept', DEADLINE_MILLIS, () => {
      const file = join(this.parts.folder, 'reached.json')
      if (!existsSync(file)) return false
      const { heights } = JSON.parse(readFileSync(file, 'utf8'))
      return this.#lanes.every(({ lane }) => heights[lane] === String(this.running?.heights().get(lane)))
    })
  }

  async close(): Promise<void> {
    const { producer, kafka, config, folder } = this.parts
    this.#isOver = true
    await Promise.allSettled([this.#load])
    await this.#restarts
    await this.running?.stop()
    await this.#follower?.close()
    await this.#writer.disconnect()
    await producer.disconnect()
    await deleteTopics(kafka, config)
    rmSync(folder, { recursive: true })
  }
}
