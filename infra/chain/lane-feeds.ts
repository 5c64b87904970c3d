/** What those who act on a lane read: its chain, folded, and beside it the records of `readings` that no final block covers yet.
 *  Chainer and validator stand on this; each adds what it does at a change. */
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { BugError, TransientError } from '../../schemas/errors.js'
import type { Candidate, LaneRules } from '../../schemas/lane-fold.js'
import { type Block, splitEntries } from '../../schemas/records.js'
import { sourceEpochOf } from '../../schemas/registry/governance-rules.js'
import type { Config } from '../config.js'
import type { Readiness } from '../health.js'
import { faultOfDamage, type LogFault } from '../kafka/log-fault.js'
import { endOffsets, LogReader, type LogRecord } from '../kafka/log-reader.js'
import type { RegistryFollower } from '../registry/registry-follower.js'
import { type Finalized, type LanePosition, LaneReader, laneRules } from './lane-reader.js'
import { rewindWrongPlaces } from './place-hints.js'

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
export class LaneFeed {
  /** In the order of the log; all after the final block's last offset. */
  readonly pending: PendingRecord[] = []
  pendingBytes = 0
  /** Append time of the newest certificate read here, milliseconds; 0: none yet. */
  parentAt = 0
  /** Append time of the record that last made a candidate at this height void, milliseconds; 0: none is. */
  voidAt = 0
  /** Next offset of `readings` to read, and the ends of both logs as last seen; -1: not seen yet. */
  readingsNext: bigint
  readingsEnd = -1n
  chainEnd = -1n
  isPaused = false
  /** A block is final by the log, and not everybody here has taken it yet: nothing may be decided on what stands between. */
  isSettling = false
  /** The registry has a newer source epoch: what is pending is of the old one, and who reads it must begin again. */
  isOutdated = false
  /** First offset of `readings` that is known here: what is before was deleted when we came. */
  private readingsFrom: bigint

  /** `sourceEpoch` is the registry's for this lane: a newer one than the final block's means that `readings` began again at 0. */
  constructor(
    readonly reader: LaneReader,
    readonly sourceEpoch = reader.state.final.sourceEpoch,
  ) {
    this.readingsNext = this.covered + 1n
    this.readingsFrom = this.readingsNext
  }

  get lane(): number {
    return this.reader.lane
  }

  /** Whether the chain has been read to its end as last seen, and all that it made final has been taken. */
  get isAtEnd(): boolean {
    return !this.isSettling && !this.isOutdated && this.chainEnd >= 0n && this.reader.nextOffset >= this.chainEnd
  }

  /** Last offset of this source epoch that final blocks cover. */
  private get covered(): bigint {
    const { final } = this.reader.state
    return final.sourceEpoch === this.sourceEpoch ? final.lastOffset : -1n
  }

  /** What is before `low` was deleted. That is in order as long as final blocks cover it. */
  skipDeleted(low: bigint): void {
    if (low <= this.readingsNext) return
    this.readingsNext = low
    this.readingsFrom = low
  }

  /** Throws TransientError where records were deleted that no final block covers. */
  assertWhole(): void {
    const needed = this.covered + 1n
    if (!this.isAtEnd || needed >= this.readingsFrom) return
    throw new TransientError(
      `lane ${this.lane}: readings from offset ${needed} up to ${this.readingsFrom} are gone before a block covered them. ` +
        'The authorities begin a new source epoch of the lane (registry event SetSourceEpoch), and meters send again.',
    )
  }

  push(record: LogRecord): void {
    this.readingsNext = record.offset + 1n
    if (record.offset <= this.covered) return
    const entries = splitEntries(record.value)
    const bytes = entries.reduce((sum, entry) => sum + entry.length + 5, 0)
    this.pending.push({ offset: record.offset, timestamp: record.timestamp, entries, bytes })
    this.pendingBytes += bytes
  }

  /** All that the final block made of the lane has been taken: what comes now belongs to the next height. */
  settled(finalized: Finalized): void {
    this.parentAt = finalized.timestamp
    this.voidAt = 0
    this.trim()
  }

  /** Drops what the final block covers. */
  trim(): void {
    const { covered } = this
    const left = this.pending.findIndex((record) => record.offset > covered)
    const dropped = this.pending.splice(0, left < 0 ? this.pending.length : left)
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
  /** A candidate went void at that append time, milliseconds; awaited. */
  onVoid?(feed: LaneFeed, candidate: Candidate, at: number): Promise<void> | void
  onSkipped?(feed: LaneFeed, offset: bigint, reason: string): void
  /** A block of a height that is final here already. */
  onOldBlock?(feed: LaneFeed, block: Block, timestamp: number): void
  onFailure(error: Error): void
  /** The log has lost records; it goes on without them. */
  onLogFault?(fault: LogFault): void
  /** The lane is not in the log as far as it was read here. Awaited before it is read on. */
  onShort?(lane: number): Promise<void>
}

export class LaneFeeds {
  private readonly feeds = new Map<number, LaneFeed>()
  private reader: LogReader | undefined
  private endEvents: () => void = () => undefined

  constructor(private readonly options: LaneFeedsOptions) {
    const registry = options.registry.state
    const rules = laneRules(registry, options.verify)
    const governance = registry.governanceAt(registry.size)
    for (const [lane, position] of options.positions)
      this.feeds.set(lane, new LaneFeed(new LaneReader(lane, rules, position), sourceEpochOf(governance, lane)))
  }

  /** Resolves when all lanes are read. Rejects where the logs do not hold what is needed, or the broker stays away. */
  async start(): Promise<void> {
    const { options } = this
    const { kafka, groupId, logger, config, onFailure, onLogFault } = options
    const readers = [...this.feeds.values()].map((feed) => feed.reader)
    const hints = { kafka, topicPrefix: config.topicPrefix, logger, ...(onLogFault && { onLogFault }) }
    for (const { lane } of await rewindWrongPlaces(readers, hints)) await options.onShort?.(lane)
    const ranges = await endOffsets(kafka, config.topicPrefix, 'readings')
    for (const feed of this.feeds.values()) feed.skipDeleted(ranges.get(feed.lane)?.low ?? 0n)
    this.endEvents = options.registry.onEvent(({ event }) => {
      const { content } = event.body
      const feed = content.kind === 'SetSourceEpoch' ? this.feeds.get(content.lane) : undefined
      if (feed === undefined) return
      feed.isOutdated = true
      onFailure(new TransientError(`lane ${feed.lane} has a new source epoch: its readings are read from their start`))
    })
    this.reader = new LogReader({
      ...{ kafka, groupId, logger, onFailure, topicPrefix: config.topicPrefix },
      positions: [...this.feeds.values()].flatMap((feed) => [
        { topic: 'chain', partition: feed.lane, offset: feed.reader.nextOffset },
        { topic: 'readings', partition: feed.lane, offset: feed.readingsNext },
      ]),
      onDamaged: (damage) => onLogFault?.(faultOfDamage(damage)),
      onRecords: (topic, lane, records, end) =>
        topic === 'chain' ? this.takeChain(lane, records, end) : this.takeReadings(lane, records, end),
    })
    await this.reader.start()
  }

  async stop(): Promise<void> {
    this.endEvents()
    await this.reader?.stop()
  }

  all(): LaneFeed[] {
    return [...this.feeds.values()]
  }

  /** Ready where every lane has been read to its end. */
  readiness(): Readiness {
    const behind = this.all().filter((feed) => !feed.isAtEnd)
    return behind.length === 0
      ? { ready: true }
      : { ready: false, why: `reading lanes ${behind.map((feed) => feed.lane).join(', ')}` }
  }

  private feed(lane: number): LaneFeed {
    const feed = this.feeds.get(lane)
    if (feed === undefined) throw new BugError(`lane ${lane} is not fed here`)
    return feed
  }

  private async takeChain(lane: number, records: readonly LogRecord[], end: bigint): Promise<void> {
    const feed = this.feed(lane)
    feed.chainEnd = end
    for (const record of records) {
      const { record: decoded, outcome, finalized } = feed.reader.take(record)
      if (outcome.kind === 'void') {
        feed.voidAt = record.timestamp
        await this.options.onVoid?.(feed, outcome.candidate, record.timestamp)
      }
      if (outcome.kind === 'undecodable') this.options.onSkipped?.(feed, record.offset, outcome.kind)
      if (outcome.kind === 'skipped') this.options.onSkipped?.(feed, record.offset, outcome.reason)
      if (outcome.kind === 'skipped' && decoded?.kind === 'block' && decoded.header.height <= feed.reader.state.final.height)
        this.options.onOldBlock?.(feed, decoded, record.timestamp)
      if (finalized !== undefined) await this.settle(feed, finalized)
    }
    feed.assertWhole()
    this.options.onChange(feed)
  }

  /** Others are poked meanwhile (by readings, registry events, timers): they see that the feed is not at its end. */
  private async settle(feed: LaneFeed, finalized: Finalized): Promise<void> {
    feed.isSettling = true
    await this.options.registry.reach(finalized.header.registrySize)
    await this.options.onFinal(feed, finalized)
    feed.settled(finalized)
    feed.isSettling = false
    this.paceReadings(feed)
  }

  private takeReadings(lane: number, records: readonly LogRecord[], end: bigint): void {
    const feed = this.feed(lane)
    feed.readingsEnd = end
    for (const record of records) feed.push(record)
    this.paceReadings(feed)
    this.options.onChange(feed)
  }

  /** The pause comes late by what one fetch brought: a bound, though not a sharp one. */
  private paceReadings(feed: LaneFeed): void {
    if (!feed.isPaused && feed.pendingBytes > PAUSE_BYTES) {
      feed.isPaused = true
      this.reader?.pause('readings', feed.lane)
    } else if (feed.isPaused && feed.pendingBytes < RESUME_BYTES) {
      feed.isPaused = false
      this.reader?.resume('readings', feed.lane)
    }
  }
}
