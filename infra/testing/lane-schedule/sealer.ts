import { decideSeal, draft } from '../../../chainer/seal.js'
import { UnvotedWait } from '../../../chainer/unvoted.js'
import { BugError } from '../../../schemas/errors.js'
import type { FinalBlock } from '../../../schemas/lane-fold.js'
import { repeatDue } from '../../chain/repeats.js'
import { Follower } from './follower.js'
import { LANE, REGISTRY, WIGGLE_MILLIS, type World } from './world.js'

const POLICY = { ageMillis: 200, maxEntries: 8, maxBytes: 1_000_000, wiggleMillis: WIGGLE_MILLIS }

/** A chainer of an honest authority: the product's decision and draft; like its shell, it waits to read the block that it wrote. */
export class Sealer extends Follower {
  private last: { final: FinalBlock; attempt: number; offset: bigint; since: number; repeats: number } | undefined
  private unvoted = new UnvotedWait()
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
    this.unvoted = new UnvotedWait()
    this.isWriting = false
  }

  act(): void {
    const { feed, world } = this
    if (this.isWriting || !feed.isAtEnd || feed.reader.nextOffset <= (this.last?.offset ?? -1n)) return
    this.repeatUnvoted()
    const { final } = this.state
    const decision = decideSeal(this.state, world.set, feed.pending, POLICY, {
      ...{ me: this.me, chainId: world.chainId, now: world.now },
      ...{ parentAt: feed.parentAt, voidAt: feed.voidAt, changedAt: undefined },
    })
    if (decision.kind !== 'seal') return
    const { attempt, count } = decision
    const before = this.last?.final === final && this.last.attempt === attempt ? this.last : undefined
    if (before !== undefined && world.now < before.since + repeatDue(before.repeats, 0, WIGGLE_MILLIS)) return
    const [since, repeats] = before === undefined ? [world.now, 0] : [before.since, before.repeats + 1]
    const stamp = { ...REGISTRY, sealedAt: world.now, proposer: this.me, attempt }
    const { header, entries } = draft(LANE, final, feed.pending.slice(0, count), stamp)
    this.isWriting = true
    const life = this.life
    world.send(world.block(header, entries), (offset) => {
      if (life !== this.life) return
      this.isWriting = false
      this.last = { final, attempt, offset, since, repeats }
    })
  }

  private repeatUnvoted(): void {
    const { feed, world } = this
    const due = this.unvoted.due(this.state, world.set, { me: this.me, wiggleMillis: WIGGLE_MILLIS, now: world.now })
    if (due === undefined || world.now < due.at) return
    const held = feed.reader.heldBlock(due.candidate.hash)
    if (held === undefined) throw new BugError('a candidate is not held')
    this.unvoted.repeated()
    world.send(held.bytes, () => undefined)
  }
}
