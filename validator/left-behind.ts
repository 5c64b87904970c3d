/** What a validator does where somebody appends a final block once more and not the one after it: that is the newest that he has, since a
 *  record was damaged before he read it (unsealed.ts, or a replica's restore). So what follows is appended again with its certificates, as
 *  far back as it is kept; whoever has it skips it. */
import { type AppendDeps, appendBlock } from '../infra/chain/append-again.js'
import type { KeptRecords } from '../infra/chain/kept-records.js'
import type { LaneFeed } from '../infra/chain/lane-feeds.js'
import { Lookout } from '../infra/chain/lookout.js'
import { repeatDue } from '../infra/chain/repeats.js'
import type { Block } from '../schemas/records.js'

export interface LeftBehindDeps extends AppendDeps {
  readonly records: Pick<KeptRecords, 'above' | 'has'>
  readonly wiggleMillis: number
  /** This authority's among the others: not all append at once. */
  place(): number
  onFatal(error: Error): void
}

/** What was appended longer ago, milliseconds, is nobody's question any more. */
const NEWS_MILLIS = 60_000
/** After so long without an answer the next one is not put off, milliseconds. */
const FORGOTTEN_MILLIS = 600_000

export class LeftBehind {
  private readonly lookout: Lookout
  /** The last of the old blocks that were appended one after the other, and when. */
  private shown: { readonly height: bigint; readonly at: number } | undefined
  private answers = 0
  private answeredAt = 0

  constructor(
    private readonly feed: LaneFeed,
    private readonly deps: LeftBehindDeps,
  ) {
    this.lookout = new Lookout(() => this.look(), deps.onFatal)
  }

  /** A block of a height that is final here was appended at that time, milliseconds: one that never became final tells nothing. */
  saw(block: Block, timestamp: number): void {
    if (timestamp < Date.now() - NEWS_MILLIS) return
    const { height } = block.header
    // beyond a gap: whoever shows these lacks what is in it
    if (this.shown !== undefined && height > this.shown.height + 1n) return
    if (!this.deps.records.has(this.feed.lane, block)) return
    this.shown = { height, at: Date.now() }
    this.lookout.poke()
  }

  stop(): Promise<void> {
    return this.lookout.stop()
  }

  private async look(): Promise<void> {
    const { feed, deps, shown } = this
    if (shown === undefined) return
    const { height } = feed.reader.state.final
    if (shown.height >= height) {
      this.shown = undefined
      return
    }
    const now = Date.now()
    if (now - this.answeredAt > FORGOTTEN_MILLIS) this.answers = 0
    const due = Math.max(shown.at, this.answeredAt) + repeatDue(this.answers, deps.place(), deps.wiggleMillis)
    if (now < due) return this.lookout.pokeIn(due - now)
    this.shown = undefined
    this.answers++
    this.answeredAt = now
    const { lane } = feed
    const kept = deps.records.above(lane, shown.height)
    const where = { lane, height: String(shown.height), blocks: kept.length }
    if (kept.length === 0) deps.logger.warn(where, 'somebody lacks what follows a block, and it is not kept here any more')
    else deps.logger.warn(where, 'somebody lacks what follows a block: it is appended again')
    for (const { block, votes } of kept) await appendBlock(deps, { topic: 'chain', partition: lane }, block, votes)
  }
}
