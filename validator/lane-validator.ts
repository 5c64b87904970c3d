/** Validates one lane: checks and judges its candidates, votes, and keeps the meters' states with what becomes final. */
import type { Logger } from 'pino'
import { adoptVerdict, type BlockJudgement, type JudgeSource, judgeBlock } from '../infra/chain/judge-block.js'
import type { LaneFeed } from '../infra/chain/lane-feeds.js'
import type { Finalized, HeldBlock } from '../infra/chain/lane-reader.js'
import { Lookout } from '../infra/chain/lookout.js'
import type { MeterStates } from '../infra/chain/meter-states.js'
import { sign } from '../infra/crypto/sodium.js'
import { type HeldKeys, registeredKey } from '../infra/held-keys.js'
import type { LogWriter } from '../infra/kafka/log-writer.js'
import type { SchemaIds } from '../infra/kafka/schema-ids.js'
import type { AuthorityKey } from '../infra/keys.js'
import type { RegistryFollower } from '../infra/registry/registry-follower.js'
import { equalBytes } from '../schemas/bytes.js'
import type { AuthoritySet } from '../schemas/consensus/turns.js'
import { BugError } from '../schemas/errors.js'
import { faultCode } from '../schemas/faults.js'
import { type Hash, hashKey } from '../schemas/hash.js'
import type { JudgeContext } from '../schemas/judge.js'
import { type Candidate, verdictHash, voteMessage } from '../schemas/lane-fold.js'
import { encodeSignedVote, encodeVote, type Judgement, type Vote } from '../schemas/records.js'
import { sourceEpochOf } from '../schemas/registry/governance-rules.js'
import { attest, type Ballot, type Said } from './attest.js'
import { type Check, type CheckPolicy, checkCandidate, rankOf } from './check.js'
import { isStuck, repeatDue, toRepeat, toVoteOn } from './stuck.js'

export interface ValidatorDeps extends HeldKeys {
  readonly logger: Logger
  readonly registry: RegistryFollower
  readonly writer: LogWriter
  readonly ids: SchemaIds
  readonly states: MeterStates
  readonly policy: CheckPolicy & { patienceMillis: number }
  /** Whether a reading's signature holds. */
  readonly verify: JudgeContext['verify']
  /** Since when, milliseconds, the registry is larger than `size`; undefined where it is not. */
  outgrownAt(size: number): number | undefined
  onVoted(vote: Vote): void
  /** What a final block made of its meters. Awaited before it is kept, so that after a crash it is told again rather than never. */
  onJudged(finalized: Finalized, judgement: BlockJudgement): Promise<void>
  onFatal(error: Error): void
}

/** What this authority knows of a candidate beyond the fold. */
interface Opinion {
  readonly since: number
  judged?: { judgement: BlockJudgement; verdictHash: Hash }
  sent: Said
}

/** How often a lane with undecided candidates is looked at when nothing comes, milliseconds. */
const LOOK_AGAIN_MILLIS = 250

export class LaneValidator {
  private readonly opinions = new Map<string, Opinion>()
  private readonly lookout: Lookout
  /** Since when candidates have waited at this height, milliseconds. */
  private waitingSince = 0
  /** How often we have appended again, at this height, what others may lack. */
  private repeats = 0

  constructor(
    private readonly feed: LaneFeed,
    private readonly deps: ValidatorDeps,
  ) {
    this.lookout = new Lookout(() => this.look(), deps.onFatal)
  }

  /** Something changed. */
  poke(): void {
    this.lookout.poke()
  }

  stop(): Promise<void> {
    return this.lookout.stop()
  }

  /** Keeps what the final block made of its meters; the log's verdict binds, whatever this authority thought. */
  async commit(finalized: Finalized): Promise<void> {
    const { deps, feed } = this
    const mine = this.opinions.get(hashKey(finalized.hash))?.judged
    const agreed = mine !== undefined && equalBytes(mine.verdictHash, finalized.verdictHash)
    if (mine !== undefined && !agreed) {
      deps.logger.error(
        { lane: feed.lane, height: String(finalized.header.height) },
        'the final verdict is not the one found here',
      )
    }
    const judgement = agreed ? mine.judgement : this.adopt(finalized)
    this.opinions.clear()
    this.waitingSince = 0
    this.repeats = 0
    await deps.onJudged(finalized, judgement)
    deps.states.commit(feed.lane, feed.reader.position, judgement.states)
  }

  private adopt(finalized: Finalized): BlockJudgement {
    const adopted = adoptVerdict(finalized.block.entries, finalized.notCounted, this.source(finalized.header.registrySize))
    for (const difference of adopted.differences) {
      const where = { lane: this.feed.lane, height: String(finalized.header.height), ...difference }
      this.deps.logger.error(where, 'a final verdict counts an entry that would not count here')
    }
    return adopted
  }

  private source(registrySize: number): JudgeSource {
    return {
      lane: this.feed.lane,
      registry: this.deps.registry.state,
      registrySize,
      meterState: (meter) => this.deps.states.get(meter),
    }
  }

  private async look(): Promise<void> {
    const { feed, deps } = this
    const { state } = feed.reader
    if (state.candidates.length === 0) return
    if (this.waitingSince === 0) this.waitingSince = Date.now()
    this.lookout.pokeIn(LOOK_AGAIN_MILLIS)
    if (!feed.isAtEnd) return
    const set = deps.registry.state.governanceAt(state.final.registrySize)
    const key = registeredKey(set.authorities, deps)
    if (key === undefined || !set.authorities.some((each) => each.id === key.id && each.weight > 0)) return
    const stuck = isStuck(Date.now() - this.waitingSince, deps.policy.wiggleMillis)
    for (const candidate of toVoteOn(state, set, stuck)) {
      await this.consider(candidate, stuck, key)
      if (feed.reader.state.final !== state.final) return
    }
    const place = set.authorities.findIndex((each) => each.id === key.id)
    if (Date.now() - this.waitingSince > repeatDue(this.repeats, place, deps.policy.wiggleMillis)) await this.repeat(set)
  }

  /** Appends the first candidate and its votes again for whoever lacks them; what we said and no log holds is said again after that.
   *  Whoever has them skips them. */
  private async repeat(set: AuthoritySet): Promise<void> {
    const { deps, feed } = this
    const { state } = feed.reader
    this.repeats++
    for (const each of state.candidates) {
      const opinion = this.opinions.get(hashKey(each.hash))
      if (opinion !== undefined) opinion.sent = 'nothing'
    }
    const candidate = toRepeat(state, set)
    const held = candidate === undefined ? undefined : feed.reader.heldBlock(candidate.hash)
    if (candidate === undefined || held === undefined) return
    const votes = [...candidate.ballots.values()].map(({ vote }) => encodeSignedVote(vote.voteBytes, vote.signature))
    const where = { lane: feed.lane, height: String(candidate.header.height), votes: votes.length }
    deps.logger.warn(where, 'nothing becomes final: the first candidate and its votes are appended again')
    // apart from the votes: together they may be more than the broker takes at once
    await deps.writer.append('chain', feed.lane, [{ key: null, value: deps.ids.frame('Block', held.bytes) }])
    if (votes.length === 0) return
    const messages = votes.map((value) => ({ key: null, value: deps.ids.frame('SignedVote', value) }))
    await deps.writer.append('chain', feed.lane, messages)
  }

  private async consider(candidate: Candidate, isStuck: boolean, key: AuthorityKey): Promise<void> {
    const { deps, feed } = this
    const { final } = feed.reader.state
    const held = feed.reader.heldBlock(candidate.hash)
    if (held === undefined) throw new BugError(`lane ${feed.lane}: a candidate at height ${candidate.header.height} is not held`)
    const opinion = this.opinionOf(candidate)
    const said = opinion.sent === 'nothing' ? saidInLog(candidate, deps.key.id) : opinion.sent
    if (said === 'accept') return
    const ballot = attest({
      check: this.check(candidate, held),
      said,
      waitedMillis: Date.now() - opinion.since,
      patienceMillis: deps.policy.patienceMillis,
      isStuck,
    })
    if (ballot.kind === 'wait') return
    if (ballot.kind === 'accept' && opinion.judged === undefined) {
      const judgement = await judgeBlock(held.block.entries, this.source(candidate.header.registrySize), deps.verify)
      if (feed.reader.state.final !== final) return
      opinion.judged = { judgement, verdictHash: verdictHash(final.verdictHash, judgement.notCounted) }
    }
    await this.vote(candidate, opinion, ballot, key)
  }

  private opinionOf(candidate: Candidate): Opinion {
    const key = hashKey(candidate.hash)
    const opinion = this.opinions.get(key) ?? { since: Date.now(), sent: 'nothing' as const }
    this.opinions.set(key, opinion)
    return opinion
  }

  private check(candidate: Candidate, held: HeldBlock): Check {
    const { feed, deps } = this
    const { state } = feed.reader
    const registry = deps.registry.state
    const set = registry.governanceAt(state.final.registrySize)
    return checkCandidate(
      held.block,
      held.bytes.length,
      {
        pending: feed.pending,
        readingsNext: feed.readingsNext,
        registrySize: registry.size,
        rootAt: (size) => registry.rootAt(size),
        sourceEpoch: feed.sourceEpoch,
        sourceEpochAt: (size) => sourceEpochOf(registry.governanceAt(size), feed.lane),
        outgrownAt: deps.outgrownAt,
        parentAt: feed.parentAt,
        rank: rankOf(candidate.header.proposer, state, set, registry.chainId),
        now: Date.now(),
        appendedAt: held.timestamp,
      },
      deps.policy,
    )
  }

  private async vote(
    candidate: Candidate,
    opinion: Opinion,
    ballot: Exclude<Ballot, { kind: 'wait' }>,
    key: AuthorityKey,
  ): Promise<void> {
    const { deps, feed } = this
    const vote: Vote = {
      lane: feed.lane,
      height: candidate.header.height,
      block: candidate.hash,
      authority: key.id,
      judgement: judgementOf(ballot, opinion),
    }
    const voteBytes = encodeVote(vote)
    const signature = sign(voteMessage(deps.registry.state.chainId, voteBytes), key.secretKey)
    opinion.sent = ballot.kind
    await deps.writer.append('chain', feed.lane, [
      { key: null, value: deps.ids.frame('SignedVote', encodeSignedVote(voteBytes, signature)) },
    ])
    deps.onVoted(vote)
  }
}

function saidInLog(candidate: Candidate, me: string): Said {
  return candidate.ballots.get(me)?.vote.vote.judgement.kind ?? 'nothing'
}

function judgementOf(ballot: Exclude<Ballot, { kind: 'wait' }>, { judged }: Opinion): Judgement {
  if (ballot.kind === 'reject') return { kind: 'reject', fault: faultCode(ballot.fault), detail: ballot.detail.slice(0, 200) }
  if (judged === undefined) throw new BugError('an accept without a judgement')
  return { kind: 'accept', verdictHash: judged.verdictHash, notCounted: judged.judgement.notCounted }
}
