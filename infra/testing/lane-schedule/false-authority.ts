import { draft } from '../../../chainer/seal.js'
import { openAttempt } from '../../../schemas/lane-candidates.js'
import { decodeChainRecord, type Judgement } from '../../../schemas/records.js'
import { Follower } from './follower.js'
import { accept, judge, LANE, REGISTRY, type World } from './world.js'

export type Manner = 'flood' | 'lie' | 'silent'

/** An authority that breaks the rules as one with its key can: seals what is not so, votes for it, contradicts itself, forges others'
 *  votes, writes old records again, or says nothing. */
export class FalseAuthority extends Follower {
  constructor(
    world: World,
    readonly me: string,
    readonly manner: Manner,
  ) {
    super(world)
  }

  act(): void {
    const { random } = this.world
    if (this.manner === 'flood') for (let left = random.below(4); left > 0; left--) this.seal(random.below(3))
    if (this.manner !== 'lie') return
    if (random.chance(0.2)) this.seal(openAttempt(this.state, this.world.set))
    if (random.chance(0.5)) this.vote()
    if (random.chance(0.05)) this.writeAgain()
  }

  /** Entries altered, left out or invented, a range that leaves a record out or has not come yet, a wrong registry state or date; or
   *  all of it right. */
  private seal(attempt: number): void {
    const { feed, world } = this
    const { random } = world
    const records = feed.pending.slice(0, random.below(9))
    const sealedAt = world.now + (random.chance(0.1) ? 60_000 : 0)
    const stamp = { ...REGISTRY, sealedAt, proposer: this.me, attempt }
    const right = draft(LANE, this.state.final, records, stamp)
    const how = random.below(7)
    const last = records.at(-1)
    if (how === 0 && last !== undefined) {
      const altered = draft(
        LANE,
        this.state.final,
        [...records.slice(0, -1), { ...last, entries: [Buffer.from('altered')] }],
        stamp,
      )
      this.write(altered.header, altered.entries)
    } else if (how === 1 && last !== undefined) {
      const shorter = draft(LANE, this.state.final, records.slice(0, -1), stamp)
      this.write({ ...shorter.header, lastOffset: last.offset }, shorter.entries)
    } else if (how === 2) {
      this.write({ ...right.header, lastOffset: feed.readingsNext + BigInt(random.below(20)) }, right.entries)
    } else if (how === 3) {
      this.write({ ...right.header, registryRoot: right.header.root }, right.entries)
    } else if (how === 4) {
      this.write({ ...right.header, registrySize: 9 }, right.entries)
    } else {
      this.write(right.header, right.entries)
    }
  }

  private write(...block: Parameters<World['block']>): void {
    this.world.append(this.world.block(...block))
  }

  private vote(): void {
    const { world, state } = this
    const { random } = world
    if (state.candidates.length === 0) return
    const { hash, header } = random.pick(state.candidates.slice(-5))
    const entries = this.feed.reader.heldBlock(hash)?.block.entries ?? []
    const verdicts: Judgement[] = [
      accept(state.final.verdictHash, judge(entries)),
      accept(state.final.verdictHash, entries.length > 0 ? [{ entry: 0, code: 7 }] : []),
      { kind: 'reject', fault: 33, detail: '' },
    ]
    const authority = random.chance(0.2) ? random.pick(world.set.authorities).id : this.me
    world.append(
      world.vote({ lane: LANE, height: header.height, block: hash, authority, judgement: random.pick(verdicts) }, this.me),
    )
  }

  private writeAgain(): void {
    const { known, random } = this.world
    if (known.length === 0) return
    const { value } = random.pick(known.slice(-20))
    if (value !== null && decodeChainRecord(value) !== undefined) this.world.append(value)
  }
}
