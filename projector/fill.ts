/** Follows the logs into one set of tables: what the live projector does, and what a replay does beside it. */
import type { WatchedPlace } from './cursor-watch.js'
import { type LaneDeps, LaneFilling } from './fill-lanes.js'
import { type OtherDeps, OtherTopics } from './fill-others.js'
import type { Recovered } from './recover.js'

/** `isWanted`: blocks up to a past; of the registry then what they name, and not all of it. */
export type FillDeps = LaneDeps & OtherDeps

export interface Filling {
  /** Resolves when all that was in the logs at the time of the call is in the tables. */
  caughtUp(deadlineMillis?: number): Promise<void>
  /** What is being written is written. */
  stop(): Promise<void>
}

/** One that can be asked how far it is. */
export interface WatchedFilling extends Filling {
  /** Height in the tables, by lane. */
  heights(): Map<number, bigint>
  /** What was reached of each log, by `source/lane`. */
  places(): Map<string, WatchedPlace>
}

/** Goes on where the set's cursors stand. */
export async function startFilling(deps: FillDeps, recovered: Recovered): Promise<WatchedFilling> {
  const others = new OtherTopics(deps, recovered, deps.isWanted === undefined)
  const lanes = new LaneFilling(deps, others, recovered)
  return {
    ...(await startTogether(lanes, others)),
    heights: () => lanes.heights(),
    places: () => new Map([...lanes.places(), ...others.places()]),
  }
}

/** Whatever it is that fills the lanes, beside all else. */
export async function startTogether(lanes: Filling & { start(): Promise<void> }, others: OtherTopics): Promise<Filling> {
  const stop = async () => {
    await Promise.all([lanes.stop(), others.stop()])
    await others.idle()
  }
  try {
    await Promise.all([lanes.start(), others.start()])
  } catch (error) {
    // what failed first is told
    await Promise.allSettled([stop()])
    throw error
  }
  return {
    caughtUp: async (deadlineMillis) => {
      await Promise.all([lanes.caughtUp(deadlineMillis), others.caughtUp(deadlineMillis)])
      await others.eventsCaughtUp()
    },
    stop,
  }
}
