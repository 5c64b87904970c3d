/** What a validator does where readings wait and nobody seals a block of them: whoever seals may lack what made the newest block final. A
 *  chainer takes its lane up from the tail of the log, and where old records were appended again it may find its place behind a candidate
 *  whose votes are still to come. So the newest final block is appended again with its certificate; whoever has it skips it. */

import { type AppendDeps, appendAgain } from '../infra/chain/append-again.js'
import type { KeptRecords } from '../infra/chain/kept-records.js'
import type { LaneFeed } from '../infra/chain/lane-feeds.js'
import { Lookout } from '../infra/chain/lookout.js'
import { repeatDue } from '../infra/chain/repeats.js'

export interface UnsealedDeps extends AppendDeps {
  readonly records: KeptRecords
  /** A block is cut when its first reading is this old, milliseconds. */
  readonly blockMillis: number
  readonly wiggleMillis: number
  /** This authority's among the others: not all append at once. */
  place(): number
  onFatal(error: Error): void
}

export class Unsealed {
  private readonly lookout: Lookout
  /** Since when readings have waited at this height without a candidate, milliseconds; 0: they do not. */
  private since = 0
  private repeats = 0

  constructor(
    private readonly feed: LaneFeed,
    private readonly deps: UnsealedDeps,
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

  /** A block became final. */
  settled(): void {
    this.since = 0
    this.repeats = 0
  }

  private async look(): Promise<void> {
    const { feed, deps } = this
    if (!feed.isAtEnd || feed.pending.length === 0 || feed.reader.state.candidates.length > 0) {
      this.since = 0
      return
    }
    this.since ||= Date.now()
    const due = this.since + deps.blockMillis + repeatDue(this.repeats, deps.place(), deps.wiggleMillis)
    if (Date.now() < due) return this.lookout.pokeIn(due - Date.now())
    this.repeats++
    await appendAgain(deps.records, { topic: 'chain', lane: feed.lane, partition: feed.lane }, deps, 1)
    this.lookout.poke()
  }
}
