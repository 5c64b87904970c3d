import { hashKey, ZERO_HASH } from '../../../schemas/hash.js'
import { encodeSignedVote } from '../../../schemas/records.js'
import { type Finalized, LaneReader, type LaneRecord } from '../../chain/lane-reader.js'
import { LANE, type World } from './world.js'

/** What a reader from the genesis makes of a log. */
export function readAll(world: World, log: readonly LaneRecord[]): { reader: LaneReader; finals: Finalized[] } {
  const reader = new LaneReader(LANE, world.rules, undefined)
  const finals = log.flatMap((record) => reader.take(record).finalized ?? [])
  return { reader, finals }
}

/** Whether both made the same blocks final. Neither less nor more will do: where a false authority's first accept is lost, its second,
 *  of another verdict, counts for fresh readers alone. They lack a certificate then, or have one that live readers never get, and no
 *  appending mends that: an accept is for good. */
export function agree(one: readonly Finalized[], other: readonly Finalized[]): boolean {
  return one.length === other.length && one.every(({ hash }, index) => hashKey(hash) === hashKey(other[index]?.hash ?? ZERO_HASH))
}

/** Appends what a fresh reader of the damaged log lacks: from the first height that it cannot make final, each final block and the
 *  accepts that made it final, then the candidates with their votes. */
export function restore(world: World): void {
  const replica = readAll(world, world.known)
  const from = readAll(world, world.log).finals.length
  for (const { blockBytes, votes } of replica.finals.slice(from)) {
    world.append(blockBytes)
    for (const { bytes } of votes) world.append(bytes)
  }
  for (const { hash, ballots } of replica.reader.state.candidates) {
    const held = replica.reader.heldBlock(hash)
    if (held !== undefined) world.append(held.bytes)
    for (const { vote } of ballots.values()) world.append(encodeSignedVote(vote.voteBytes, vote.signature))
  }
}
