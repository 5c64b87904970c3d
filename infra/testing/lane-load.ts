/** Readings appended to lanes one after the other, as a door does, while something else happens to the lanes. */
import { setTimeout as pause } from 'node:timers/promises'
import { hex } from '../../schemas/bytes.js'
import { leafHash } from '../../schemas/merkle.js'
import { laneOf } from '../../schemas/murmur2.js'
import type { Authorities } from './authorities.js'

export interface LaneLoad {
  /** Leaf hashes that the log has acknowledged, hexadecimal. */
  readonly acknowledged: Set<string>
  /** Resolves with the last offset of each lane that got readings. */
  finish(): Promise<Map<number, bigint>>
}

/** Every meter of the lanes sends once, then the load rests so long, and again. */
export function startLaneLoad(
  all: Authorities,
  meterIds: readonly string[],
  lanes: readonly number[],
  restMillis: number,
): LaneLoad {
  const acknowledged = new Set<string>()
  const last = new Map<number, bigint>()
  let isFinishing = false
  const one = async (lane: number) => {
    const mine = meterIds.filter((id) => laneOf(id, all.ledger.state.lanes) === lane).map((id) => all.meter(id))
    while (!isFinishing) {
      const entries = mine.map((meter) => meter.next())
      last.set(lane, await all.send(lane, entries))
      for (const entry of entries) acknowledged.add(hex(leafHash(entry)))
      await pause(restMillis)
    }
  }
  const running = Promise.all(lanes.map(one))
  running.catch(() => undefined) // told by `finish`
  const finish = async () => {
    isFinishing = true
    await running
    return last
  }
  return { acknowledged, finish }
}
