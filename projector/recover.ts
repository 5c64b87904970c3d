/** Where each log is taken up again: what the database says, for it alone knows what is in its tables. */
import type { LanePosition } from '../infra/chain/lane-reader.js'
import type { RegistryState } from '../schemas/registry/state.js'
import { adoptChain, type Cursor, positionOf, readCursors } from './cursors.js'
import type { Database } from './database.js'

export interface Recovered {
  /** By lane. */
  readonly positions: ReadonlyMap<number, LanePosition>
  readonly registrySize: number
  /** Of topics rejections, repairs and checkpoints. */
  readonly plain: readonly Cursor[]
}

/** Rejects with Error where the database holds another chain. */
export async function recover(database: Database, registry: RegistryState): Promise<Recovered> {
  const cursors = await database.transaction(async (client) => {
    await adoptChain(client, registry)
    // a cursor of a lane that is none was not made by us: the audit names it
    return [...(await readCursors(client)).values()].filter((each) => each.lane >= 0 && each.lane < registry.lanes)
  })
  return {
    positions: new Map(cursors.filter((each) => each.source === 'chain').map((each) => [each.lane, positionOf(each)])),
    registrySize: Number(cursors.find((each) => each.source === 'registry')?.height ?? 0n),
    plain: cursors.filter((each) => each.source !== 'chain' && each.source !== 'registry'),
  }
}

/** Places within the log as it is. An offset outside it is of another topic, from before this one was made again: then the lane is
 *  read from its start, and the fold skips what is final already. */
export function withinLog(
  positions: ReadonlyMap<number, LanePosition>,
  ends: ReadonlyMap<number, { readonly low: bigint; readonly high: bigint }>,
): Map<number, LanePosition> {
  return new Map(
    [...positions].map(([lane, position]) => {
      const { low, high } = ends.get(lane) ?? { low: 0n, high: 0n }
      const isWithin = low <= position.nextOffset && position.nextOffset <= high
      return [lane, isWithin ? position : { ...position, nextOffset: low }]
    }),
  )
}
