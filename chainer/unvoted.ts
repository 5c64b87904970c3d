/** What a chainer does where a block waits and nobody votes on it: those who vote may lack it, where its record was damaged after a chainer
 *  had read it and before they did. They see no candidate, and it sees one and seals no other; so it appends the block again, ever more
 *  seldom. Whoever has it skips it. (A validator that has it does the same: validator/voter.ts.) */
import { type AppendDeps, appendBlock } from '../infra/chain/append-again.js'
import type { LaneFeed } from '../infra/chain/lane-feeds.js'
import { Lookout } from '../infra/chain/lookout.js'
import { placeOf, repeatDue, toRepeat } from '../infra/chain/repeats.js'
import { equalBytes } from '../schemas/bytes.js'
import type { AuthoritySet } from '../schemas/consensus/turns.js'
import { BugError } from '../schemas/errors.js'
import type { Hash } from '../schemas/hash.js'
import type { Candidate, LaneState } from '../schemas/lane-fold.js'

export interface UnvotedDeps extends AppendDeps {
  readonly me: string
  readonly wiggleMillis: number
  /** Those who decide on the next block. */
  authorities(): AuthoritySet
  onFatal(error: Error): void
}

/** How long the candidate that would be voted on has waited without a vote, and how often it was appended again. No clock, no I/O. */
export class UnvotedWait {
  private waiting: { readonly hash: Hash; readonly since: number; repeats: number } | undefined

  /** When that candidate is to be appended again, milliseconds of the clock that gives `now`; undefined where none waits. */
  due(
    state: LaneState,
    set: AuthoritySet,
    { me, wiggleMillis, now }: { me: string; wiggleMillis: number; now: number },
  ): { candidate: Candidate; at: number } | undefined {
    const candidate = toRepeat(state, set)
    if (candidate === undefined || candidate.ballots.size > 0) {
      this.waiting = undefined
      return undefined
    }
    const { hash } = candidate
    if (this.waiting === undefined || !equalBytes(this.waiting.hash, hash)) this.waiting = { hash, since: now, repeats: 0 }
    const { since, repeats } = this.waiting
    return { candidate, at: since + repeatDue(repeats, placeOf(set, me), wiggleMillis) }
  }

  /** It is being appended again. */
  repeated(): void {
    if (this.waiting !== undefined) this.waiting.repeats++
  }
}

export class Unvoted {
  private readonly lookout: Lookout
  private readonly wait = new UnvotedWait()

  constructor(
    private readonly feed: LaneFeed,
    private readonly deps: UnvotedDeps,
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

  private async look(): Promise<void> {
    const { feed, deps } = this
    const now = Date.now()
    const due = this.wait.due(feed.reader.state, deps.authorities(), { ...deps, now })
    if (due === undefined) return
    if (now < due.at) return this.lookout.pokeIn(due.at - now)
    const { hash, header } = due.candidate
    const held = feed.reader.heldBlock(hash)
    if (held === undefined) throw new BugError(`lane ${feed.lane}: a candidate at height ${header.height} is not held`)
    this.wait.repeated()
    deps.logger.warn({ lane: feed.lane, height: String(header.height) }, 'nobody votes on the candidate: it is appended again')
    await appendBlock(deps, { topic: 'chain', partition: feed.lane }, held.bytes, [])
    this.lookout.poke()
  }
}
