/** What the checkpoints vouch for, held against the lanes as they are read here: so that whoever lost its memory votes no second
 *  history. Each instance of a validator has one, for the lanes that it follows. */
import type { Logger } from 'pino'
import type { KeptFinals } from '../../infra/chain/kept-finals.js'
import type { CheckpointFeed, FinalCheckpoint } from '../../infra/checkpoints/checkpoint-feed.js'
import { encodeCheckpointPosition, positionOf } from '../../infra/checkpoints/checkpoint-position.js'
import { isSameLeaf, type LaneTips } from '../../schemas/checkpoint/log.js'
import type { PeakStore } from '../../schemas/checkpoint/peaks.js'
import type { CheckpointLeaf } from '../../schemas/records.js'

export interface GuardDeps {
  readonly logger: Logger
  readonly finals: KeptFinals
  /** What the feed's log is made of. */
  readonly nodes: PeakStore
  /** Heights of the newest final blocks as kept here, of each lane that is followed. */
  readonly heights: ReadonlyMap<number, bigint>
}

export class CheckpointGuard {
  /** Lanes that are another's than a checkpoint says. */
  private readonly split = new Set<number>()
  private readonly heights: Map<number, bigint>
  private hasReadAll = false

  constructor(
    private readonly feed: CheckpointFeed,
    private readonly deps: GuardDeps,
  ) {
    this.heights = new Map(deps.heights)
  }

  /** The checkpoints were read on. */
  readOn(): void {
    this.hasReadAll ||= this.feed.isAtEnd
  }

  /** Whether the lane as read here is the one that the newest checkpoint names, and as long. */
  isVouchedFor(lane: number): boolean {
    return this.hasReadAll && !this.split.has(lane) && this.height(lane) >= (this.tips.get(lane)?.height ?? 0n)
  }

  /** Lanes of which a checkpoint names another block than the one that is final here. */
  get splitLanes(): number[] {
    return [...this.split].sort((a, b) => a - b)
  }

  /** Lanes that a checkpoint knows to be longer than they are here. */
  get shortLanes(): number[] {
    return [...this.heights].filter(([lane, height]) => height < (this.tips.get(lane)?.height ?? 0n)).map(([lane]) => lane)
  }

  height(lane: number): bigint {
    return this.heights.get(lane) ?? 0n
  }

  /** A block became final here, and is kept. */
  laneMoved(lane: number, height: bigint): void {
    this.heights.set(lane, height)
    const tip = this.tips.get(lane)
    if (tip !== undefined && tip.height === height) this.compare(tip)
  }

  /** A checkpoint is final: what it covers need not be kept. */
  taken({ leaves, finalized }: FinalCheckpoint): void {
    const { deps, feed } = this
    const newest = new Map(leaves.map((leaf) => [leaf.lane, leaf]))
    for (const leaf of newest.values()) this.compare(leaf)
    deps.finals.save(
      encodeCheckpointPosition(positionOf(feed.reader.position, feed.log, deps.nodes)),
      [...this.tips.values()].map(({ lane, height }) => [lane, height] as const),
      finalized,
    )
  }

  private get tips(): LaneTips {
    return this.feed.log.tips
  }

  private compare(leaf: CheckpointLeaf): void {
    const mine = this.deps.finals.get(leaf.lane, leaf.height)
    if (mine === undefined || isSameLeaf(leaf, mine)) return
    this.split.add(leaf.lane)
    this.deps.logger.error(
      { lane: leaf.lane, height: String(leaf.height) },
      'a checkpoint names another final block than the log of this lane: it was altered or made again. Nothing is voted on until it is restored',
    )
  }
}
