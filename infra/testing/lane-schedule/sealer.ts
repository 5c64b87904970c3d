import { decideSeal, draft } from '../../../chainer/seal.js'
import type { FinalBlock } from '../../../schemas/lane-fold.js'
import { Follower } from './follower.js'
import { LANE, REGISTRY, WIGGLE_MILLIS, type World } from './world.js'

const POLICY = { ageMillis: 200, maxEntries: 8, maxBytes: 1_000_000, wiggleMillis: WIGGLE_MILLIS }

/** A chainer of an honest authority: the product's decision and draft; like its shell, it waits to read the block that it wrote. */
export class Sealer extends Follower {
  private last: { final: FinalBlock; attempt: number; offset: bigint } | undefined
  private isWriting = false
  private life = 0

  constructor(
    world: World,
    readonly me: string,
  ) {
    super(world)
  }

  override reopen(keeps: boolean): void {
    super.reopen(keeps)
    this.life++
    this.last = undefined
    this.isWriting = false
  }

  act(): void {
    const { feed, world } = this
    if (this.isWriting || !feed.isAtEnd || feed.reader.nextOffset <= (this.last?.offset ?? -1n)) return
    const { final } = this.state
    const decision = decideSeal(this.state, world.set, feed.pending, POLICY, {
      ...{ me: this.me, chainId: world.chainId, now: world.now },
      ...{ parentAt: feed.parentAt, voidAt: feed.voidAt, changedAt: undefined },
    })
    if (decision.kind !== 'seal') return
    const { attempt, count } = decision
    if (this.last?.final === final && this.last.attempt === attempt) return
    const stamp = { ...REGISTRY, sealedAt: world.now, proposer: this.me, attempt }
    const { header, entries } = draft(LANE, final, feed.pending.slice(0, count), stamp)
    this.isWriting = true
    const life = this.life
    world.send(world.block(header, entries), (offset) => {
      if (life !== this.life) return
      this.isWriting = false
      this.last = { final, attempt, offset }
    })
  }
}
