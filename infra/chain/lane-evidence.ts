/** Finds evidence (schemas/evidence.ts) in a lane's log as it is read. All that is found between two certificates belongs to the block
 *  that the later one makes final, so a reader that begins at a final block finds the same as one that began at the genesis. */
import { equalBytes } from '../../schemas/bytes.js'
import { BugError } from '../../schemas/errors.js'
import { EVIDENCE_EACH, type Evidence, type Original, rejectedBlocks } from '../../schemas/evidence.js'
import { apply, type Candidate, type LaneRules, type LaneState, type Outcome } from '../../schemas/lane-fold.js'
import { type ChainRecord, encodeSignedVote, type SignedVote } from '../../schemas/records.js'
import type { HeldBlock } from './held-blocks.js'
import type { EvidenceFinder, LaneRecord } from './lane-reader.js'

type Place = Original['place']

/** The newest final block as it was while it was a candidate, with the accepts of its certificate alone: what later accepts of it are
 *  held against. Accepts of another verdict that came before the certificate are forgotten with it. */
export interface Certified {
  readonly parent: LaneState['final']
  readonly header: Candidate['header']
  readonly hash: Candidate['hash']
  readonly accepts: readonly SignedVote[]
}

export class LaneEvidence implements EvidenceFinder {
  /** Since the newest certificate, in the order of the log. */
  #found: Evidence[] = []
  #certified: LaneState | undefined
  #given: Certified | undefined
  readonly #places = new WeakMap<SignedVote, NonNullable<Place>>()

  /** `certified`: of the final block that the reader begins at; undefined: it begins at the genesis, or nothing more is known. */
  constructor(
    private readonly lane: number,
    private readonly rules: LaneRules,
    certified?: Certified,
  ) {
    this.#given = certified
  }

  note({ offset, timestamp }: LaneRecord, record: ChainRecord, outcome: Outcome, before: LaneState): void {
    if (record.kind !== 'vote') return
    const place = { offset, timestamp }
    if (outcome.kind === 'counted' || outcome.kind === 'void') this.#places.set(record, place)
    if (outcome.kind === 'contradiction') this.#contradiction(outcome, place, before.final.registrySize)
    if (outcome.kind === 'skipped' && outcome.reason === 'no-such-candidate') this.#noteLate(record, place)
  }

  close(
    before: LaneState,
    final: Extract<Outcome, { kind: 'final' }>,
    heldBlock: (hash: Buffer) => HeldBlock | undefined,
  ): readonly Evidence[] {
    const set = this.rules.authoritiesAt(before.final.registrySize)
    const rejected = rejectedBlocks(before, final.candidate.hash, set).map(({ candidate, rejects }) =>
      this.#voidBlock(candidate, rejects, heldBlock(candidate.hash), before.final.registrySize),
    )
    const all = [...this.#found, ...rejected]
    this.#found = []
    this.#given = undefined
    const { header, hash } = final.candidate
    this.#remember({ parent: before.final, header, hash, accepts: final.certificate })
    return all
  }

  #remember({ parent, header, hash, accepts }: Certified): void {
    const ballots = new Map(accepts.map((vote) => [vote.vote.authority, { vote, weight: 0 }]))
    // who begins at this block knows the accepts, and not where they stand
    for (const vote of accepts) this.#places.delete(vote)
    this.#certified = { lane: this.lane, final: parent, candidates: [{ header, hash, ballots, isVoid: false }] }
  }

  /** Votes that came from elsewhere than the log are checked when they are needed: somebody may have altered them. */
  #takeGiven(): void {
    const given = this.#given
    this.#given = undefined
    if (given === undefined) return
    this.#remember({ ...given, accepts: [] })
    for (const vote of given.accepts) this.#countLate({ kind: 'vote', ...vote })
  }

  /** An accept of the newest final block, after its certificate: the fold has no use for it. */
  #noteLate(record: Extract<ChainRecord, { kind: 'vote' }>, place: NonNullable<Place>): void {
    this.#takeGiven()
    const outcome = this.#countLate(record)
    if (this.#certified === undefined || outcome === undefined) return
    if (outcome.kind === 'contradiction') this.#contradiction(outcome, place, this.#certified.final.registrySize)
    else this.#places.set(record, place)
  }

  /** By the fold's own rules, as if the block were a candidate still; undefined: it is none that would hold. */
  #countLate(record: Extract<ChainRecord, { kind: 'vote' }>): Exclude<Outcome, { kind: 'skipped' }> | undefined {
    const state = this.#certified
    const [candidate] = state?.candidates ?? []
    if (state === undefined || candidate === undefined || record.vote.judgement.kind === 'reject') return undefined
    const { outcome } = apply(state, record, this.rules)
    if (outcome.kind === 'skipped') return undefined
    if (outcome.kind !== 'contradiction') {
      const ballots = new Map(candidate.ballots).set(record.vote.authority, { vote: record, weight: 0 })
      this.#certified = { ...state, candidates: [{ ...candidate, ballots }] }
    }
    return outcome
  }

  #contradiction(
    { candidate, first, second }: Extract<Outcome, { kind: 'contradiction' }>,
    place: NonNullable<Place>,
    registrySize: number,
  ): void {
    const { authority } = second.vote
    const ofSame = this.#found.filter((each) => each.authority === authority)
    if (ofSame.length >= EVIDENCE_EACH || ofSame.some((each) => equalBytes(each.block, candidate.hash))) return
    const { height } = candidate.header
    this.#found.push({
      ...{ kind: 'contradiction', lane: this.lane, height, block: candidate.hash, authority, registrySize },
      originals: [this.#original(first), { record: recordOf(second), place }],
    })
  }

  #voidBlock(
    { header, hash }: Candidate,
    rejects: readonly SignedVote[],
    held: HeldBlock | undefined,
    registrySize: number,
  ): Evidence {
    if (held === undefined) throw new BugError(`lane ${this.lane}: a rejected block at height ${header.height} is not held`)
    const { bytes, offset, timestamp } = held
    const block = { record: bytes, place: { offset, timestamp } }
    return {
      ...{ kind: 'void-block', lane: this.lane, height: header.height, block: hash, authority: header.proposer, registrySize },
      originals: [block, ...rejects.map((vote) => this.#original(vote))],
    }
  }

  #original(vote: SignedVote): Original {
    return { record: recordOf(vote), place: this.#places.get(vote) ?? null }
  }
}

const recordOf = ({ voteBytes, signature }: SignedVote): Buffer => encodeSignedVote(voteBytes, signature)
