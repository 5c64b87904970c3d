import { hashKey } from '../../../schemas/hash.js'
import type { LaneState } from '../../../schemas/lane-fold.js'
import { LaneFeed } from '../../chain/lane-feeds.js'
import { type Finalized, type LanePosition, LaneReader, type LaneRecord } from '../../chain/lane-reader.js'
import { LANE, type World } from './world.js'

/** Reads both logs as chainer and validator do, by the product's own feed and reader. */
export class Follower {
  feed: LaneFeed
  /** Hash of the final block at each height from 1 on, as far as read here. */
  readonly finals = new Map<bigint, string>()
  onFinal: (finalized: Finalized) => void = () => undefined

  constructor(protected readonly world: World) {
    this.feed = this.open(undefined)
  }

  private open(position: LanePosition | undefined): LaneFeed {
    return new LaneFeed(new LaneReader(LANE, this.world.rules, position), 0)
  }

  get state(): LaneState {
    return this.feed.reader.state
  }

  /** Begins again, at what it kept or, with a lost disk, at the genesis. */
  reopen(keeps: boolean): void {
    this.feed = this.open(keeps ? this.feed.reader.position : undefined)
    if (!keeps) this.finals.clear()
  }

  read(count: number, log: readonly LaneRecord[] = this.world.log): void {
    const { feed } = this
    feed.chainEnd = BigInt(log.length)
    const from = Number(feed.reader.nextOffset)
    for (const record of log.slice(from, from + count)) this.take(record)
    const next = Number(feed.readingsNext)
    for (const record of this.world.readings.slice(next, next + count)) feed.push(record)
  }

  private take(record: LaneRecord): void {
    const { outcome, finalized } = this.feed.reader.take(record)
    if (outcome.kind === 'void') this.feed.voidAt = record.timestamp
    if (finalized === undefined) return
    this.finals.set(finalized.header.height, hashKey(finalized.hash))
    this.onFinal(finalized)
    this.feed.settled(finalized)
  }
}
