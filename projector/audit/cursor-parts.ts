import type { ClientBase } from 'pg'
import { type LanePosition, LaneReader } from '../../infra/chain/lane-reader.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { type Cursor, chainCursor, type PlainSource, plainCursor, plainPartitions, setCursor } from '../cursors.js'
import { CURSORS, type CursorRow } from '../rows/tables.js'
import type { LaneEnd } from './chain.js'
import type { Part } from './part.js'
import { plainCursorOf } from './plain.js'
import { registrySize } from './registry.js'

const rowOf = (cursor: Cursor): CursorRow => {
  const { source, lane, height, blockHash, verdictHash, registrySize: size, sourceEpoch, lastOffset } = cursor
  return [...([source, lane, height, blockHash, verdictHash, size, sourceEpoch, lastOffset] as const)]
}

const ONE = 'source = $1 AND lane = $2'

/** The cursor of a lane: where the fold ended that followed it. One that has moved meanwhile was written anew. */
export function chainCursorPart(lane: number, end: LaneEnd): Part {
  const { rules, position, cursorHeight, readSince } = end
  const cursor = chainCursor(lane, position)
  return {
    ...{ lane, subject: 'cursor of chain', lock: { source: 'chain', lane }, readSince },
    compare: async (comparison, cursors) => {
      if ((cursors.get(`chain/${lane}`)?.height ?? 0n) !== cursorHeight) return
      await comparison.compare(CURSORS, [rowOf(cursor)], ONE, ['chain', lane])
    },
    heal: (client) => setCursor(client, cursor),
    refusal: (client) => refusal(client, position, new LaneReader(lane, rules, position)),
    lost: { topic: 'chain', from: position.nextOffset },
  }
}

/** Nobody can forge the accepts of a block: if those in the tables make the next block final, it is the log that has lost it, and the
 *  tables are what it is to be restored from. */
async function refusal(client: ClientBase, { final: { height } }: LanePosition, reader: LaneReader) {
  const { lane } = reader
  const next = String(height + 1n)
  const { rows } = await client.query<{ record: Buffer }>(
    `SELECT record FROM (SELECT 0 AS rank, record FROM ledger.blocks WHERE lane = $1 AND height = $2
                         UNION ALL SELECT 1, record FROM ledger.votes WHERE lane = $1 AND height = $2) t ORDER BY rank`,
    [lane, next],
  )
  const isFinal = rows.some(
    ({ record }) => reader.take({ offset: reader.nextOffset, timestamp: 0, value: record }).finalized !== undefined,
  )
  if (!isFinal) return undefined
  return `the log of lane ${lane} ends at height ${height}, and the tables hold block ${next} with the votes that made it final: restore the topic from the tables`
}

export const registryCursorPart = (registry: RegistryState): Part => ({
  lost: { topic: 'registry', from: BigInt(registry.size) },
  ...{ lane: -1, subject: 'cursor of registry', lock: { source: 'registry' } },
  compare: (comparison, cursors) =>
    comparison.compare(CURSORS, [rowOf(plainCursor('registry', 0, BigInt(registrySize(registry, cursors)), 0n))], ONE, [
      'registry',
      0,
    ]),
  heal: (client, cursors) => setCursor(client, plainCursor('registry', 0, BigInt(registrySize(registry, cursors)), 0n)),
  // who is right is not known: so nothing is deleted that may be needed
  refusal: async (client) => {
    const { rowCount } = await client.query('SELECT FROM ledger.registry_events WHERE event_index = $1', [registry.size])
    if (rowCount === 0) return undefined
    return `the registry ends at ${registry.size} events, and the tables hold more: restore the topic from the tables, or delete what was added`
  },
})

/** How far a plain topic is in the tables is for the cursor alone to say: offsets have gaps, and the topics forget. */
export const plainCursorPart = (place: { readonly source: PlainSource; readonly lane: number }): Part => ({
  ...{ lane: place.lane, subject: `cursor of ${place.source}`, lock: place },
  compare: (comparison, cursors) =>
    comparison.compare(CURSORS, [rowOf(plainCursorOf(cursors, place))], ONE, [place.source, place.lane]),
  heal: (client, cursors) => setCursor(client, plainCursorOf(cursors, place)),
})

/** Cursors of logs that there are not. */
export function otherCursorsPart(lanes: number): Part {
  const known = [
    ...Array.from({ length: lanes }, (_, lane) => `chain/${lane}`),
    ...plainPartitions(lanes).map(({ source, lane }) => `${source}/${lane}`),
    'registry/0',
  ]
  return {
    ...{ lane: -1, subject: 'cursors of logs that do not exist' },
    compare: (comparison) => comparison.compare(CURSORS, [], `source || '/' || lane <> ALL($1)`, [known]),
  }
}
