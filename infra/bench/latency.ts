/** From the door's 202 to what follows it, for the readings that are followed. */
import type pg from 'pg'
import { BugError } from '../../schemas/errors.js'
import type { SeenBlock } from './block-watch.js'
import { type Spread, spreadOf } from './percentile.js'
import type { Answered } from './send.js'

export interface Latencies {
  /** Milliseconds to the vote that made the reading's block final in the log. */
  readonly finalMillis: Spread
  /** Milliseconds until its rows were seen in PostgreSQL. */
  readonly visibleMillis: Spread
}

interface Place {
  readonly lane: number
  readonly height: number
}

/** By leaf hash in hexadecimal. */
export async function placesOf(client: pg.ClientBase, leaves: readonly Buffer[]): Promise<Map<string, Place>> {
  const { rows } = await client.query<{ leaf: string; lane: number; height: string }>(
    "SELECT encode(leaf, 'hex') AS leaf, lane, height FROM store.readings WHERE leaf = ANY($1)",
    [leaves],
  )
  return new Map(rows.map(({ leaf, lane, height }) => [leaf, { lane, height: Number(height) }]))
}

/** Throws BugError where a followed reading is in none of the blocks. */
export function latenciesOf(
  answers: readonly Answered[],
  places: ReadonlyMap<string, Place>,
  blocks: readonly SeenBlock[],
): Latencies {
  const byPlace = new Map(blocks.map((block) => [`${block.lane}/${block.height}`, block]))
  const final: number[] = []
  const visible: number[] = []
  for (const { request, at } of answers) {
    for (const leaf of request.sampled) {
      const place = places.get(leaf.toString('hex'))
      const block = byPlace.get(`${place?.lane}/${place?.height}`)
      if (block === undefined)
        throw new BugError(`reading ${leaf.toString('hex')} was acknowledged and is in no block that was seen`)
      final.push(block.finalAt - at)
      visible.push(block.seenAt - at)
    }
  }
  return { finalMillis: spreadOf(final), visibleMillis: spreadOf(visible) }
}
