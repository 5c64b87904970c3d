/** Fills a set of tables from the logs beside the live one: in parallel over lanes, without indexes, which are made at the end. Rows and
 *  cursors go together, so it may be cut off at any moment, and goes on. */
import type { FillSource } from '../fill-source.js'
import { LIVE, OLD, REPLAYED } from '../schema-set.js'
import { compareSets, type NotCompared } from './compare-sets.js'
import type { Digest } from './digest.js'
import { startFillingSet, withThreads } from './fill-set.js'
import { leaveOutIndexes, makeIndexes } from './indexes.js'
import type { LaneThreads } from './lane-threads.js'
import type { Counted, ReplayDeps } from './replay-deps.js'
import { asOwner, prepareSet, type SetPlace, stateOf } from './set-place.js'
import { swap } from './swap.js'

export interface Replayed extends Counted {
  /** Rows by COPY and indexes, without digests and swap. */
  readonly millis: number
  readonly digests: readonly Digest[]
  /** Tables whose digests differ from the live ones. */
  readonly differing: readonly string[]
  /** Tables that the live set has none of, or not as of the same events. */
  readonly notCompared: readonly NotCompared[]
}

const purposeOf = ({ name }: FillSource) => `from ${name}, to take the place of the live tables`
/** The live tables stand still meanwhile. */
const DRAIN_MILLIS = 30_000
/** Longest that readers leave no moment for the swap. */
const SWAP_MILLIS = 120_000

/** Replays all that the source has, compares, and puts the new tables in the place of the live ones, if nothing differs. */
export async function replay(deps: ReplayDeps): Promise<Replayed> {
  const { place, source } = deps
  await requireNoOld(place)
  return withThreads(deps, async (threads) => {
    await prepareSet(place, REPLAYED, purposeOf(source), leaveOutIndexes)
    return fillAndSwap(deps, threads)
  })
}

async function fillAndSwap(deps: ReplayDeps, threads: LaneThreads | undefined): Promise<Replayed> {
  const { place, source } = deps
  const began = Date.now()
  const filled = await startFillingSet(deps, REPLAYED, threads)
  try {
    const { filling } = filled
    await filled.untilFull()
    await makeIndexes(place, REPLAYED, filled.teller('indexes'))
    const millis = Date.now() - began
    const drain = async () => {
      await source.registry.caughtUp()
      await filling.caughtUp(DRAIN_MILLIS)
    }
    await drain()
    const { digests, differing, notCompared } = await compareSets(place, source.registry.state.lanes, filled.teller('digests'))
    if (differing.length === 0) {
      const tell = filled.teller('swap')
      tell(0, 1)
      await swap({ place, drain, lacking: source.lacking, deadlineMillis: SWAP_MILLIS })
    }
    return { ...filled.counted(), millis, digests, differing, notCompared }
  } finally {
    await filled.stop()
  }
}

/** Found out now rather than at the end. */
async function requireNoOld(place: SetPlace): Promise<void> {
  if (await asOwner(place, LIVE, async (client) => (await stateOf(client, OLD)) !== 'none'))
    throw new Error('the tables that the last replay replaced are still there: meterchain replay --drop-old')
}
