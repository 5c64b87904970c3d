/** Puts back what a topic has lost, from a replica that was verified: by appending, or, where that cannot do, by making it again. */
import { randomUUID } from 'node:crypto'
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { hex } from '../../schemas/bytes.js'
import { BugError } from '../../schemas/errors.js'
import { sha256 } from '../../schemas/hash.js'
import type { FinalBlock, LaneRules } from '../../schemas/lane-fold.js'
import { decodeChainRecord, stripPrefix } from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { laneRules } from '../chain/lane-reader.js'
import type { Config } from '../config.js'
import { endOffsets, type LogDamage, LogReader, readLog } from '../kafka/log-reader.js'
import type { LogMessage, LogWriter } from '../kafka/log-writer.js'
import type { SchemaIds } from '../kafka/schema-ids.js'
import { ensureTopics, recreateTopic } from '../kafka/topics.js'
import type { TopicName } from '../stage.js'
import { FreshLane } from './fresh-lane.js'
import type { LaneReplica } from './lane-replica.js'
import { recordsOf } from './prove.js'
import type { RestorableTopic } from './restorable.js'
import type { VerifiedReplica } from './verify-replica.js'

export interface RestoreDeps {
  readonly kafka: Kafka
  readonly config: Config
  readonly logger: Logger
  readonly writer: LogWriter
  readonly ids: SchemaIds
  readonly verify: LaneRules['verify']
  onAppended(topic: RestorableTopic, records: number): void
}

/** What is to be done for a partition. */
export interface PartitionPlan {
  readonly partition: number
  /** What a fresh reader of the log comes to, and what the replica holds: final blocks, events, records. */
  readonly inLog: bigint
  readonly inReplica: bigint
  /** What only the replica has. */
  readonly missing: bigint
  readonly damages: readonly LogDamage[]
  /** Where log and replica contradict each other. */
  readonly conflict?: bigint
}

export interface TopicPlan {
  readonly topic: RestorableTopic
  readonly partitions: readonly PartitionPlan[]
  /** Why appending cannot do; undefined: it can. */
  readonly mustRecreate?: string
  readonly isWhole: boolean
  /** Does it. Resolves with the number of records appended. */
  run(): Promise<number>
}

const APPEND_RECORDS = 200
const APPEND_BYTES = 3 * 1024 * 1024
const MOST_PASSES = 100

/** Appends in order, a few at a time. */
class Appender {
  count = 0
  private batch: LogMessage[] = []
  private bytes = 0
  constructor(
    private readonly deps: RestoreDeps,
    private readonly topic: RestorableTopic,
    private readonly partition: number,
  ) {}

  async add(value: Buffer): Promise<void> {
    if (this.batch.length >= APPEND_RECORDS || this.bytes + value.length > APPEND_BYTES) await this.flush()
    this.batch.push({ value })
    this.bytes += value.length
  }

  async flush(): Promise<void> {
    if (this.batch.length === 0) return
    await this.deps.writer.append(this.topic, this.partition, this.batch)
    this.count += this.batch.length
    this.deps.onAppended(this.topic, this.batch.length)
    this.batch = []
    this.bytes = 0
  }
}

async function* recordsFrom(
  deps: RestoreDeps,
  place: { topic: TopicName; partition: number; from: bigint },
  onDamaged: (damage: LogDamage) => void,
) {
  const { kafka, logger } = deps
  const { topicPrefix } = deps.config
  const range = (await endOffsets(kafka, topicPrefix, place.topic)).get(place.partition)
  if (range === undefined) return
  const from = place.from > range.low ? place.from : range.low
  yield* readLog({ kafka, logger, topicPrefix, ...place, from, until: range.high, onDamaged, stepsOverAll: true })
}

/** Reads all lanes of the topic once, and says what they lack. `use` has the plan as long as it runs. */
export async function planLanes<T>(
  topic: 'chain' | 'checkpoints',
  replicas: readonly LaneReplica[],
  { registry }: VerifiedReplica,
  deps: RestoreDeps,
  use: (plan: TopicPlan) => Promise<T>,
): Promise<T> {
  const lanes = replicas.map((replica) => new FreshLane(replica, laneRules(registry, deps.verify)))
  try {
    for (const lane of lanes) await read(lane, deps)
    return await use(planOf(topic, lanes, registry, deps))
  } finally {
    for (const lane of lanes) await lane.close()
  }
}

function planOf(
  topic: 'chain' | 'checkpoints',
  lanes: readonly FreshLane[],
  registry: RegistryState,
  deps: RestoreDeps,
): TopicPlan {
  const partitions = lanes.map(({ replica, height, missing, missingSignatures, damages, conflict }) => ({
    ...{ partition: replica.partition, inLog: height, inReplica: replica.top.height, damages },
    ...{ missing: missing + BigInt(missingSignatures.length), ...(conflict !== undefined && { conflict }) },
  }))
  const wrong = partitions.find(({ conflict }) => conflict !== undefined)
  const where = topic === 'chain' ? `lane ${wrong?.partition}` : topic
  const mustRecreate = wrong && `${where}: the log makes another block final at height ${wrong.conflict} than the replica proves`
  return {
    ...{ topic, partitions, isWhole: lanes.every((lane) => lane.isWhole) },
    ...(mustRecreate !== undefined && { mustRecreate }),
    run: async () => {
      if (mustRecreate !== undefined) return recreateLanes(topic, registry, lanes, deps)
      await ensureTopics(deps.kafka, deps.config)
      let appended = 0
      for (const lane of lanes) appended += await appendLane(registry, lane, deps)
      return appended
    },
  }
}

async function read(lane: FreshLane, deps: RestoreDeps): Promise<void> {
  const { topic, partition } = lane.replica
  const place = { topic, partition, from: lane.nextOffset }
  for await (const record of recordsFrom(deps, place, (damage) => lane.damages.push(damage))) await lane.take(record)
}

/** Others append meanwhile: what came between is appended again until the lane's reader has all. It reads on all the time, so that little
 *  comes between. */
async function appendLane(registry: RegistryState, lane: FreshLane, deps: RestoreDeps): Promise<number> {
  const { kafka, logger, config } = deps
  const { topicPrefix } = config
  const { topic, partition } = lane.replica
  const appender = new Appender(deps, topic, partition)
  const { low = 0n } = (await endOffsets(kafka, topicPrefix, topic)).get(partition) ?? {}
  let next = lane.nextOffset > low ? lane.nextOffset : low
  let passes = 0
  const append = async () => {
    if (lane.conflict !== undefined || passes++ > MOST_PASSES)
      throw new Error(
        `${topic}, partition ${partition}, stays at height ${lane.height}: look again (meterchain restore), or stop the stages meanwhile`,
      )
    await addBlocks(registry, lane, appender, deps)
    for (const signature of lane.missingSignatures) await appender.add(deps.ids.frame('Cosignature', signature))
    if (lane.lacksNext) await showNewest(lane, appender, deps)
    for (const value of lane.takeTail()) await appender.add(value)
    await appender.flush()
  }
  let end = () => {}
  let fail: (error: Error) => void = () => undefined
  const whole = new Promise<void>((resolve, reject) => {
    end = resolve
    fail = reject
  })
  const reader = new LogReader({
    ...{ kafka, logger, topicPrefix, groupId: `${topicPrefix}restore-${randomUUID()}`, stepsOverAll: true },
    positions: [{ topic, partition, offset: next }],
    onRecords: async (_topic, _partition, records, high) => {
      for (const record of records) await lane.take(record)
      next = (records.at(-1)?.offset ?? next - 1n) + 1n
      if (next < high) return
      if (lane.isWhole) end()
      else await append()
    },
    onFailure: (error) => fail(error),
  })
  try {
    await reader.start()
    await whole
    return appender.count
  } finally {
    await reader.stop()
  }
}

/** The blocks that the log does not make final, each with its certificate. */
async function addBlocks(
  registry: RegistryState,
  { replica, height, final }: Pick<FreshLane, 'replica' | 'height' | 'final'>,
  appender: Appender,
  { ids }: RestoreDeps,
): Promise<void> {
  if (height >= replica.top.height) return
  let parent: Pick<FinalBlock, 'registrySize'> = final
  for await (const block of replica.blocks(height)) {
    const decoded = decodeChainRecord(block.record)
    if (decoded?.kind !== 'block') throw new BugError(`the block of height ${block.height} was verified and is none`)
    const [record = block.record, ...votes] = recordsOf(block, registry, parent)
    await appender.add(ids.frame('Block', record))
    for (const vote of votes) await appender.add(ids.frame('SignedVote', vote))
    for (const signature of block.signatures ?? []) await appender.add(ids.frame('Cosignature', signature))
    parent = decoded.header
  }
}

/** The newest block that replica and log make final, where neither has the next: a validator that has it then appends it again. */
async function showNewest({ replica, height }: FreshLane, appender: Appender, { ids }: RestoreDeps): Promise<void> {
  for await (const { record, votes } of replica.blocks(height - 1n)) {
    await appender.add(ids.frame('Block', record))
    for (const vote of votes) await appender.add(ids.frame('SignedVote', vote))
  }
}

async function recreateLanes(
  topic: 'chain' | 'checkpoints',
  registry: RegistryState,
  old: readonly FreshLane[],
  deps: RestoreDeps,
): Promise<number> {
  await recreateTopic(deps.kafka, deps.config, topic)
  const rules = laneRules(registry, deps.verify)
  let appended = 0
  for (const { replica, beyond } of old.map((each) => ({ replica: each.replica, beyond: each.beyond() }))) {
    const appender = new Appender(deps, topic, replica.partition)
    const fresh = new FreshLane(replica, rules)
    try {
      await addBlocks(registry, fresh, appender, deps)
      for (const value of beyond) await appender.add(value)
      await appender.flush()
      await read(fresh, deps)
      appended += appender.count + (await appendLane(registry, fresh, deps))
    } finally {
      await fresh.close()
    }
  }
  return appended
}

/** Topic registry is a list: each event says what is before it, so it finds its place. `records` as they stand in the topic. */
export async function planRegistry(records: readonly Buffer[], deps: RestoreDeps): Promise<TopicPlan> {
  const topic = 'registry'
  const damages: LogDamage[] = []
  const inLog: Buffer[] = []
  for await (const { value } of recordsFrom(deps, { topic, partition: 0, from: 0n }, (damage) => damages.push(damage)))
    if (value !== null) inLog.push(value)
  const held = new Set(inLog.map(digest))
  const first = records.findIndex((each) => !held.has(digest(each)))
  const missing = first < 0 ? 0 : records.length - first
  const [damage] = damages
  const mustRecreate =
    damage &&
    `offsets ${damage.from} to ${damage.to - 1n} are damaged (${damage.reason}), and nobody steps over a record of registry`
  const append = async (values: readonly Buffer[]) => {
    const appender = new Appender(deps, topic, 0)
    for (const value of values) await appender.add(value)
    await appender.flush()
    return appender.count
  }
  const plan = { partition: 0, inLog: BigInt(inLog.length), inReplica: BigInt(records.length), missing: BigInt(missing), damages }
  return {
    ...{ topic, partitions: [plan], isWhole: missing === 0 && mustRecreate === undefined },
    ...(mustRecreate !== undefined && { mustRecreate }),
    run: async () => {
      if (mustRecreate === undefined) {
        await ensureTopics(deps.kafka, deps.config)
        return append(records.slice(records.length - missing))
      }
      await recreateTopic(deps.kafka, deps.config, topic)
      const known = new Set(records.map(digest))
      return append([...records, ...inLog.filter((each) => !known.has(digest(each)))])
    },
  }
}

/** The prefix names the schema and is no part of the record. */
const digest = (value: Buffer): string => hex(sha256(stripPrefix(value)))
