/** A lane of `chain`, or that of `checkpoints`, as a reader sees it that has nothing else in hand, held against what a replica proves. */
import { equalBytes, hex } from '../../schemas/bytes.js'
import { sha256 } from '../../schemas/hash.js'
import type { FinalBlock, LaneRules } from '../../schemas/lane-fold.js'
import { decodeCosignature, stripPrefix } from '../../schemas/records.js'
import { type Finalized, LaneReader, type LaneRecord } from '../chain/lane-reader.js'
import type { LogDamage } from '../kafka/log-reader.js'
import { HeadSignatures } from './head-signatures.js'
import type { LaneReplica } from './lane-replica.js'
import { type LaterRecord, LaterRecords } from './later-records.js'
import type { ReplicaBlock } from './replica.js'
import { subjectOf } from './verify-replica.js'

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
  /** What the log holds of heights that the replica does not. */
  private readonly later = new LaterRecords()
  private readonly signatures = new HeadSignatures()
  /** Leaves of the checkpoints so far. */
  private size = 0

  constructor(
    readonly replica: LaneReplica,
    rules: LaneRules,
  ) {
    this.reader = new LaneReader(replica.lane, rules, undefined)
    this.held = replica.blocks()
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
    const { top } = this.replica
    return top.height > this.height ? top.height - this.height : 0n
  }

  /** Signatures of heads that only the replica holds, of blocks that are not missing. */
  get missingSignatures(): Buffer[] {
    return this.signatures.missing()
  }

  /** Whether its reader has come to all that replica and log hold. */
  get isWhole(): boolean {
    const isThere = this.missing === 0n && this.missingSignatures.length === 0 && this.tail().length === 0
    return this.conflict === undefined && isThere
  }

  /** Whether the log goes on beyond a block that neither it nor the replica has. */
  get lacksNext(): boolean {
    const { candidates } = this.reader.state
    const goesOn = this.later.all().some(({ height = 0n }) => height > this.height + 1n)
    return this.missing === 0n && this.height > 0n && candidates.length === 0 && goesOn
  }

  async take(record: LaneRecord): Promise<void> {
    const { finalized, outcome } = this.reader.take(record)
    const { value } = record
    const about = subjectOf(value)
    if (about !== undefined && value !== null && about.height > this.replica.top.height) {
      const isPlaced = outcome.kind !== 'skipped' || !TOO_EARLY.has(outcome.reason)
      this.later.note(digestOf(stripPrefix(value)), about.height, value, isPlaced)
    }
    if (about === undefined && value !== null) this.takeSignature(value)
    if (finalized === undefined) return
    this.size += finalized.block.entries.length
    await this.compare(finalized)
  }

  /** Records to be appended after the replica's blocks, as they stand in the log: candidates with their votes, blocks that became final
   *  since the replica looked, and signatures of their heads. None where the lane's reader has them all in their place. */
  private tail(): LaterRecord[] {
    const open = this.later.all().filter((each) => (each.height === undefined ? !each.isPlaced : each.height > this.height))
    const early = open.filter(({ height, isPlaced, tries }) => height !== undefined && !isPlaced && tries < MOST_TRIES)
    return this.missing > 0n || early.length > 0 ? open : []
  }

  /** They are appended: gives their values. */
  *takeTail(): Generator<Buffer> {
    for (const each of this.tail()) {
      each.tries++
      yield this.later.value(each)
    }
  }

  /** All that the log holds of heights that the replica does not. */
  *beyond(): Generator<Buffer> {
    for (const each of this.later.all()) yield this.later.value(each)
  }

  async close(): Promise<void> {
    this.later.close()
    await this.held.return(undefined)
  }

  /** One that came before its head is no good where it stands. */
  private takeSignature(value: Buffer): void {
    const cosignature = this.replica.topic === 'checkpoints' ? decodeCosignature(value) : undefined
    if (cosignature === undefined) return
    const isPlaced = cosignature.size <= this.size
    const digest = digestOf(stripPrefix(value))
    if (isPlaced) this.signatures.inLog(digest, this.height)
    if (cosignature.size > this.replica.size) this.later.note(digest, undefined, value, isPlaced)
  }

  private async compare({ header: { height }, hash, verdictHash }: Finalized) {
    while (this.block === undefined || this.block.height < height) {
      const { value, done } = await this.held.next()
      if (done === true) return
      this.block = value
      for (const each of value.signatures ?? []) this.signatures.inReplica(digestOf(each), each, value.height)
    }
    if (!equalBytes(this.block.hash, hash) || !equalBytes(this.block.verdictHash, verdictHash)) this.conflict ??= height
  }
}

const digestOf = (record: Buffer): string => hex(sha256(record))
