/** Evidence: what a lane's log holds against an authority, kept with the signed originals. A pure function of the log; the fold's
 *  state has no part in it, and it punishes nobody: it is the ground for a governance event.
 *
 *  - `contradiction`: two accepts of one block by one authority, which differ. It proves itself: both signatures are the authority's.
 *  - `void-block`: a sealed block that authorities of 1/3 of the weight or more rejected, and that did not become final. The seal
 *    proves who sealed it, the rejects who said what of it; whether they are right is for people to judge, with `readings` and the
 *    registry in hand. Rejects of less than 1/3 are none: so many may be false themselves.
 *  - `split-view`: signatures of one authority over two heads of one size of the log of checkpoints, which have two roots. It proves
 *    itself, as a contradiction does. Such a log is the lane of checkpoints, which holds the other two kinds as every lane does. */
import { equalBytes } from './bytes.js'
import { type AuthoritySet, totalWeight } from './consensus/turns.js'
import type { Hash } from './hash.js'
import type { Candidate, LaneState } from './lane-fold.js'
import { leafHash, merkleRoot } from './merkle.js'
import type { SignedVote } from './records.js'

export type EvidenceKind = 'void-block' | 'contradiction' | 'split-view'

/** A signed record of `chain` or `checkpoints`, and where it stands. */
export interface Original {
  /** Without the registry prefix. */
  readonly record: Buffer
  /** null: in the certificate of the block, which final blocks are kept with. `timestamp`: append time, milliseconds; 0: not known. */
  readonly place: { readonly offset: bigint; readonly timestamp: number } | null
}

export interface Evidence {
  readonly kind: EvidenceKind
  readonly lane: number
  /** split-view: the size of both heads. */
  readonly height: bigint
  /** split-view: the root of the first head. */
  readonly block: Hash
  /** Who sealed the block, voted or signed twice. */
  readonly authority: string
  /** Whose authorities decided on the block: the registry size that the final block before it names. split-view: as of the newest
   *  final block before the second signature. */
  readonly registrySize: number
  /** void-block: the block, then the rejects by their authorities' ids. contradiction: the accept that counted, then the other.
   *  split-view: both signatures, as the log has them. */
  readonly originals: readonly Original[]
}

/** Pieces of one kind against one authority that are kept of one certificate to the next: a bound, for a false one may sign
 *  thousands. The first ones in the log. */
export const EVIDENCE_EACH = 4

/** Names a piece of evidence, as in `SlashStake.evidence`: the Merkle root with its originals as entries. */
export const evidenceHash = (originals: readonly Buffer[]): Hash => merkleRoot(originals.map(leafHash))

/** Whether so much weight cannot all be false, where less than 1/3 is. */
export const isThird = (weight: number, total: number): boolean => 3 * weight >= total

/** Of a height at which `final` becomes final: candidates that are evidence against their proposers, in the order of the log, each
 *  with the rejects that stand. */
export function rejectedBlocks(
  { candidates }: LaneState,
  final: Hash,
  set: AuthoritySet,
): { candidate: Candidate; rejects: SignedVote[] }[] {
  const total = totalWeight(set)
  const seen = new Map<string, number>()
  return candidates.flatMap((candidate) => {
    const ballots = [...candidate.ballots.values()].filter(({ vote }) => vote.vote.judgement.kind === 'reject')
    const weight = ballots.reduce((sum, each) => sum + each.weight, 0)
    const { proposer } = candidate.header
    const count = seen.get(proposer) ?? 0
    if (equalBytes(candidate.hash, final) || !isThird(weight, total) || count >= EVIDENCE_EACH) return []
    seen.set(proposer, count + 1)
    const rejects = ballots.map(({ vote }) => vote).sort((a, b) => (a.vote.authority < b.vote.authority ? -1 : 1))
    return [{ candidate, rejects }]
  })
}
