import { type Cursor, type PlainSource, plainCursor } from '../cursors.js'
import { type PlainRecord, plainRows } from '../plain-records.js'
import { DOOR_REJECTIONS, REPAIR_EVENTS, type Table } from '../rows/tables.js'
import type { Comparison } from './comparison.js'
import type { Cursors, Part } from './part.js'

const WINDOW_RECORDS = 1_000
const BEYOND_ALL = 9_223_372_036_854_775_807n

/** A part of a topic: from its first offset that is still kept. */
export interface PlainLog {
  readonly low: bigint
  readonly records: AsyncIterable<PlainRecord>
}

export interface PlainPlace {
  readonly source: PlainSource
  readonly lane: number
}

/** As far as it is in the tables; a cursor that is missing has taken nothing. */
export function plainCursorOf(cursors: Cursors, { source, lane }: PlainPlace): Cursor {
  const found = cursors.get(`${source}/${lane}`)
  return plainCursor(source, lane, found?.height ?? 0n, found?.nextOffset ?? 0n)
}

/** The rows of a plain topic. What the topic no longer keeps cannot be compared. */
export async function* plainParts(place: PlainPlace, { low, records }: PlainLog, end: bigint): AsyncGenerator<Part> {
  let from = low
  let window: PlainRecord[] = []
  for await (const record of records) {
    if (record.offset >= end) break
    window.push(record)
    if (window.length < WINDOW_RECORDS) continue
    yield windowPart(place, window, from, record.offset + 1n)
    from = record.offset + 1n
    window = []
  }
  if (from < end) yield windowPart(place, window, from, end)
  yield {
    ...{ lane: place.lane, subject: `rows beyond the end of ${place.source}`, lock: place },
    compare: (comparison, cursors) => compareRange(comparison, place, [], plainCursorOf(cursors, place).nextOffset, BEYOND_ALL),
  }
}

const windowPart = (place: PlainPlace, window: readonly PlainRecord[], from: bigint, until: bigint): Part => ({
  ...{ lane: place.lane, subject: `${place.source}, offsets ${from} to ${until - 1n}`, lock: place },
  compare: async (comparison, cursors) => {
    if (plainCursorOf(cursors, place).nextOffset >= until) await compareRange(comparison, place, window, from, until)
  },
})

async function compareRange(
  comparison: Comparison,
  { source, lane }: PlainPlace,
  window: readonly PlainRecord[],
  from: bigint,
  until: bigint,
): Promise<void> {
  const where = 'log_offset >= $1 AND log_offset < $2'
  const { table, rows } = plainRows(source, lane, window)
  const range = [String(from), String(until)]
  if (source === 'checkpoints') await comparison.compare(table, rows, where, range)
  else await comparison.compare(table, rows, `${where} AND lane = $3`, [...range, lane])
}

/** Rows of partitions that these topics do not have. */
export const plainOutsidePart = (lanes: number): Part => ({
  lane: -1,
  subject: 'rows of partitions that do not exist',
  compare: async (comparison) => {
    const tables: readonly Table[] = [DOOR_REJECTIONS, REPAIR_EVENTS]
    for (const table of tables) await comparison.compare(table, [], 'lane < 0 OR lane >= $1', [lanes])
  },
})
