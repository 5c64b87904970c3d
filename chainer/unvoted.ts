/** What a chainer does where a block waits and nobody votes on it: those who vote may lack it, where its record was damaged after a chainer
 *  had read it and before they did. They see no candidate, and it sees one and seals no other; so it appends the block again, ever more
 *  seldom. Whoever has it skips it. (A validator that has it does the same: validator/voter.ts.) */
import { type AppendDeps, appendBlock } from '../infra/chain/append-again.js'
import type { LaneFeed } from '../infra/chain/lane-feeds.js'
import { Lookout } from '../infra/chain/lookout.js'
import { repeatDue, toRepeat } from '../infra/chain/repeats.js'
import { equalBytes } from '../schemas/bytes.js'
import type { AuthoritySet } from '../schemas/consensus/turns.js'
import { BugError } from '../schemas/errors.js'
import type { Hash } from '../schemas/hash.js'
import type { Candidate, LaneState } from '../schemas/lane-fold.js'

export interface UnvotedDeps extends AppendDeps {
  readonly wiggleMillis: number
  /** Those who decide on the next block. */
  authorities(): AuthoritySet
  /** This authority's among them: not all append at once. */
  place(): number
  onFatal(error: Error): void
}

/** The candidate that would be voted on, where nobody has voted on it. */
export function unvoted(state: LaneState, set: AuthoritySet): Candidate | undefined {
  const candidate = toRepeat(state, set)
  return candidate?.ballots.size === 0 ? candidate : undefined
}

export class Unvoted {
  private readonly lookout: Lookout
  private waiting: { readonly hash: Hash; readonly since: number; repeats: number } | undefined

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
    const candidate = unvoted(feed.reader.state, deps.authorities())
    if (candidate === undefined) {
      this.waiting = undefined
      return
    }
    const { hash, header } = candidate
    if (this.waiting === undefined || !equalBytes(this.waiting.hash, hash)) this.waiting = { hash, since: Date.now(), repeats: 0 }
    const { waiting } = this
    const due = waiting.since + repeatDue(waiting.repeats, deps.place(), deps.wiggleMillis)
    if (Date.now() < due) return this.lookout.pokeIn(due - Date.now())
    const held = feed.reader.heldBlock(hash)
    if (held === undefined) throw new BugError(`lane ${feed.lane}: a candidate at height ${header.height} is not held`)
    waiting.repeats++
    deps.logger.warn({ lane: feed.lane, height: String(header.height) }, 'nobody votes on the candidate: it is appended again')
    await appendBlock(deps, { topic: 'chain', partition: feed.lane }, held.bytes, [])
    this.lookout.poke()
  }
}
