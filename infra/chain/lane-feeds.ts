/** What those who act on a lane read: its chain, folded, and beside it the records of `readings` that no final block covers yet.
 *  Chainer and validator stand on this; each adds what it does at a change. */
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { BugError } from '../../schemas/errors.js'
import type { LaneRules } from '../../schemas/lane-fold.js'
import { splitEntries } from '../../schemas/records.js'
import type { Config } from '../config.js'
import { LogReader, type LogRecord } from '../kafka/log-reader.js'
import type { RegistryFollower } from '../registry/registry-follower.js'
import { type Finalized, type LanePosition, LaneReader, laneRules } from './lane-reader.js'

/** A record of `readings` that waits for its block. */
export interface PendingRecord {
  readonly offset: bigint
  /** Append time, milliseconds. */
  readonly timestamp: number
  readonly entries: readonly Buffer[]
  readonly bytes: number
}

/** Pending bytes of a lane at which its readings are paused, and at which they go on. */
const PAUSE_BYTES = 32 * 1024 * 1024
const RESUME_BYTES = 16 * 1024 * 1024
const REGISTRY_DEADLINE_MILLIS = 60_000

export class LaneFeed {
  /** In the order of the log; all after the final block's last offset. */
  readonly pending: PendingRecord[] = []
  pendingBytes = 0
  /** Append time of the newest certificate read here, milliseconds; 0: none yet. */
  parentAt = 0
  /** Next offset of `readings` to read, and the ends of both logs as last seen; -1: not seen yet. */
  readingsNext: bigint
  readingsEnd = -1n
  chainEnd = -1n
  isPaused = false

  constructor(readonly reader: LaneReader) {
    this.readingsNext = reader.state.final.lastOffset + 1n
  }

  get lane(): number {
    return this.reader.lane
  }

  /** Whether the chain has been read to its end as last seen. */
  get isAtEnd(): boolean {
    return this.chainEnd >= 0n && this.reader.nextOffset >= this.chainEnd
  }

  push(record: LogRecord): void {
    this.readingsNext = record.offset + 1n
    if (record.offset <= this.reader.state.final.lastOffset) return
    const entries = splitEntries(record.value)
    const bytes = entries.reduce((sum, entry) => sum + entry.length + 5, 0)
    this.pending.push({ offset: record.offset, timestamp: record.timestamp, entries, bytes })
    this.pendingBytes += bytes
  }

  /** Drops what the final block covers. */
  trim(): void {
    const covered = this.pending.findIndex((record) => record.offset > this.reader.state.final.lastOffset)
    const dropped = this.pending.splice(0, covered < 0 ? this.pending.length : covered)
    for (const record of dropped) this.pendingBytes -= record.bytes
  }
}

export interface LaneFeedsOptions {
  readonly kafka: Kafka
  readonly config: Config
  readonly logger: Logger
  readonly registry: RegistryFollower
  readonly verify: LaneRules['verify']
  readonly groupId: string
  readonly positions: ReadonlyMap<number, LanePosition | undefined>
  /** A block became final; awaited, in order. The registry has reached its size. `feed.pending` still holds its records. */
  onFinal(feed: LaneFeed, finalized: Finalized): Promise<void> | void
  /** Something was read. Not awaited: must not throw. */
  onChange(feed: LaneFeed): void
  onSkipped?(feed: LaneFeed, offset: bigint, reason: string): void
  onFailure(error: Error): void
}

export class LaneFeeds {
  private readonly feeds = new Map<number, LaneFeed>()
  private readonly reader: LogReader

  constructor(private readonly options: LaneFeedsOptions) {
    const rules = laneRules(options.registry.state, options.verify)
    for (const [lane, position] of options.positions) this.feeds.set(lane, new LaneFeed(new LaneReader(lane, rules, position)))
    this.reader = new LogReader({
      kafka: options.kafka,
      groupId: options.groupId,
      logger: options.logger,
      topicPrefix: options.config.topicPrefix,
      positions: [...this.feeds.values()].flatMap((feed) => [
        { topic: 'chain', partition: feed.lane, offset: feed.reader.nextOffset },
        { topic: 'readings', partition: feed.lane, offset: feed.readingsNext },
      ]),
      onRecords: (topic, lane, records, highWatermark) =>
        topic === 'chain' ? this.takeChain(lane, records, highWatermark) : this.takeReadings(lane, records, highWatermark),
      onFailure: options.onFailure,
    })
  }

  start(): Promise<void> {
    return this.reader.start()
  }

  stop(): Promise<void> {
    return this.reader.stop()
  }

  all(): LaneFeed[] {
    return [...this.feeds.values()]
  }

  private feed(lane: number): LaneFeed {
    const feed = this.feeds.get(lane)
    if (feed === undefined) throw new BugError(`lane ${lane} is not fed here`)
    return feed
  }

  private async takeChain(lane: number, records: readonly LogRecord[], highWatermark: bigint): Promise<void> {
    const feed = this.feed(lane)
    feed.chainEnd = highWatermark
    for (const record of records) {
      const { outcome, finalized } = feed.reader.take(record)
      if (outcome.kind === 'undecodable') this.options.onSkipped?.(feed, record.offset, outcome.kind)
      if (outcome.kind === 'skipped') this.options.onSkipped?.(feed, record.offset, outcome.reason)
      if (finalized === undefined) continue
      await this.options.registry.reach(finalized.header.registrySize, REGISTRY_DEADLINE_MILLIS)
      await this.options.onFinal(feed, finalized)
      feed.parentAt = finalized.timestamp
      feed.trim()
      this.paceReadings(feed)
    }
    this.options.onChange(feed)
  }

  private takeReadings(lane: number, records: readonly LogRecord[], highWatermark: bigint): void {
    const feed = this.feed(lane)
    feed.readingsEnd = highWatermark
    for (const record of records) feed.push(record)
    this.paceReadings(feed)
    this.options.onChange(feed)
  }

  /** The pause comes late by what one fetch brought: a bound, though not a sharp one. */
  private paceReadings(feed: LaneFeed): void {
    if (!feed.isPaused && feed.pendingBytes > PAUSE_BYTES) {
      feed.isPaused = true
      this.reader.pause('readings', feed.lane)
    } else if (feed.isPaused && feed.pendingBytes < RESUME_BYTES) {
      feed.isPaused = false
      this.reader.resume('readings', feed.lane)
    }
  }
}
