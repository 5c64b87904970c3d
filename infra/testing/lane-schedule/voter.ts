import { BugError } from '../../../schemas/errors.js'
import { type Hash, hashKey } from '../../../schemas/hash.js'
import type { Candidate } from '../../../schemas/lane-fold.js'
import { encodeSignedVote, type Judgement } from '../../../schemas/records.js'
import { attest, type Ballot, type Said } from '../../../validator/attest.js'
import { checkCandidate, rankOf } from '../../../validator/check.js'
import { toVoteOn } from '../../../validator/stuck.js'
import type { HeldBlock } from '../../chain/held-blocks.js'
import { isStuck, placeOf, repeatDue, toRepeat } from '../../chain/repeats.js'
import { Follower } from './follower.js'
import { accept, judge, LANE, REGISTRY, WIGGLE_MILLIS, type World } from './world.js'

const POLICY = { wiggleMillis: WIGGLE_MILLIS, staleMillis: 10_000 }
const PATIENCE_MILLIS = 2_000

/** A validator of an honest authority: the product's checks, votes and repeats. */
export class Voter extends Follower {
  private opinions = new Map<string, { readonly since: number; sent: Said }>()
  private waitingSince = 0
  private repeats = 0
  /** Records that it has begun to write and not yet seen acknowledged. */
  private writing = 0
  private life = 0
  /** The final block that a replica vouches for; before that it only reads. */
  private reach: { readonly height: bigint; readonly hash: string } | undefined

  constructor(
    world: World,
    readonly me: string,
  ) {
    super(world)
    this.onFinal = () => this.forget()
  }

  private forget(): void {
    this.opinions = new Map()
    this.waitingSince = 0
    this.repeats = 0
  }

  /** `reach`: where its disk is lost, the newest final block of a replica. */
  override reopen(keeps: boolean, reach?: { height: bigint; hash: string }): void {
    super.reopen(keeps)
    this.forget()
    this.life++
    this.writing = 0
    if (!keeps) this.reach = reach
  }

  /** Whether it may speak: not before it has found what the replica vouches for, and never where it finds something else. */
  private get isVouched(): boolean {
    if (this.reach === undefined) return true
    return this.finals.get(this.reach.height) === this.reach.hash
  }

  act(): void {
    const { feed, world, state } = this
    if (state.candidates.length === 0) return
    if (this.waitingSince === 0) this.waitingSince = world.now
    if (this.writing > 0 || !feed.isAtEnd || !this.isVouched) return
    const waited = world.now - this.waitingSince
    const stuck = isStuck(waited, WIGGLE_MILLIS)
    for (const each of toVoteOn(state, world.set, stuck)) this.consider(each, stuck)
    const place = placeOf(world.set, this.me)
    if (waited > repeatDue(this.repeats, place, WIGGLE_MILLIS)) this.repeat()
  }

  private consider(candidate: Candidate, stuck: boolean): void {
    const held = this.feed.reader.heldBlock(candidate.hash)
    if (held === undefined) throw new BugError('a candidate is not held')
    const key = hashKey(candidate.hash)
    const opinion = this.opinions.get(key) ?? { since: this.world.now, sent: 'nothing' as const }
    this.opinions.set(key, opinion)
    const said = opinion.sent === 'nothing' ? this.saidInLog(candidate) : opinion.sent
    if (said === 'accept') return
    const ballot = attest({
      check: this.check(candidate, held),
      ...{ said, waitedMillis: this.world.now - opinion.since, patienceMillis: PATIENCE_MILLIS, isStuck: stuck },
    })
    if (ballot.kind === 'wait') return
    opinion.sent = ballot.kind
    this.vote(candidate.hash, this.judgementOf(ballot, held))
  }

  private saidInLog(candidate: Candidate): Said {
    return candidate.ballots.get(this.me)?.vote.vote.judgement.kind ?? 'nothing'
  }

  private check(candidate: Candidate, held: HeldBlock) {
    const { feed, world, state } = this
    const sight = {
      ...{ pending: feed.pending, readingsNext: feed.readingsNext, sourceEpoch: 0, registrySize: REGISTRY.registrySize },
      ...{ rootAt: () => REGISTRY.registryRoot, sourceEpochAt: () => 0, outgrownAt: () => undefined },
      ...{ parentAt: feed.parentAt, now: world.now, appendedAt: held.timestamp },
      rank: rankOf(candidate.header.proposer, state, world.set, world.chainId),
    }
    return checkCandidate(held.block, held.bytes.length, sight, POLICY)
  }

  private judgementOf(ballot: Exclude<Ballot, { kind: 'wait' }>, held: HeldBlock): Judgement {
    if (ballot.kind === 'reject') return { kind: 'reject', fault: 32, detail: ballot.detail.slice(0, 200) }
    return accept(this.state.final.verdictHash, judge(held.block.entries))
  }

  private vote(block: Hash, judgement: Judgement): void {
    const height = this.state.final.height + 1n
    this.write(this.world.vote({ lane: LANE, height, block, authority: this.me, judgement }))
  }

  private write(value: Buffer): void {
    const { life } = this
    this.writing++
    this.world.send(value, () => {
      if (life === this.life) this.writing--
    })
  }

  /** What others may lack, and what was written here and is in no log. */
  private repeat(): void {
    this.repeats++
    for (const each of this.state.candidates) {
      const opinion = this.opinions.get(hashKey(each.hash))
      if (opinion !== undefined) opinion.sent = 'nothing'
    }
    const candidate = toRepeat(this.state, this.world.set)
    const held = candidate === undefined ? undefined : this.feed.reader.heldBlock(candidate.hash)
    if (candidate === undefined || held === undefined) return
    this.write(held.bytes)
    for (const { vote } of candidate.ballots.values()) this.write(encodeSignedVote(vote.voteBytes, vote.signature))
  }
}
