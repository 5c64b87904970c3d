/** Votes that the fold has no use for, and what they still tell: those that came after their block’s certificate, which are checked
 *  like the others, and those that show that the log lacks a record. */
import { equalBytes } from '../../schemas/bytes.js'
import { type AuthoritySet, isQuorum, totalWeight } from '../../schemas/consensus/turns.js'
import { type Hash, hashKey } from '../../schemas/hash.js'
import { type FinalBlock, type LaneAuthority, type LaneRules, type LaneState, voteMessage } from '../../schemas/lane-fold.js'
import type { SignedVote } from '../../schemas/records.js'
import type { Finalized } from '../chain/lane-reader.js'
import type { Fault } from './fault.js'

interface Recent {
  readonly height: bigint
  readonly hash: Hash
  readonly verdictHash: Hash
  readonly set: AuthoritySet<LaneAuthority>
  readonly voters: Set<string>
}

interface Tally {
  readonly height: bigint
  readonly weights: Map<string, number>
  total: number
}

/** Validators vote within seconds; a vote that comes later is skipped, and named like all that is. */
const MAX_RECENT = 16
const MAX_TALLIES = 64

export class StrayVotes {
  #recent: Recent[] = []
  readonly #tallies = new Map<string, Tally>()

  constructor(
    private readonly lane: number,
    private readonly rules: LaneRules,
  ) {}

  /** A block became final; `parent` was final before it. */
  noteFinal({ header, hash, verdictHash, votes }: Finalized, parent: FinalBlock): void {
    const set = this.rules.authoritiesAt(parent.registrySize)
    const voters = new Set(votes.map(({ vote }) => vote.authority))
    this.#recent = [...this.#recent.slice(1 - MAX_RECENT), { height: header.height, hash, verdictHash, set, voters }]
    for (const [key, { height }] of this.#tallies) if (height <= header.height) this.#tallies.delete(key)
  }

  /** Whether a vote without a candidate is one more accept of a block that is final already. */
  take(signed: SignedVote, { final }: LaneState): boolean {
    const { vote } = signed
    if (vote.lane !== this.lane || vote.judgement.kind === 'reject') return false
    if (vote.height > final.height) {
      this.#tally(signed, final)
      return false
    }
    const recent = this.#recent.find((each) => each.height === vote.height && equalBytes(each.hash, vote.block))
    if (recent === undefined || recent.voters.has(vote.authority)) return false
    if (!equalBytes(vote.judgement.verdictHash, recent.verdictHash) || this.#weight(signed, recent.set) === 0) return false
    recent.voters.add(vote.authority)
    return true
  }

  /** More than 2/3 of the weight accepted a block that the log does not make final: a record before that is lost or damaged. */
  missing(final: FinalBlock): Fault | undefined {
    const tallies = [...this.#tallies.values()].sort((a, b) => Number(a.height - b.height))
    const certain = tallies.find(({ weights, total }) =>
      isQuorum(
        [...weights.values()].reduce((sum, each) => sum + each, 0),
        total,
      ),
    )
    if (certain === undefined) return undefined
    const reason = `a block of height ${certain.height} was accepted by more than 2/3 of the weight, and the log makes none final from here on: a record is missing, damaged or out of place`
    return { topic: 'chain', lane: this.lane, height: final.height + 1n, reason }
  }

  #tally(signed: SignedVote, final: FinalBlock): void {
    const { height, block, authority } = signed.vote
    const key = `${height} ${hashKey(block)}`
    const set = this.rules.authoritiesAt(final.registrySize)
    if (!this.#tallies.has(key) && this.#tallies.size >= MAX_TALLIES) return
    const weight = this.#weight(signed, set)
    if (weight === 0) return
    const tally = this.#tallies.get(key) ?? { height, weights: new Map(), total: 0 }
    tally.weights.set(authority, weight)
    tally.total = totalWeight(set)
    this.#tallies.set(key, tally)
  }

  /** Of its voter, where the signature holds; else 0. */
  #weight({ vote, voteBytes, signature }: SignedVote, set: AuthoritySet<LaneAuthority>): number {
    const voter = set.authorities.find(({ id }) => id === vote.authority)
    if (voter === undefined || !this.rules.verify(signature, voteMessage(this.rules.chainId, voteBytes), voter.key)) return 0
    return voter.weight
  }
}
