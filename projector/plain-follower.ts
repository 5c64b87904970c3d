import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import type { Config } from '../infra/config.js'
import { LogLook } from '../infra/kafka/fetch-once.js'
import { faultOfDamage, type LogFault } from '../infra/kafka/log-fault.js'
import { endOffsets, LogReader, type LogRecord, type OffsetRange } from '../infra/kafka/log-reader.js'
import { BugError, TransientError } from '../schemas/errors.js'
import type { CheckpointFoldOptions } from './checkpoints/fold.js'
import type { Reached } from './checkpoints/tables.js'
import { CheckpointWriter } from './checkpoints/writer.js'
import type { WatchedPlace } from './cursor-watch.js'
import { type Cursor, plainCursor, type Source, setCursor } from './cursors.js'
import type { Database } from './database.js'
import type { FoundEvidence } from './evidence-metric.js'
import { deletePlain, isOfTopic, newestCheckpointRecord, type PlainRecord, writePlain } from './plain-records.js'

export interface PlainFollowerOptions {
  readonly kafka: Kafka
  readonly config: Config
  readonly logger: Logger
  readonly database: Database
  readonly cursors: readonly Cursor[]
  /** What topic checkpoints is folded by. */
  readonly checkpoints: CheckpointFoldOptions
  readonly registryReached: Reached
  /** Of the group that reads them. Default: the projector’s. */
  readonly groupPrefix?: string
  /** Records that the log took later make no rows, milliseconds. Default: all are taken. */
  readonly untilMillis?: number
  /** Records of repairs that are in the tables. */
  onRepairs?(records: readonly LogRecord[]): void
  /** Evidence of topic checkpoints that is in the tables. */
  onEvidence?(found: readonly FoundEvidence[]): void
  /** What is none of its topic’s records, and in the tables or passed over. */
  onGarbage?(topic: Source, partition: number, offset: bigint): void
  /** Records of a topic cannot be read; they are stepped over. */
  onLogFault?(fault: LogFault): void
  /** Topic checkpoints is not the one that was read. Whether it leads a reader with nothing else in hand to all that the tables hold:
   *  then it is read from its start. Default: it does not. */
  isRegained?(fault: LogFault): Promise<boolean>
  onFailure(error: Error): void
}

const ANY_HEIGHT = 9_223_372_036_854_775_807n
const ALL_OFFSETS = ANY_HEIGHT
const keyOf = (source: string, partition: number) => `${source}/${partition}`

/** Follows topics rejections, repairs and checkpoints into their tables. */
export class PlainFollower {
  readonly #cursors: Map<string, Cursor>
  readonly #reached = new Map<string, bigint>()
  #reader: LogReader | undefined
  readonly #checkpoints: CheckpointWriter

  constructor(private readonly options: PlainFollowerOptions) {
    this.#cursors = new Map(options.cursors.map((each) => [keyOf(each.source, each.lane), each]))
    this.#checkpoints = new CheckpointWriter(options)
  }

  /** Rejects with Error where a topic ends before the place that was reached: then it is another topic. */
  async start(): Promise<void> {
    const { kafka, config, logger, onFailure, groupPrefix = 'meterchain-projector' } = this.options
    const positions = []
    const ends = new Map<Source, ReadonlyMap<number, OffsetRange>>()
    for (const cursor of this.#cursors.values()) {
      const { source } = cursor
      if (!ends.has(source)) ends.set(source, await endOffsets(kafka, config.topicPrefix, source))
      positions.push(await this.#positionOf(cursor, ends.get(source)?.get(cursor.lane)))
    }
    for (const { topic, partition, offset } of positions) this.#reached.set(keyOf(topic, partition), offset)
    this.#reader = new LogReader({
      ...{ kafka, logger, positions, onFailure, topicPrefix: config.topicPrefix },
      groupId: `${groupPrefix}-records-${randomUUID()}`,
      onRecords: async (topic, partition, records, _end, reached) => {
        await this.#take(topic, partition, records)
        this.#reached.set(keyOf(topic, partition), reached)
      },
      onDamaged: (damage) => this.options.onLogFault?.(faultOfDamage(damage)),
    })
    await this.#reader.start()
  }

  /** How far each topic is in the tables. What is being written is not known: a move forward is not looked at. */
  places(): Map<string, WatchedPlace> {
    return new Map([...this.#cursors].map(([key, { height }]) => [key, { written: height, taken: ANY_HEIGHT }]))
  }

  /** Resolves when all that was in the topics at the time of the call has been taken. Rejects with TransientError at the deadline. */
  async caughtUp(deadlineMillis = 60_000): Promise<void> {
    const { kafka, config } = this.options
    const ends = new Map<string, bigint>()
    for (const source of new Set([...this.#cursors.values()].map((each) => each.source)))
      for (const [lane, { high }] of await endOffsets(kafka, config.topicPrefix, source)) ends.set(keyOf(source, lane), high)
    const isBehind = (key: string) => {
      const reached = this.#reached.get(key) ?? 0n
      return reached < (ends.get(key) ?? 0n)
    }
    const giveUp = Date.now() + deadlineMillis
    for (let behind = [...this.#cursors.keys()].filter(isBehind); behind.length > 0; behind = behind.filter(isBehind)) {
      if (Date.now() > giveUp) throw new TransientError(`${behind.join(', ')}: not read to the end within ${deadlineMillis} ms`)
      await pause(10)
    }
  }

  async stop(): Promise<void> {
    await this.#reader?.stop()
  }

  /** What was deleted by age, before it was read, is passed over. Rows that the cursor does not cover, and that will come again, are
   *  deleted. */
  async #positionOf(
    { source, lane, nextOffset }: Cursor,
    ends: OffsetRange | undefined,
  ): Promise<{ topic: Source; partition: number; offset: bigint }> {
    if (ends === undefined) throw new BugError(`topic ${source} has no partition ${lane}`)
    if (source === 'checkpoints' && (await this.#isRegained(ends, nextOffset))) return this.#fromStart()
    if (ends.high < nextOffset)
      throw new Error(
        `topic ${source}, partition ${lane}, ends at ${ends.high}, and ${nextOffset} was reached before: it was made again. Restore it, or name an empty database, which is filled from the logs.`,
      )
    const offset = nextOffset > ends.low ? nextOffset : ends.low
    await this.options.database.transaction((client) => deletePlain(client, source, lane, offset, ends.high))
    if (source === 'checkpoints') await this.#checkpoints.takeUp(offset)
    return { topic: source, partition: lane, offset }
  }

  /** Whether topic checkpoints is another than was read, and holds all that it held. */
  async #isRegained({ low, high }: OffsetRange, nextOffset: bigint): Promise<boolean> {
    const { kafka, config, database, logger, isRegained } = this.options
    if (nextOffset === 0n && low === 0n) return false
    const last = await database.transaction(newestCheckpointRecord)
    const isSame = last === undefined || (await isInLog(last, kafka, `${config.topicPrefix}checkpoints`))
    if (nextOffset <= high && isSame) return false
    logger.warn({ nextOffset: String(nextOffset), low: String(low), high: String(high) }, 'topic checkpoints was made again')
    const detail = `it holds offsets ${low} to ${high}, and not what was read before offset ${nextOffset}`
    return (await isRegained?.({ topic: 'checkpoints', partition: 0, fault: 'records-lost', from: nextOffset, detail })) === true
  }

  /** The rows go, and come again as the topic has them now. */
  async #fromStart(): Promise<{ topic: Source; partition: number; offset: bigint }> {
    const { kafka, config, database } = this.options
    const { low = 0n } = (await endOffsets(kafka, config.topicPrefix, 'checkpoints')).get(0) ?? {}
    const cursor = plainCursor('checkpoints', 0, 0n, low)
    await database.transaction(async (client) => {
      await deletePlain(client, 'checkpoints', 0, 0n, ALL_OFFSETS)
      await setCursor(client, cursor)
    })
    await this.#checkpoints.takeUp(0n)
    this.#cursors.set(keyOf('checkpoints', 0), cursor)
    return { topic: 'checkpoints', partition: 0, offset: low }
  }

  async #take(topic: string, partition: number, records: readonly LogRecord[]): Promise<void> {
    const key = keyOf(topic, partition)
    const cursor = this.#cursors.get(key)
    if (cursor === undefined) throw new BugError(`${key} is not followed`)
    const { untilMillis = Number.POSITIVE_INFINITY } = this.options
    const fresh = records.filter(({ offset, timestamp }) => offset >= cursor.nextOffset && timestamp <= untilMillis)
    if (topic === 'checkpoints') this.#cursors.set(key, await this.#checkpoints.take(cursor, fresh))
    else if (fresh.length > 0)
      this.#cursors.set(key, await this.options.database.transaction((client) => writePlain(client, cursor, fresh)))
    if (topic === 'repairs') this.options.onRepairs?.(fresh)
    const { onGarbage } = this.options
    if (onGarbage === undefined) return
    for (const { offset, value } of fresh) if (!isOfTopic(cursor.source, value)) onGarbage(cursor.source, partition, offset)
  }
}

/** Whether the record stands where it stood. */
async function isInLog({ offset, value }: PlainRecord, kafka: Kafka, topic: string): Promise<boolean> {
  const { messages } = await LogLook.with(kafka, (look) => look.at(topic, 0, offset))
  const there = messages.find((each) => BigInt(each.offset) === offset)
  return there !== undefined && (there.value ?? Buffer.alloc(0)).equals(value ?? Buffer.alloc(0))
}
