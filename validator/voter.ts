/** Votes on the candidates of one log, whatever its blocks hold: a lane's readings, or the checkpoints' leaves. */
import type { Logger } from 'pino'
import { appendBlock, appendRecords } from '../infra/chain/append-again.js'
import type { HeldBlock } from '../infra/chain/held-blocks.js'
import type { LaneReader } from '../infra/chain/lane-reader.js'
import { Lookout } from '../infra/chain/lookout.js'
import { isStuck, placeOf, repeatDue, toRepeat } from '../infra/chain/repeats.js'
import { signVote } from '../infra/chain/sign-records.js'
import { type HeldKeys, registeredKey } from '../infra/held-keys.js'
import type { LogWriter } from '../infra/kafka/log-writer.js'
import type { SchemaIds } from '../infra/kafka/schema-ids.js'
import type { AuthorityKey } from '../infra/keys.js'
import type { RegistryFollower } from '../infra/registry/registry-follower.js'
import type { TopicName } from '../infra/stage.js'
import type { AuthoritySet } from '../schemas/consensus/turns.js'
import { BugError } from '../schemas/errors.js'
import { faultCode } from '../schemas/faults.js'
import { hashKey } from '../schemas/hash.js'
import { type Candidate, verdictHash } from '../schemas/lane-fold.js'
import { encodeSignedVote, type Judgement, type NotCounted, type Vote } from '../schemas/records.js'
import { attest, type Ballot, type Said } from './attest.js'
import type { Check } from './check.js'
import { toVoteOn } from './stuck.js'

export interface VoterDeps extends HeldKeys {
  readonly logger: Logger
  readonly registry: RegistryFollower
  readonly writer: LogWriter
  readonly ids: SchemaIds
  readonly wiggleMillis: number
  /** How long what is not seen yet may still come before a candidate is rejected, milliseconds. */
  readonly patienceMillis: number
  onVoted(vote: Vote): void
  onFatal(error: Error): void
}

/** A log of blocks and votes as it is read, and what this authority makes of its blocks. */
export interface VotedLog {
  readonly topic: TopicName
  readonly partition: number
  readonly reader: LaneReader
  /** Whether it has been read to its end as last seen. */
  readonly isAtEnd: boolean
  /** Whether what has been read here is known to be the log that others have read. */
  readonly mayVote: boolean
  check(candidate: Candidate, held: HeldBlock): Check
  /** The entries that do not count. */
  judge(candidate: Candidate, held: HeldBlock): Promise<readonly NotCounted[]>
}

/** What this authority knows of a candidate beyond the fold. */
interface Opinion {
  readonly since: number
  verdict?: readonly NotCounted[]
  sent: Said
}

/** How often a log with undecided candidates is looked at when nothing comes, milliseconds. */
const LOOK_AGAIN_MILLIS = 250

export class Voter {
  private readonly opinions = new Map<string, Opinion>()
  private readonly lookout: Lookout
  /** Since when candidates have waited at this height, milliseconds. */
  private waitingSince = 0
  /** How often we have appended again, at this height, what others may lack. */
  private repeats = 0

  constructor(
    private readonly log: VotedLog,
    private readonly deps: VoterDeps,
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

  /** A block became final: its siblings need no opinion any more. */
  decided(): void {
    this.opinions.clear()
    this.waitingSince = 0
    this.repeats = 0
  }

  private async look(): Promise<void> {
    const { log, deps } = this
    const { state } = log.reader
    if (state.candidates.length === 0) return
    if (this.waitingSince === 0) this.waitingSince = Date.now()
    this.lookout.pokeIn(LOOK_AGAIN_MILLIS)
    if (!log.isAtEnd || !log.mayVote) return
    const set = deps.registry.state.governanceAt(state.final.registrySize)
    const key = registeredKey(set.authorities, deps)
    if (key === undefined || !set.authorities.some((each) => each.id === key.id && each.weight > 0)) return
    const stuck = isStuck(Date.now() - this.waitingSince, deps.wiggleMillis)
    for (const candidate of toVoteOn(state, set, stuck)) {
      await this.consider(candidate, stuck, key)
      if (log.reader.state.final !== state.final) return
    }
    const place = placeOf(set, key.id)
    if (Date.now() - this.waitingSince > repeatDue(this.repeats, place, deps.wiggleMillis)) await this.repeat(set)
  }

  /** Appends the first candidate and its votes again for whoever lacks them; what we said and no log holds is said again after that.
   *  Whoever has them skips them. */
  private async repeat(set: AuthoritySet): Promise<void> {
    const { deps, log } = this
    const { state } = log.reader
    this.repeats++
    for (const each of state.candidates) {
      const opinion = this.opinions.get(hashKey(each.hash))
      if (opinion !== undefined) opinion.sent = 'nothing'
    }
    const candidate = toRepeat(state, set)
    const held = candidate === undefined ? undefined : log.reader.heldBlock(candidate.hash)
    if (candidate === undefined || held === undefined) return
    const votes = [...candidate.ballots.values()].map(({ vote }) => encodeSignedVote(vote.voteBytes, vote.signature))
    const where = { lane: state.lane, height: String(candidate.header.height), votes: votes.length }
    deps.logger.warn(where, 'nothing becomes final: the first candidate and its votes are appended again')
    await appendBlock(deps, log, held.bytes, votes)
  }

  private async consider(candidate: Candidate, isStuck: boolean, key: AuthorityKey): Promise<void> {
    const { deps, log } = this
    const { state } = log.reader
    const held = log.reader.heldBlock(candidate.hash)
    if (held === undefined) throw new BugError(`lane ${state.lane}: a candidate at height ${candidate.header.height} is not held`)
    const opinion = this.opinionOf(candidate)
    const said = opinion.sent === 'nothing' ? saidInLog(candidate, deps.key.id) : opinion.sent
    if (said === 'accept') return
    const ballot = attest({
      check: log.check(candidate, held),
      said,
      waitedMillis: Date.now() - opinion.since,
      patienceMillis: deps.patienceMillis,
      isStuck,
    })
    if (ballot.kind === 'wait') return
    if (ballot.kind === 'accept' && opinion.verdict === undefined) {
      const verdict = await log.judge(candidate, held)
      if (log.reader.state.final !== state.final) return
      opinion.verdict = verdict
    }
    await this.vote(candidate, opinion, ballot, key)
  }

  private opinionOf(candidate: Candidate): Opinion {
    const key = hashKey(candidate.hash)
    const opinion = this.opinions.get(key) ?? { since: Date.now(), sent: 'nothing' as const }
    this.opinions.set(key, opinion)
    return opinion
  }

  private async vote(
    candidate: Candidate,
    opinion: Opinion,
    ballot: Exclude<Ballot, { kind: 'wait' }>,
    key: AuthorityKey,
  ): Promise<void> {
    const { deps } = this
    const { lane, final } = this.log.reader.state
    const vote: Vote = {
      lane,
      height: candidate.header.height,
      block: candidate.hash,
      authority: key.id,
      judgement: judgementOf(ballot, opinion, final.verdictHash),
    }
    opinion.sent = ballot.kind
    await appendRecords(deps, this.log, 'SignedVote', [signVote(deps.registry.state.chainId, vote, key)])
    deps.onVoted(vote)
  }
}

function saidInLog(candidate: Candidate, me: string): Said {
  return candidate.ballots.get(me)?.vote.vote.judgement.kind ?? 'nothing'
}

function judgementOf(ballot: Exclude<Ballot, { kind: 'wait' }>, { verdict }: Opinion, parent: Buffer): Judgement {
  if (ballot.kind === 'reject') return { kind: 'reject', fault: faultCode(ballot.fault), detail: ballot.detail.slice(0, 200) }
  if (verdict === undefined) throw new BugError('an accept without a verdict')
  return { kind: 'accept', verdictHash: verdictHash(parent, [...verdict]), notCounted: [...verdict] }
}
