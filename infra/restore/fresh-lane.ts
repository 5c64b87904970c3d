/** A lane of `chain` as a reader sees it that has nothing else in hand, held against what a replica proves. */
import { equalBytes, hex } from '../../schemas/bytes.js'
import { sha256 } from '../../schemas/hash.js'
import type { FinalBlock, LaneRules } from '../../schemas/lane-fold.js'
import { stripPrefix } from '../../schemas/records.js'
import { LaneReader, type LaneRecord } from '../chain/lane-reader.js'
import type { LogDamage } from '../kafka/log-reader.js'
import type { Replica, ReplicaBlock } from './replica.js'
import { subjectOf } from './verify-replica.js'

interface Later {
  readonly height: bigint
  readonly value: Buffer
  /** Whether it came at its time, once at least. */
  isPlaced: boolean
  /** How often it was to be appended. */
  tries: number
}

/** Skipped for what is before them in the log; all others are skipped wherever they stand. */
const TOO_EARLY: ReadonlySet<string> = new Set(['not-next', 'other-parent', 'no-such-candidate'])
/** Votes on what nobody sealed are never in their place. */
const MOST_TRIES = 3

export class FreshLane {
  readonly damages: LogDamage[] = []
  /** First height at which the log makes another block final than the replica says. */
  conflict: bigint | undefined
  private readonly reader: LaneReader
  private readonly held: AsyncGenerator<ReplicaBlock>
  private block: ReplicaBlock | undefined
  /** What the log holds of heights that the replica does not: by digest, in the order of the log. */
  private readonly later = new Map<string, Later>()

  constructor(
    readonly lane: number,
    rules: LaneRules,
    replica: Replica,
    readonly top: FinalBlock,
  ) {
    this.reader = new LaneReader(lane, rules, undefined)
    this.held = replica.blocks(lane)
  }

  get nextOffset(): bigint {
    return this.reader.nextOffset
  }

  /** What it has made final. */
  get height(): bigint {
    return this.reader.state.final.height
  }

  get final(): FinalBlock {
    return this.reader.state.final
  }

  /** Final blocks that only the replica holds. */
  get missing(): bigint {
    return this.top.height > this.height ? this.top.height - this.height : 0n
  }

  /** Whether its reader has come to all that replica and log hold. */
  get isWhole(): boolean {
    return this.conflict === undefined && this.missing === 0n && this.tail().length === 0
  }

  async take(record: LaneRecord): Promise<void> {
    const { finalized, outcome } = this.reader.take(record)
    const about = subjectOf(record.value)
    if (about !== undefined && record.value !== null && about.height > this.top.height) {
      const key = hex(sha256(stripPrefix(record.value)))
      const later = this.later.get(key) ?? { height: about.height, value: record.value, isPlaced: false, tries: 0 }
      if (outcome.kind !== 'skipped' || !TOO_EARLY.has(outcome.reason)) later.isPlaced = true
      this.later.set(key, later)
    }
    if (finalized !== undefined) await this.compare(finalized)
  }

  /** Records to be appended after the replica's blocks, as they stand in the log: candidates with their votes, and blocks that became
   *  final since the replica looked. None where the lane's reader has them all in their place. */
  private tail(): Later[] {
    const open = [...this.later.values()].filter(({ height }) => height > this.height)
    const early = open.filter(({ isPlaced, tries }) => !isPlaced && tries < MOST_TRIES)
    return this.missing > 0n || early.length > 0 ? open : []
  }

  /** They are appended: gives their values. */
  takeTail(): Buffer[] {
    const tail = this.tail()
    for (const each of tail) each.tries++
    return tail.map(({ value }) => value)
  }

  /** All that the log holds of heights that the replica does not. */
  beyond(): Buffer[] {
    return [...this.later.values()].map(({ value }) => value)
  }

  async close(): Promise<void> {
    await this.held.return(undefined)
  }

  private async compare({
    header: { height },
    hash,
    verdictHash,
  }: {
    header: { height: bigint }
    hash: Buffer
    verdictHash: Buffer
  }) {
    while (this.block === undefined || this.block.height < height) {
      const { value, done } = await this.held.next()
      if (done === true) return
      this.block = value
    }
    if (!equalBytes(this.block.hash, hash) || !equalBytes(this.block.verdictHash, verdictHash)) this.conflict ??= height
  }
}
