/** One lane as it is read from the log: the fold's state, the blocks behind its candidates, and the offset to read next. */
import { BugError } from '../../schemas/errors.js'
import type { Evidence } from '../../schemas/evidence.js'
import type { Hash } from '../../schemas/hash.js'
import { apply, type FinalBlock, type LaneRules, type LaneState, laneGenesis, type Outcome } from '../../schemas/lane-fold.js'
import {
  type Block,
  type ChainRecord,
  decodeChainRecord,
  encodeSignedVote,
  type Header,
  type NotCounted,
  type SignedVote,
  stripPrefix,
  type Vote,
} from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { type HeldBlock, HeldBlocks } from './held-blocks.js'

/** Where a reader of a lane may begin, with nothing else in hand: a final block, and the offset after its certificate. */
export interface LanePosition {
  readonly final: FinalBlock
  readonly nextOffset: bigint
}

/** A record of `chain` as far as the lane's reader needs it. */
export interface LaneRecord {
  readonly offset: bigint
  /** Append time, milliseconds. */
  readonly timestamp: number
  readonly value: Buffer | null
}

/** A block that a certificate in the log made final. */
export interface Finalized {
  readonly lane: number
  readonly header: Header
  readonly hash: Hash
  readonly block: Block
  /** The block's record without the registry prefix. */
  readonly blockBytes: Buffer
  readonly blockOffset: bigint
  readonly notCounted: readonly NotCounted[]
  readonly verdictHash: Hash
  /** The certificate: accepts of more than 2/3 of the weight, each as it stands in the log, without the prefix. */
  readonly votes: readonly { readonly bytes: Buffer; readonly vote: Vote }[]
  readonly certificateOffset: bigint
  /** Append time of the vote that completed the certificate, milliseconds. */
  readonly timestamp: number
  readonly nextOffset: bigint
  /** Found since the certificate before; empty where the reader looks for none. */
  readonly evidence: readonly Evidence[]
}

/** Looks for evidence in what is read (lane-evidence.ts). */
export interface EvidenceFinder {
  /** A record that was folded, and did not make a block final. `before`: the state before it. */
  note(record: LaneRecord, decoded: ChainRecord, outcome: Outcome, before: LaneState): void
  /** All that belongs to the block that became final. */
  close(
    before: LaneState,
    final: Extract<Outcome, { kind: 'final' }>,
    heldBlock: (hash: Hash) => HeldBlock | undefined,
  ): readonly Evidence[]
}

export type Taken = {
  readonly record: ChainRecord | undefined
  readonly outcome: Outcome | { kind: 'undecodable' }
  readonly finalized?: Finalized
}

/** The fold's rules as the registry states them. */
export function laneRules(registry: RegistryState, verify: LaneRules['verify']): LaneRules {
  return { chainId: registry.chainId, authoritiesAt: (size) => registry.governanceAt(size), verify }
}

export class LaneReader {
  private current: LaneState
  private offset: bigint
  private resume: bigint
  private readonly held = new HeldBlocks()

  /** `evidence`: looks for it; undefined: nobody here needs any. */
  constructor(
    readonly lane: number,
    private readonly rules: LaneRules,
    position: LanePosition | undefined,
    private readonly evidence?: EvidenceFinder,
  ) {
    const genesis = laneGenesis(rules.chainId, lane)
    this.current = position === undefined ? genesis : { ...genesis, final: position.final }
    this.offset = position?.nextOffset ?? 0n
    this.resume = this.offset
  }

  get state(): LaneState {
    return this.current
  }

  get nextOffset(): bigint {
    return this.offset
  }

  /** Where to begin again: after the newest certificate, so that the candidates since then are read again. */
  get position(): LanePosition {
    return { final: this.current.final, nextOffset: this.resume }
  }

  /** Reads on from there: before the first record is taken, where the place was of another log. */
  rewind(offset: bigint): void {
    this.offset = offset
    this.resume = offset
  }

  heldBlock(hash: Hash): HeldBlock | undefined {
    return this.held.get(hash)
  }

  /** Folds the next record. Whoever finds `finalized` lets the registry reach its size before it takes another. */
  take(record: LaneRecord): Taken {
    this.offset = record.offset + 1n
    const decoded = decodeChainRecord(record.value)
    if (decoded === undefined) return { record: undefined, outcome: { kind: 'undecodable' } }
    const before = this.current
    const { state, outcome } = apply(before, decoded, this.rules)
    this.current = state
    if (outcome.kind === 'candidate' && decoded.kind === 'block' && record.value !== null) {
      const bytes = stripPrefix(record.value)
      this.held.add(outcome.candidate.hash, {
        block: decoded,
        bytes,
        offset: record.offset,
        timestamp: record.timestamp,
      })
    }
    if (outcome.kind === 'final') return { record: decoded, outcome, finalized: this.finalize(outcome, record, before) }
    this.evidence?.note(record, decoded, outcome, before)
    return { record: decoded, outcome }
  }

  private finalize(outcome: Extract<Outcome, { kind: 'final' }>, record: LaneRecord, before: LaneState): Finalized {
    const { candidate } = outcome
    const held = this.held.get(candidate.hash)
    if (held === undefined)
      throw new BugError(`lane ${this.lane}: the final block at height ${candidate.header.height} is not held`)
    const evidence = this.evidence?.close(before, outcome, (hash) => this.heldBlock(hash)) ?? []
    this.held.clear()
    this.resume = this.offset
    return {
      lane: this.lane,
      header: candidate.header,
      hash: candidate.hash,
      block: held.block,
      blockBytes: held.bytes,
      blockOffset: held.offset,
      notCounted: outcome.notCounted,
      verdictHash: outcome.verdictHash,
      votes: outcome.certificate.map((signed: SignedVote) => ({
        bytes: encodeSignedVote(signed.voteBytes, signed.signature),
        vote: signed.vote,
      })),
      certificateOffset: record.offset,
      timestamp: record.timestamp,
      nextOffset: this.offset,
      evidence,
    }
  }
}
