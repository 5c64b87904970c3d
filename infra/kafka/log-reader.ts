/** Reads partitions from given offsets on, in order, each record once. KafkaJS can only read as a member of a group, so each reader is
 *  a group of its own whose one member is assigned just what it asks for; the place to go on is ours and never committed. */
import { randomUUID } from 'node:crypto'
import kafkajs, {
  type Admin,
  AssignerProtocol,
  type Consumer,
  type EachBatchPayload,
  type InstrumentationEvent,
  type Kafka,
  type PartitionAssigner,
} from 'kafkajs'
import pino, { type Logger } from 'pino'
import { TransientError } from '../../schemas/errors.js'
import { LIMITS } from '../../schemas/limits.js'
import type { TopicName } from '../stage.js'
import { untilBrokerKnows } from './not-yet.js'

/** A record, in memory of its own. */
export interface LogRecord {
  readonly offset: bigint
  /** Append time, milliseconds. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** Where to begin in a partition. */
export interface LogPosition {
  readonly topic: TopicName
  readonly partition: number
  readonly offset: bigint
}

export interface LogReaderOptions {
  readonly kafka: Kafka
  /** Of a group that nobody else is in. */
  readonly groupId: string
  readonly logger: Logger
  readonly topicPrefix: string
  readonly positions: readonly LogPosition[]
  /** Records in order; awaited, one call at a time for each partition. `end` is the offset after the partition's last record as last
   *  seen. Called without records at the start, and when `end` turns out lower: transactions of strangers leave offsets that hold none.
   *  `reached` is the offset before which nothing is left to come, such offsets included. */
  onRecords(
    topic: TopicName,
    partition: number,
    records: readonly LogRecord[],
    end: bigint,
    reached: bigint,
  ): Promise<void> | void
  /** Once: the reader has stopped for good. */
  onFailure(error: Error): void
}

/** First offset that is there, and the one after the last. */
export interface OffsetRange {
  readonly low: bigint
  readonly high: bigint
}

const MIB = 1024 * 1024
/** Above the largest record of any topic, with the batch around it. */
const PARTITION_BYTES = LIMITS.blockBytes + 2 * MIB
const FETCH_BYTES = 32 * MIB
/** A fetch returns at once when there is data; this bounds how long a stop waits for one. */
const FETCH_WAIT_MILLIS = 100
const SESSION_MILLIS = 30_000
const HEARTBEAT_MILLIS = 3_000

const keyOf = (topic: string, partition: number): string => `${topic} ${partition}`

export class LogReader {
  private readonly consumer: Consumer
  /** Next offset by topic (with its prefix) and partition. */
  private readonly next = new Map<string, bigint>()
  /** The work of each partition: after a rejoin, a batch may come while the one before is still worked on. */
  private readonly work = new Map<string, Promise<void>>()
  private hasFailed = false
  private isStopped = false

  constructor(private readonly options: LogReaderOptions) {
    const { kafka, groupId, positions } = options
    for (const { topic, partition, offset } of positions) this.next.set(keyOf(this.fullName(topic), partition), offset)
    this.consumer = kafka.consumer({
      groupId,
      partitionAssigners: [this.assigner()],
      readUncommitted: true,
      maxWaitTimeInMs: FETCH_WAIT_MILLIS,
      maxBytesPerPartition: PARTITION_BYTES,
      maxBytes: FETCH_BYTES,
      sessionTimeout: SESSION_MILLIS,
      heartbeatInterval: HEARTBEAT_MILLIS,
      allowAutoTopicCreation: false,
      retry: { initialRetryTime: 100, maxRetryTime: 2_000, retries: 8, restartOnFailure: async () => !this.isStopped },
    })
  }

  /** Resolves when it reads. Rejects where the broker stays away, or an offset to begin at is not there any more. */
  async start(): Promise<void> {
    const { positions } = this.options
    if (positions.length === 0) return
    await this.tellEnds()
    this.consumer.on('consumer.group_join', () => this.seekAll())
    this.consumer.on('consumer.start_batch_process', (event) => this.noteEmpty(event))
    this.consumer.on('consumer.crash', ({ payload }) => {
      if (!payload.restart) this.fail(payload.error)
    })
    await this.consumer.connect()
    const topics = [...new Set(positions.map(({ topic }) => this.fullName(topic)))]
    await this.consumer.subscribe({ topics, fromBeginning: true })
    await this.consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: positions.length,
      eachBatch: (payload) => this.eachBatch(payload),
    })
  }

  /** Resolves when no record is being worked on any more. */
  async stop(): Promise<void> {
    this.isStopped = true
    await this.consumer.stop()
    await Promise.all(this.work.values())
    await this.consumer.disconnect()
  }

  pause(topic: TopicName, partition: number): void {
    this.consumer.pause([{ topic: this.fullName(topic), partitions: [partition] }])
  }

  resume(topic: TopicName, partition: number): void {
    this.consumer.resume([{ topic: this.fullName(topic), partitions: [partition] }])
  }

  private fullName(topic: TopicName): string {
    return this.options.topicPrefix + topic
  }

  private shortName(topic: string): TopicName {
    return topic.slice(this.options.topicPrefix.length) as TopicName
  }

  /** All that is asked for, to whoever asks: the group has one member. */
  private assigner(): PartitionAssigner {
    const { MemberAssignment, MemberMetadata } = AssignerProtocol
    const assignment: Record<string, number[]> = {}
    for (const { topic, partition } of this.options.positions) {
      const partitions = assignment[this.fullName(topic)] ?? []
      partitions.push(partition)
      assignment[this.fullName(topic)] = partitions
    }
    const userData = Buffer.alloc(0)
    return () => ({
      name: 'meterchain',
      version: 1,
      assign: async ({ members }) =>
        members.map(({ memberId }) => ({
          memberId,
          memberAssignment: MemberAssignment.encode({ version: 1, assignment, userData }),
        })),
      protocol: ({ topics }) => ({ name: 'meterchain', metadata: MemberMetadata.encode({ version: 1, topics, userData }) }),
    })
  }

  private seekAll(): void {
    for (const { topic, partition } of this.options.positions) {
      const offset = this.next.get(keyOf(this.fullName(topic), partition)) ?? 0n
      this.consumer.seek({ topic: this.fullName(topic), partition, offset: String(offset) })
    }
  }

  /** KafkaJS silently goes to the first offset where the one asked for is gone, so that is looked at here. */
  private async tellEnds(): Promise<void> {
    const { kafka, topicPrefix, positions, onRecords } = this.options
    for (const topic of new Set(positions.map((each) => each.topic))) {
      const ends = await endOffsets(kafka, topicPrefix, topic)
      for (const { partition, offset } of positions.filter((each) => each.topic === topic)) {
        const range = ends.get(partition)
        if (range === undefined) throw new Error(`topic ${this.fullName(topic)} has no partition ${partition}`)
        if (offset < range.low || offset > range.high) throw lost(this.fullName(topic), partition, offset, range)
        await onRecords(topic, partition, [], range.high, offset)
      }
    }
  }

  /** A batch without a record for us: KafkaJS passes over it and tells nobody but those who listen to its events. */
  private noteEmpty({
    payload,
  }: InstrumentationEvent<{
    topic: string
    partition: number
    batchSize: number
    lastOffset: string
    highWatermark: string
  }>): void {
    if (payload.batchSize > 0) return
    const { topic, partition, lastOffset, highWatermark } = payload
    void this.inTurn(topic, partition, () => this.deliver(topic, partition, [], BigInt(lastOffset), BigInt(highWatermark)))
  }

  private async eachBatch({ batch, heartbeat }: EachBatchPayload): Promise<void> {
    const { topic, partition, messages } = batch
    // nothing heartbeats in the background; what a heartbeat throws (a rebalance) shows in the next fetch
    const beat = setInterval(() => heartbeat().catch(() => undefined), HEARTBEAT_MILLIS)
    try {
      await this.inTurn(topic, partition, async () => {
        const fetched = BigInt((batch as unknown as { fetchedOffset: string }).fetchedOffset)
        await this.checkContinuity(topic, partition, fetched, BigInt(batch.highWatermark))
        const next = this.next.get(keyOf(topic, partition)) ?? 0n
        const records = messages.map(recordOf).filter(({ offset }) => offset >= next)
        await this.deliver(topic, partition, records, BigInt(batch.lastOffset()), BigInt(batch.highWatermark))
      })
    } finally {
      clearInterval(beat)
    }
    if (this.hasFailed) throw new kafkajs.KafkaJSNonRetriableError('what was read could not be taken')
  }

  /** Runs work on a partition after what is under way there; a failure ends the reader. */
  private inTurn(topic: string, partition: number, run: () => Promise<void>): Promise<void> {
    const key = keyOf(topic, partition)
    const mine = (this.work.get(key) ?? Promise.resolve()).then(async () => {
      if (this.hasFailed || this.isStopped) return
      await run().catch((error: Error) => this.fail(error))
    })
    this.work.set(key, mine)
    return mine
  }

  private async deliver(
    topic: string,
    partition: number,
    records: readonly LogRecord[],
    last: bigint,
    high: bigint,
  ): Promise<void> {
    const key = keyOf(topic, partition)
    const before = this.next.get(key) ?? 0n
    const newest = records.at(-1)
    if (newest === undefined && last < before) return // read a second time, after a rejoin
    const next = newest === undefined ? before : newest.offset + 1n
    await this.options.onRecords(this.shortName(topic), partition, records, last + 1n >= high ? next : high, last + 1n)
    this.next.set(key, next)
  }

  /** A fetch from beyond our place is in order where only offsets without records lie between, not where records are gone; and a
   *  log that ends before our place was made again. */
  private async checkContinuity(topic: string, partition: number, fetched: bigint, high: bigint): Promise<void> {
    const next = this.next.get(keyOf(topic, partition)) ?? 0n
    if (fetched <= next && high >= next) return
    const range = (await endOffsets(this.options.kafka, '', topic)).get(partition)
    if (range === undefined || range.low > next || range.high < next)
      throw lost(topic, partition, next, range ?? { low: 0n, high: 0n })
  }

  private fail(error: Error): void {
    if (this.hasFailed || this.isStopped) return
    this.hasFailed = true
    this.options.onFailure(error)
  }
}

const recordOf = ({ offset, timestamp, key, value }: EachBatchPayload['batch']['messages'][number]): LogRecord => ({
  offset: BigInt(offset),
  timestamp: Number(timestamp),
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
})

function lost(topic: string, partition: number, offset: bigint, { low, high }: OffsetRange): Error {
  return new TransientError(
    `topic ${topic}, partition ${partition}, holds offsets ${low} to ${high}, and offset ${offset} is needed: it was cut off or made again`,
  )
}

/** What each partition of a topic holds now; empty where there is no such topic. */
export async function endOffsets(kafka: Kafka, topicPrefix: string, topic: string): Promise<Map<number, OffsetRange>> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const name = topicPrefix + topic
    return (await admin.listTopics()).includes(name) ? await offsetRanges(admin, name) : new Map()
  } finally {
    await admin.disconnect()
  }
}

/** What each partition of a topic that is there holds now. */
export async function offsetRanges(admin: Admin, name: string): Promise<Map<number, OffsetRange>> {
  const offsets = await untilBrokerKnows(`topic ${name}`, () => admin.fetchTopicOffsets(name))
  return new Map(offsets.map(({ partition, low, high }) => [partition, { low: BigInt(low), high: BigInt(high) }]))
}

export interface ReadLogOptions {
  readonly kafka: Kafka
  readonly topicPrefix: string
  readonly topic: TopicName
  readonly partition: number
  readonly from: bigint
  /** Default: the end as it is now. */
  readonly until?: bigint
  readonly logger?: Logger
}

/** The records of a part of a partition, once. Reads on only as fast as they are taken. */
export async function* readLog(options: ReadLogOptions): AsyncGenerator<LogRecord> {
  const { kafka, topicPrefix, topic, partition, from } = options
  const until = options.until ?? (await endOffsets(kafka, topicPrefix, topic)).get(partition)?.high ?? 0n
  if (from >= until) return
  const handover = new Handover<LogRecord>()
  let next = from
  const reader = new LogReader({
    kafka,
    groupId: `${topicPrefix}read-${topic}-${randomUUID()}`,
    logger: options.logger ?? pino({ level: 'silent' }),
    topicPrefix,
    positions: [{ topic, partition, offset: from }],
    onRecords: async (_topic, _partition, records, end) => {
      const wanted = records.filter((record) => record.offset < until)
      next = (records.at(-1)?.offset ?? next - 1n) + 1n
      const isLast = next >= until || end <= next
      await handover.give(wanted, isLast)
    },
    onFailure: (error) => handover.fail(error),
  })
  try {
    await reader.start()
    for (let batch = await handover.take(); batch !== undefined; batch = await handover.take()) yield* batch
  } finally {
    handover.end()
    await reader.stop()
  }
}

/** One batch at a time from whoever reads to whoever takes. */
class Handover<Item> {
  private batch: readonly Item[] | undefined
  private isLast = false
  private isOver = false
  private error: Error | undefined
  private wakeTaker: () => void = () => undefined
  private wakeGiver: () => void = () => undefined

  /** Resolves when the batch has been taken. */
  async give(items: readonly Item[], isLast: boolean): Promise<void> {
    while (this.batch !== undefined && !this.isOver) await new Promise<void>((resolve) => (this.wakeGiver = resolve))
    if (this.isOver || this.isLast || (items.length === 0 && !isLast)) return
    this.batch = items
    this.isLast = isLast
    this.wakeTaker()
  }

  /** The next batch, or undefined after the last. Rejects with what ended the reader. */
  async take(): Promise<readonly Item[] | undefined> {
    while (this.batch === undefined && this.error === undefined && !this.isLast)
      await new Promise<void>((resolve) => (this.wakeTaker = resolve))
    if (this.error !== undefined) throw this.error
    const { batch } = this
    this.batch = undefined
    this.wakeGiver()
    return batch
  }

  fail(error: Error): void {
    this.error = error
    this.wakeTaker()
  }

  end(): void {
    this.isOver = true
    this.wakeGiver()
  }
}
