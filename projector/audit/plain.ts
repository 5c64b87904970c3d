import type { ClientBase } from 'pg'
import type { LaneRecord } from '../../infra/chain/lane-reader.js'
import { type Cursor, type PlainSource, plainCursor } from '../cursors.js'
import { type PlainRecord, plainRows } from '../plain-records.js'
import { DOOR_REJECTIONS, REPAIR_EVENTS, type Table } from '../rows/tables.js'
import type { CheckpointAudit, OffsetRange } from './checkpoints.js'
import type { Comparison } from './comparison.js'
import type { Cursors, Part } from './part.js'

const WINDOW_RECORDS = 1_000
const WINDOW_BYTES = 8 * 1024 * 1024
const BEYOND_ALL = 9_223_372_036_854_775_807n

/** A part of a topic: from its first offset that is still kept. */
export interface PlainLog {
  readonly low: bigint
  readonly records: AsyncIterable<LaneRecord>
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

/** The rows of a plain topic. What the topic no longer keeps cannot be compared. `derived`: what else follows from the records. */
export async function* plainParts(
  place: PlainPlace,
  { low, records, readSince }: PlainLog & { readonly readSince: string },
  end: bigint,
  derived?: CheckpointAudit,
  isRestored?: () => Promise<boolean>,
): AsyncGenerator<Part> {
  const dated = (part: Part): Part => ({ ...part, readSince })
  const guarded = (part: Part, taken: readonly PlainRecord[], range: OffsetRange): Part =>
    dated(place.source === 'checkpoints' && isRestored !== undefined ? withoutHoles(part, taken, range, isRestored) : part)
  let from = low
  let window: PlainRecord[] = []
  let bytes = 0
  for await (const record of records) {
    if (record.offset >= end) break
    window.push(record)
    bytes += record.value?.length ?? 0
    await derived?.take(record)
    if (window.length < WINDOW_RECORDS && bytes < WINDOW_BYTES) continue
    const range = { from, until: record.offset + 1n }
    yield guarded(windowPart(place, window, range, derived?.cut(range)), window, range)
    from = range.until
    window = []
    bytes = 0
  }
  if (from < end) {
    const range = { from, until: end }
    const last = guarded(windowPart(place, window, range, derived?.cut(range)), window, range)
    const cutOff = (window.at(-1)?.offset ?? from - 1n) + 1n
    yield place.source === 'checkpoints'
      ? {
          ...last,
          refusal: async (client) => (await lostCheckpoints(client, cutOff, end)) ?? last.refusal?.(client),
          lost: { topic: 'checkpoints', from: cutOff },
        }
      : last
  }
  const beyond = derived?.beyond(end)
  yield dated({
    ...{ lane: place.lane, subject: `rows beyond the end of ${place.source}`, lock: place },
    compare: async (comparison, cursors) => {
      const { nextOffset } = plainCursorOf(cursors, place)
      await compareRange(comparison, place, [], { from: nextOffset, until: BEYOND_ALL })
      await beyond?.(comparison, nextOffset)
    },
  })
}

/** Rows of records that cannot be read in the topic any more are what it is restored from: they stay until it is. */
const withoutHoles = (
  part: Part,
  window: readonly PlainRecord[],
  { from, until }: OffsetRange,
  isRestored: () => Promise<boolean>,
): Part => ({
  ...part,
  lost: { topic: 'checkpoints', from },
  refusal: async (client) => {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int FROM ledger.checkpoint_records
        WHERE log_offset >= $1 AND log_offset < $2 AND log_offset <> ALL ($3::int8[])`,
      [String(from), String(until), window.map(({ offset }) => String(offset))],
    )
    const count = rows[0]?.count ?? 0
    if (count === 0 || (await isRestored())) return undefined
    return `topic checkpoints has lost ${count} records of offsets ${from} to ${until - 1n}, which the tables hold: meterchain restore --topic checkpoints`
  },
})

/** The tables are a replica of checkpoints: what the topic has lost is not deleted from them. */
async function lostCheckpoints(client: ClientBase, from: bigint, until: bigint): Promise<string | undefined> {
  const { rows } = await client.query<{ count: number }>(
    'SELECT count(*)::int FROM ledger.checkpoint_records WHERE log_offset >= $1 AND log_offset < $2',
    [String(from), String(until)],
  )
  const count = rows[0]?.count ?? 0
  if (count === 0) return undefined
  return `topic checkpoints ends at ${from}, and the tables hold ${count} records behind it: meterchain restore --topic checkpoints`
}

const windowPart = (
  place: PlainPlace,
  window: readonly PlainRecord[],
  range: OffsetRange,
  derived?: (comparison: Comparison) => Promise<void>,
): Part => ({
  lane: place.lane,
  subject: `${place.source}, offsets ${range.from} to ${range.until - 1n}`,
  lock: place,
  compare: async (comparison, cursors) => {
    if (plainCursorOf(cursors, place).nextOffset < range.until) return
    await compareRange(comparison, place, window, range)
    await derived?.(comparison)
  },
})

async function compareRange(
  comparison: Comparison,
  { source, lane }: PlainPlace,
  window: readonly PlainRecord[],
  { from, until }: OffsetRange,
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
