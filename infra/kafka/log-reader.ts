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
import { BugError, TransientError } from '../../schemas/errors.js'
import { LIMITS } from '../../schemas/limits.js'
import type { TopicName } from '../stage.js'
import type { FetchedMessage } from './checked-fetch.js'
import { LogLook } from './fetch-once.js'
import { deepestType, untilBrokerKnows } from './not-yet.js'
import { SameLog } from './same-log.js'

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

/** Records that the broker holds and that nobody can read any more. */
export interface LogDamage {
  readonly topic: TopicName
  readonly partition: number
  readonly from: bigint
  /** First offset after them. */
  readonly to: bigint
  readonly reason: string
}

/** A batch of `registry` is damaged: nobody steps over it, for every record after it stands on those before. */
export class DamagedLogError extends Error {
  override readonly name = 'DamagedLogError'
  constructor(
    topic: string,
    readonly damage: Omit<LogDamage, 'topic'>,
  ) {
    const { partition, from, to, reason } = damage
    super(
      `topic ${topic}, partition ${partition}: offsets ${from} to ${to - 1n} are damaged on the broker's disk (${reason}). Nobody steps ` +
        'over a record of registry. Make the topic again from a replica: meterchain restore --topic registry --recreate',
    )
  }
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
  /** Records were stepped over, because nobody can read them; of registry: the reader ends at them. Awaited, before what follows. */
  onDamaged?(damage: LogDamage): Promise<void> | void
  /** For the restore alone: steps over damaged records of registry too. */
  readonly stepsOverAll?: boolean
  /** Without progress for this long, it is looked whether there is something that cannot be read, milliseconds. Default: 10 s. */
  readonly stallMillis?: number
  /** How often it is looked whether the topics are what they were, milliseconds. Default: 30 s. */
  readonly sameMillis?: number
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
/** After a broker was away a reader joins its group anew, and that waits until the member that it was has expired. */
const SESSION_MILLIS = 10_000
const HEARTBEAT_MILLIS = 3_000
const STALL_MILLIS = 10_000
const SAME_MILLIS = 30_000
/** Nobody steps over a damaged record of these. */
const UNBROKEN: ReadonlySet<TopicName> = new Set(['registry'])

/** Where a partition is read. */
interface Place {
  /** Offset after the last record. */
  next: bigint
  /** Offset to read: beyond `next` where others hold no record, or none that can be read. */
  seek: bigint
  /** The next fetch is from there or later, unless KafkaJS goes back by itself. */
  floor: bigint
  /** How often the group had been joined when the newest batch came. */
  joins: number
  movedAt: number
  isPaused: boolean
  /** Whether something is being worked on. */
  busy: number
}

const keyOf = (topic: string, partition: number): string => `${topic} ${partition}`

export class LogReader {
  private readonly consumer: Consumer
  private readonly same: SameLog
  /** By topic (with its prefix) and partition. */
  private readonly places = new Map<string, Place>()
  private stallTimer: NodeJS.Timeout | undefined
  private looking: Promise<void> | undefined
  private sameTimer: NodeJS.Timeout | undefined
  private comparing: Promise<void> | undefined
  /** The work of each partition: after a rejoin, a batch may come while the one before is still worked on. */
  private readonly work = new Map<string, Promise<void>>()
  private joins = 0
  private hasFailed = false
  private isStopped = false

  constructor(private readonly options: LogReaderOptions) {
    const { kafka, groupId, positions } = options
    for (const { topic, partition, offset } of positions)
      this.places.set(keyOf(this.fullName(topic), partition), {
        ...{ next: offset, seek: offset, floor: offset, joins: 1, movedAt: Date.now(), isPaused: false, busy: 0 },
      })
    this.same = new SameLog(kafka)
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
    const { stallMillis = STALL_MILLIS, sameMillis = SAME_MILLIS } = this.options
    this.stallTimer = setInterval(() => this.lookForStalls(stallMillis), stallMillis / 2)
    this.sameTimer = setInterval(() => {
      this.comparing ??= this.checkAllSame().finally(() => {
        this.comparing = undefined
      })
    }, sameMillis)
  }

  /** Resolves when no record is being worked on any more. */
  async stop(): Promise<void> {
    this.isStopped = true
    clearInterval(this.stallTimer)
    clearInterval(this.sameTimer)
    await Promise.all([this.looking, this.comparing])
    await this.consumer.stop()
    await Promise.all(this.work.values())
    await this.consumer.disconnect()
  }

  pause(topic: TopicName, partition: number): void {
    this.place(this.fullName(topic), partition).isPaused = true
    this.consumer.pause([{ topic: this.fullName(topic), partitions: [partition] }])
  }

  resume(topic: TopicName, partition: number): void {
    Object.assign(this.place(this.fullName(topic), partition), { isPaused: false, movedAt: Date.now() })
    this.consumer.resume([{ topic: this.fullName(topic), partitions: [partition] }])
  }

  private place(topic: string, partition: number): Place {
    const place = this.places.get(keyOf(topic, partition))
    if (place === undefined) throw new BugError(`topic ${topic}, partition ${partition}, is not read here`)
    return place
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
    this.joins++
    for (const { topic, partition } of this.options.positions) this.seek(this.fullName(topic), partition)
  }

  private seek(topic: string, partition: number): void {
    const place = this.place(topic, partition)
    place.floor = place.seek
    this.consumer.seek({ topic, partition, offset: String(place.seek) })
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
    void this.inTurn(topic, partition, async () => {
      const place = this.place(topic, partition)
      const reached = BigInt(lastOffset) + 1n
      // read a second time, after a rejoin; or not of our place: then it is looked at
      if (reached <= place.seek || reached > BigInt(highWatermark)) return
      const { at } = await this.readableFrom(topic, partition)
      if (at > place.seek) await this.stepOver(topic, partition)
      else await this.deliver(topic, partition, [], reached, BigInt(highWatermark))
    })
  }

  private async eachBatch({ batch, heartbeat }: EachBatchPayload): Promise<void> {
    const { topic, partition } = batch
    const { fetchedOffset, messagesWithinOffset } = batch as unknown as {
      fetchedOffset: string
      messagesWithinOffset: FetchedMessage[]
    }
    // nothing heartbeats in the background; what a heartbeat throws (a rebalance) shows in the next fetch
    const beat = setInterval(() => heartbeat().catch(() => undefined), HEARTBEAT_MILLIS)
    const place = this.place(topic, partition)
    const { joins } = this
    try {
      await this.inTurn(topic, partition, async () => {
        if (BigInt(fetchedOffset) < place.floor || place.joins !== joins) await this.checkSame(topic, partition)
        place.joins = joins
        await this.checkContinuity(topic, partition, BigInt(fetchedOffset), BigInt(batch.highWatermark))
        await this.takeAll(topic, partition, messagesWithinOffset, BigInt(batch.highWatermark))
        if (joins === this.joins) place.floor = place.seek
      })
    } finally {
      clearInterval(beat)
    }
    if (this.hasFailed) throw new kafkajs.KafkaJSNonRetriableError('what was read could not be taken')
  }

  /** Every offset of a topic that is not compacted is there, so one that is missing was in a batch that cannot be read. */
  private async takeAll(topic: string, partition: number, messages: readonly FetchedMessage[], high: bigint): Promise<void> {
    let run: FetchedMessage[] = []
    let { seek: expected } = this.place(topic, partition)
    const isLater = (index: number) =>
      messages.slice(index).some((each) => each.damage === undefined && BigInt(each.offset) === expected)
    for (const [index, message] of messages.entries()) {
      const offset = BigInt(message.offset)
      if (offset < expected) continue
      // a batch with an offset that is not its own, before the right one
      if (offset > expected && isLater(index)) continue
      if (offset > expected || offset >= high || message.damage !== undefined) {
        await this.deliver(topic, partition, run, expected, high)
        run = []
        if (!(await this.stepOver(topic, partition))) return
        expected = this.place(topic, partition).seek
        if (offset !== expected) continue
      }
      run.push(message)
      expected = offset + 1n
    }
    await this.deliver(topic, partition, run, expected, high)
  }

  /** Runs work on a partition after what is under way there; a failure ends the reader. */
  private inTurn(topic: string, partition: number, run: () => Promise<void>): Promise<void> {
    const key = keyOf(topic, partition)
    const place = this.place(topic, partition)
    place.busy++
    const mine = (this.work.get(key) ?? Promise.resolve()).then(async () => {
      if (!this.hasFailed && !this.isStopped) await run().catch((error: Error) => this.fail(error))
      place.busy--
      place.movedAt = Date.now()
    })
    this.work.set(key, mine)
    return mine
  }

  private async deliver(
    topic: string,
    partition: number,
    messages: readonly FetchedMessage[],
    reached: bigint,
    high: bigint,
  ): Promise<void> {
    const place = this.place(topic, partition)
    if (reached <= place.seek) return // read a second time, after a rejoin
    const records = messages.filter((each) => !each.isControlRecord).map(recordOf)
    const next = (records.at(-1)?.offset ?? place.next - 1n) + 1n
    for (const { offset, timestamp } of records.slice(0, 1)) this.same.note({ topic, partition, offset, timestamp })
    await this.options.onRecords(this.shortName(topic), partition, records, reached >= high ? next : high, reached)
    Object.assign(place, { next, seek: reached })
  }

  private readableFrom(topic: string, partition: number) {
    const { seek } = this.place(topic, partition)
    return LogLook.with(this.options.kafka, (look) => look.firstReadable(topic, partition, seek))
  }

  /** Moves the place to the first offset that can be read. False where it can be read as it is: then it is read again from there. */
  private async stepOver(topic: string, partition: number): Promise<boolean> {
    const place = this.place(topic, partition)
    const { at, high, reason } = await this.readableFrom(topic, partition)
    if (high < place.seek) throw lost(topic, partition, place.seek, { low: 0n, high })
    if (at > place.seek) {
      const damage = { topic: this.shortName(topic), partition, from: place.seek, to: at, reason }
      const { logger, onDamaged } = this.options
      if (UNBROKEN.has(damage.topic) && this.options.stepsOverAll !== true) {
        await onDamaged?.(damage)
        throw new DamagedLogError(topic, damage)
      }
      logger.error({ topic, partition, from: String(damage.from), to: String(at), reason }, 'damaged records are stepped over')
      await onDamaged?.(damage)
      await this.deliver(topic, partition, [], at, high)
      this.seek(topic, partition)
      return true
    }
    this.seek(topic, partition)
    return false
  }

  /** Where nothing came for long, there may be something that the broker cannot even find. */
  private lookForStalls(stallMillis: number): void {
    const isStalled = ({ movedAt, isPaused, busy }: Place) => !isPaused && busy === 0 && Date.now() - movedAt >= stallMillis
    const stalled = this.options.positions.filter(({ topic, partition }) =>
      isStalled(this.place(this.fullName(topic), partition)),
    )
    if (this.looking !== undefined || this.hasFailed || stalled.length === 0) return
    this.looking = Promise.all(stalled.map(({ topic, partition }) => this.lookAt(this.fullName(topic), partition)))
      .then(() => undefined)
      .finally(() => {
        this.looking = undefined
      })
  }

  /** A broker that is away, or leads the partition no more, is no damage: KafkaJS tries on. */
  private lookAt(topic: string, partition: number): Promise<void> {
    const place = this.place(topic, partition)
    return this.inTurn(topic, partition, async () => {
      const found = await this.readableFrom(topic, partition).catch((error: Error) => {
        if (deepestType(error) === 'OFFSET_OUT_OF_RANGE') return { at: place.seek, high: -1n }
        this.options.logger.debug({ err: error, topic, partition }, 'it cannot be seen what there is')
        return undefined
      })
      if (found === undefined || (found.at === place.seek && found.high === place.seek)) return
      if (found.high < place.seek) throw lost(topic, partition, place.seek, await this.rangeOf(topic, partition))
      await this.stepOver(topic, partition)
    })
  }

  /** A fetch from beyond our place is in order where only offsets without records lie between, not where records are gone; and a
   *  log that ends before our place was made again. */
  private async checkContinuity(topic: string, partition: number, fetched: bigint, high: bigint): Promise<void> {
    const { seek } = this.place(topic, partition)
    if (fetched <= seek && high >= seek) return
    const range = await this.rangeOf(topic, partition)
    if (range.low > seek || range.high < seek) throw lost(topic, partition, seek, range)
  }

  /** KafkaJS joins anew where a topic was away, and goes back where an offset is out of range. The log may be another one then, and whoever
   *  has filled it up to our place since must not hide that. */
  private async checkSame(topic: string, partition: number): Promise<void> {
    if ((await this.same.findOther({ topic, partition })) === undefined) return
    throw lost(topic, partition, this.place(topic, partition).seek, await this.rangeOf(topic, partition))
  }

  /** A topic that was made again and filled up between two fetches is noticed by nothing else. */
  private async checkAllSame(): Promise<void> {
    try {
      const other = await this.same.findOther()
      if (other === undefined) return
      const { topic, partition } = other
      this.fail(lost(topic, partition, this.place(topic, partition).seek, await this.rangeOf(topic, partition)))
    } catch (err) {
      this.options.logger.debug({ err }, 'it cannot be seen whether the topics are what they were')
    }
  }

  private async rangeOf(topic: string, partition: number): Promise<OffsetRange> {
    return (await endOffsets(this.options.kafka, '', topic)).get(partition) ?? { low: 0n, high: 0n }
  }

  private fail(error: Error): void {
    if (this.hasFailed || this.isStopped) return
    this.hasFailed = true
    this.options.onFailure(error)
  }
}

const recordOf = ({ offset, timestamp, key, value }: FetchedMessage): LogRecord => ({
  offset: BigInt(offset),
  timestamp: Number(timestamp),
  key: key === null ? null : Buffer.from(key),
  value: value === null ? null : Buffer.from(value),
})

/** What was to be read next, or was read before, is not there any more. */
export class LostLogError extends TransientError {}

function lost(topic: string, partition: number, offset: bigint, { low, high }: OffsetRange): Error {
  return new LostLogError(
    `topic ${topic}, partition ${partition}, holds offsets ${low} to ${high}, and offset ${offset} is needed: it was cut off or made again. A replica has what is lost: meterchain restore`,
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
  /** Records were stepped over, because nobody can read them. */
  readonly onDamaged?: (damage: LogDamage) => void
  readonly stallMillis?: number
  readonly stepsOverAll?: boolean
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
    ...(options.onDamaged !== undefined && { onDamaged: options.onDamaged }),
    ...(options.stallMillis !== undefined && { stallMillis: options.stallMillis }),
    ...(options.stepsOverAll !== undefined && { stepsOverAll: options.stepsOverAll }),
    onRecords: async (_topic, _partition, records, end, reached) => {
      const wanted = records.filter((record) => record.offset < until)
      next = (records.at(-1)?.offset ?? next - 1n) + 1n
      const isLast = next >= until || end <= next || reached >= until
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
