/** Records are lost from a real log, and come back from a real replica, while a projector runs on both. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pino from 'pino'
import { hex } from '../../schemas/bytes.js'
import { stripPrefix } from '../../schemas/records.js'
import { LaneReader, laneRules } from '../chain/lane-reader.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { createKafka } from '../kafka/client.js'
import { endOffsets, readLog } from '../kafka/log-reader.js'
import { LogWriter } from '../kafka/log-writer.js'
import { SchemaIds } from '../kafka/schema-ids.js'
import { recreateTopic } from '../kafka/topics.js'
import { saveGenesis } from '../registry/genesis.js'
import type { TopicName } from '../stage.js'
import { BATCH_FIELD, batchPlaces, flipBit, segmentFile } from '../testing/broker-disk.js'
import { TestLane } from '../testing/final-blocks.js'
import { fullTest } from '../testing/full.js'
import { createTestDatabase, type TestDatabase } from '../testing/postgres.js'
import { openProjecting, type Projecting } from '../testing/projecting.js'
import { testRegistry } from '../testing/registry.js'
import { cliMust, runCli } from '../testing/run-cli.js'
import { until } from '../testing/until.js'
import type { RestorableTopic } from './restorable.js'
import { withPlans } from './restore.js'
import type { PartitionPlan, RestoreDeps, TopicPlan } from './restore-topic.js'

const MINUTE = 60_000
const logger = pino({ level: 'silent' })
const ids = new SchemaIds({ Block: 1, SignedVote: 2, RegistryEvent: 3, Repair: 4, Cosignature: 5 })
let database: TestDatabase
let line: Projecting
let writer: LogWriter
let deps: RestoreDeps

beforeAll(async () => {
  database = await createTestDatabase()
  // the command is looked at first, then the projector does the same by itself
  const settings = { METERCHAIN_RESTORE: 'off', METERCHAIN_AUDIT_ROWS_PER_SECOND: '20000' }
  line = await openProjecting('restore', database, logger, settings)
  const kafka = createKafka(line.config, logger)
  writer = new LogWriter({ kafka, topicPrefix: line.config.topicPrefix, logger })
  await writer.connect()
  deps = { kafka, config: line.config, logger, writer, ids, verify: sodiumSignatures.verify, onAppended: () => undefined }
}, MINUTE)
afterAll(async () => {
  await line.close()
  await writer.disconnect()
  await database.drop()
}, MINUTE)

const chainId = () => line.follower.state.chainId

async function planned<T>(topic: RestorableTopic, use: (plan: TopicPlan) => Promise<T>): Promise<T> {
  const [done] = await withPlans({ replicaUrl: database.writerUrl, chainId: chainId(), topics: [topic] }, deps, use)
  if (done === undefined) throw new Error('no plan')
  return done
}
const summary = (plan: TopicPlan) => plan.partitions.map(({ missing, damages }: PartitionPlan) => [missing, damages.length])

/** What a reader makes final that has nothing else in hand: each record as it stands, without the prefix. */
async function fresh(lane: number) {
  const reader = new LaneReader(lane, laneRules(line.follower.state, sodiumSignatures.verify), undefined)
  const blocks: string[] = []
  for await (const record of records('chain', lane)) {
    const { finalized } = reader.take(record)
    if (finalized !== undefined) blocks.push(hex(finalized.blockBytes))
  }
  return blocks
}

async function* records(topic: TopicName, partition: number) {
  const { kafka, config } = deps
  const from = (await endOffsets(kafka, config.topicPrefix, topic)).get(partition)?.low ?? 0n
  yield* readLog({ kafka, topicPrefix: config.topicPrefix, topic, partition, from })
}

/** As the running projector, which the tables are those of, has seen them. */
async function inTables(lane: number): Promise<string[]> {
  await line.running?.caughtUp()
  return line.asAdmin(async (client) => {
    const { rows } = await client.query<{ record: Buffer }>('SELECT record FROM ledger.blocks WHERE lane = $1 ORDER BY height', [
      lane,
    ])
    return rows.map(({ record }) => hex(record))
  })
}

async function expectRestored(): Promise<void> {
  for (const lane of [0, 1]) expect(await fresh(lane)).toEqual(await inTables(lane))
  expect(await planned('chain', async (plan) => plan.isWhole)).toBe(true)
  await line.sendBlocks(2)
  await line.untilWhole('the line goes on, and log and tables agree')
}

test(
  'a log that lacks nothing is left alone',
  async () => {
    const before = await endOffsets(deps.kafka, line.config.topicPrefix, 'chain')
    const done = await planned('chain', async (plan) => [plan.isWhole, await plan.run()])
    expect(done).toEqual([true, 0])
    expect(await endOffsets(deps.kafka, line.config.topicPrefix, 'chain')).toEqual(before)
  },
  MINUTE,
)

test(
  'a block that was damaged on the broker’s disk, and all that stand on it, are appended again, under load',
  async () => {
    const file = segmentFile(`${line.config.topicPrefix}chain`, 0)
    const place = batchPlaces(file)[3]
    flipBit(file, place?.firstOffset ?? 0n, BATCH_FIELD.records + 40)
    const load = line.startLoad()
    const done = await planned('chain', async (plan) => [summary(plan)[0]?.[1], summary(plan)[1], await plan.run()] as const)
    await load.end()
    expect(done.slice(0, 2)).toEqual([1, [0n, 0]])
    expect(done[2]).toBeGreaterThan(10)
    await expectRestored()
  },
  MINUTE,
)

fullTest(
  'what was cut off from the front is appended again',
  async () => {
    const topic = `${line.config.topicPrefix}chain`
    const admin = deps.kafka.admin()
    await admin.connect()
    // KafkaJS looks for the partition's leader in what this loads
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 1, offset: '7' }] })
    await admin.disconnect()
    expect(await fresh(1)).toEqual([])
    expect(await planned('chain', (plan) => plan.run())).toBeGreaterThan(10)
    await expectRestored()
  },
  MINUTE,
)

test(
  'a replica that was altered is named, with the place, and nothing is written',
  async () => {
    const before = await endOffsets(deps.kafka, line.config.topicPrefix, 'chain')
    const alter = (sql: string) => line.asAdmin((client) => client.query(sql))
    const attempts = [
      [
        'ledger.blocks SET record = set_byte(record, 60, get_byte(record, 60) # 1) WHERE lane = 1 AND height = 4',
        /lane 1, block 4/,
      ],
      [
        'ledger.votes SET record = set_byte(record, 9, get_byte(record, 9) # 1) WHERE lane = 0 AND height = 2',
        /lane 0, block 2 does not follow/,
      ],
      [
        'ledger.blocks SET hash = set_byte(hash, 9, get_byte(hash, 9) # 1) WHERE lane = 0 AND height = 3',
        /block 3 is named by another hash/,
      ],
      [
        'ledger.registry_events SET record = set_byte(record, 30, get_byte(record, 30) # 1) WHERE event_index = 1',
        /registry event 1 does not count/,
      ],
    ] as const
    // the projector's own audit heals: it must not be faster
    await line.running?.stop()
    try {
      for (const [change, message] of attempts) {
        await alter(`UPDATE ${change}`)
        await expect(planned('chain', (plan) => plan.run())).rejects.toThrow(message)
        await alter(`UPDATE ${change}`)
      }
    } finally {
      await line.start()
    }
    expect(await endOffsets(deps.kafka, line.config.topicPrefix, 'chain')).toEqual(before)
    expect(await planned('chain', async (plan) => plan.isWhole)).toBe(true)
  },
  MINUTE,
)

fullTest(
  'a topic that was deleted and made again while the projector runs: it says what to do, and goes on after the restore',
  async () => {
    const ends = line.ends.length
    await recreateTopic(deps.kafka, line.config, 'chain')
    await until(
      'the projector notices',
      MINUTE,
      () => line.ends.length > ends,
      () => line.ends,
    )
    expect(String(line.ends[ends])).toMatch(/it was cut off or made again. .*meterchain restore/)
    expect(await planned('chain', (plan) => plan.run())).toBeGreaterThan(20)
    await until('the projector runs', MINUTE, () => line.running !== undefined)
    await expectRestored()
  },
  MINUTE,
)

fullTest(
  'a log that makes another block final than the replica proves is made again',
  async () => {
    const twin = testRegistry({ meters: 20, lanes: 2 })
    expect(twin.chainId).toEqual(chainId())
    const other = new TestLane(twin, 0)
    other.finalize([Buffer.from('another history')], [{ entry: 0, code: 1 }])
    await line.running?.stop()
    await recreateTopic(deps.kafka, line.config, 'chain')
    await writer.append(
      'chain',
      0,
      other.log.map((value) => ({ value })),
    )
    const mustRecreate = await planned('chain', async (plan) => {
      const why = plan.mustRecreate
      await plan.run()
      return why
    })
    expect(mustRecreate).toMatch(/lane 0: the log makes another block final at height 1 than the replica proves/)
    await line.start()
    await expectRestored()
  },
  MINUTE,
)

test(
  'registry, of which nobody steps over a damaged record, is made again',
  async () => {
    const held = (topic: TopicName) => async () => {
      const values: string[] = []
      for await (const { value } of records(topic, 0)) values.push(hex(stripPrefix(value ?? Buffer.alloc(0))))
      return values
    }
    const events = await held('registry')()
    flipBit(segmentFile(`${line.config.topicPrefix}registry`, 0), 1n, BATCH_FIELD.checksum)
    await expect(held('registry')()).rejects.toThrow(/registry.*damaged/)
    const why = await planned('registry', async (plan) => {
      await plan.run()
      return plan.mustRecreate
    })
    expect(why).toMatch(/offsets 1 to 1 are damaged/)
    expect(await held('registry')()).toEqual(events)
  },
  MINUTE,
)

test(
  'the command shows what is missing and writes nothing, until it is told to',
  async () => {
    const home = mkdtempSync(join(tmpdir(), 'restore-command-'))
    await saveGenesis(join(home, 'genesis.json'), line.follower.state.store.eventBytes(0) ?? Buffer.alloc(0))
    const settings = {
      METERCHAIN_HOME: home,
      METERCHAIN_BROKERS: line.config.brokers.join(','),
      METERCHAIN_REGISTRY_URL: process.env.METERCHAIN_TEST_REGISTRY_URL ?? '',
      METERCHAIN_TOPIC_PREFIX: line.config.topicPrefix,
      METERCHAIN_LANES: '2',
      METERCHAIN_DATABASE_URL: database.writerUrl,
    }
    Object.assign(process.env, settings)
    try {
      const since = new Date()
      await recreateTopic(deps.kafka, line.config, 'checkpoints')
      flipBit(segmentFile(`${line.config.topicPrefix}registry`, 0), 0n, BATCH_FIELD.checksum)
      const dry = await runCli('restore')
      expect(dry.code).toBe(1)
      expect(dry.stdout).toMatch(/registry must be made again: offsets 0 to \d are damaged/)
      expect(dry.stdout).toMatch(/chain: nothing to restore/)
      expect(dry.stdout).toMatch(/checkpoints: nothing was written. Do it: meterchain restore --topic checkpoints --yes/)
      const half = await runCli('restore', '--yes')
      expect(half).toMatchObject({ code: 1, stdout: expect.stringMatching(/restore --topic registry --recreate --yes/) })
      expect(half.stdout).toMatch(/checkpoints: \d+ records appended/)
      expect(await cliMust('restore', '--topic', 'registry', '--recreate', '--yes')).toMatch(
        /registry: \d+ records put into the topic/,
      )
      expect(await cliMust('restore')).toMatch(/registry: nothing to restore.*checkpoints: nothing to restore/s)
      expect(await runCli('restore', '--topic', 'readings')).toMatchObject({
        code: 1,
        stderr: expect.stringMatching(/expected one of/),
      })
      const told = await line.repairs('restore', since, (rows) => rows.length >= 2)
      expect(told.map(({ subject }) => subject)).toEqual(['topic checkpoints', 'topic registry'])
    } finally {
      for (const name of Object.keys(settings)) delete process.env[name]
      rmSync(home, { recursive: true })
    }
  },
  MINUTE,
)

describe('by itself', () => {
  const restarted = async (restore: boolean) => {
    await line.running?.stop()
    await line.start({ restore })
  }
  beforeAll(() => restarted(true), MINUTE)
  afterAll(() => restarted(false), MINUTE)

  /** Each once: a projector that is started twice meanwhile tells of two places in one lane. */
  const lanesOf = (rows: readonly { lane: number | null }[]) => [...new Set(rows.map(({ lane }) => lane))].sort()

  /** Until the projector has told the ends of all these lanes since then, and a reader with nothing else in hand comes to all. */
  async function healed(since: Date, fault: string, lanes: readonly number[]): Promise<void> {
    const rows = await line.repairs('restore', since, (told) => lanesOf(told).length >= lanes.length)
    expect(lanesOf(rows)).toEqual(lanes)
    for (const row of rows) expect(row).toMatchObject({ subject: 'topic chain', fault, by: 'projector' })
    await expectRestored()
  }

  fullTest(
    'a damaged block: the audit of the projector finds it, and what only the tables hold is appended, under load',
    async () => {
      const since = new Date()
      const load = line.startLoad()
      const file = segmentFile(`${line.config.topicPrefix}chain`, 1)
      flipBit(file, batchPlaces(file).at(-3)?.firstOffset ?? 0n, BATCH_FIELD.records + 40)
      await line.repairs('restore', since, (told) => told.length > 0)
      await load.end()
      await healed(since, 'records-damaged', [1])
      expect(await line.metrics()).toMatch(/meterchain_repairs_total\{kind="restore",status="completed",.*\} [1-9]/)
    },
    MINUTE,
  )

  test(
    'a topic that was deleted and made again, while it is written to',
    async () => {
      const since = new Date()
      await recreateTopic(deps.kafka, line.config, 'chain')
      const load = line.startLoad()
      await line.repairs('restore', since, (told) => lanesOf(told).length >= 2)
      await load.end()
      await healed(since, 'records-lost', [0, 1])
    },
    MINUTE,
  )

  fullTest(
    'checkpoints, deleted and made again: the projector appends them before it goes on, with the signatures of their heads',
    async () => {
      for (let i = 0; i < 3; i++) await line.sendCheckpoint()
      await line.running?.caughtUp()
      const since = new Date()
      const heads = () => line.asAdmin(async (client) => (await client.query(CHECKPOINTS_SIGNED)).rows)
      const before = await until('four signed checkpoints', MINUTE, async () => {
        const rows = await heads()
        return rows.length === 4 && rows
      })
      await recreateTopic(deps.kafka, line.config, 'checkpoints')
      const told = await line.repairs('restore', since, (rows) => rows.length > 0)
      for (const each of told)
        expect(each).toMatchObject({ subject: 'topic checkpoints', fault: 'records-lost', by: 'projector' })
      expect(await planned('checkpoints', async (plan) => plan.isWhole)).toBe(true)
      await until(
        'the tables hold them again',
        MINUTE,
        async () => JSON.stringify(await heads()) === JSON.stringify(before),
        heads,
      )
      await line.sendCheckpoint()
      await line.untilWhole('checkpoints go on, and log and tables agree')
      // the audit must not delete what the topic is to be restored from
      const damagedAt = new Date()
      const file = segmentFile(`${line.config.topicPrefix}checkpoints`, 0)
      flipBit(file, batchPlaces(file)[0]?.firstOffset ?? 0n, BATCH_FIELD.checksum)
      await line.repairs('restore', damagedAt, (rows) => rows.length > 0)
      expect(await planned('checkpoints', async (plan) => [plan.isWhole, plan.partitions[0]?.inLog])).toEqual([true, 5n])
    },
    3 * MINUTE,
  )
})

const CHECKPOINTS_SIGNED = `SELECT size, encode(root, 'hex') AS root, count(*)::int AS signatures FROM store.checkpoints
   JOIN store.checkpoint_signatures USING (size) GROUP BY size, root ORDER BY size`
