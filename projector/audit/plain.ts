import type { Cursor } from '../cursors.js'
import { checkpointRow, doorRejectionRow, type PlainRecord } from '../plain-records.js'
import { CHECKPOINT_RECORDS, DOOR_REJECTIONS } from '../rows/tables.js'
import type { Comparison } from './comparison.js'

const WINDOW_RECORDS = 1_000

/** A part of a topic: from its first offset that is still kept. */
export interface PlainLog {
  readonly low: bigint
  readonly records: AsyncIterable<PlainRecord>
}

/** Compares the rows of rejections or checkpoints. What the topic no longer keeps cannot be compared. */
export async function auditPlain(comparison: Comparison, cursor: Cursor, { low, records }: PlainLog): Promise<void> {
  const end = cursor.nextOffset
  let from = low
  let window: PlainRecord[] = []
  const flush = async (until: bigint) => {
    await compareWindow(comparison, cursor, window, [String(from), String(until)])
    from = until
    window = []
  }
  for await (const record of records) {
    if (record.offset >= end) break
    window.push(record)
    if (window.length >= WINDOW_RECORDS) await flush(record.offset + 1n)
  }
  await flush(end)
  await compareWindow(comparison, cursor, [], [String(end), '9223372036854775807'])
}

type Range = readonly [from: string, until: string]

async function compareWindow(comparison: Comparison, { source, lane }: Cursor, window: readonly PlainRecord[], range: Range) {
  const where = 'log_offset >= $1 AND log_offset < $2'
  if (source === 'checkpoints') return comparison.compare(CHECKPOINT_RECORDS, window.map(checkpointRow), where, range)
  const rows = window.map((record) => doorRejectionRow(lane, record)).filter((row) => row !== undefined)
  return comparison.compare(DOOR_REJECTIONS, rows, `${where} AND lane = $3`, [...range, lane])
}

/** Rows of partitions that topic rejections does not have. */
export const auditPlainOutside = (comparison: Comparison, lanes: number): Promise<void> =>
  comparison.compare(DOOR_REJECTIONS, [], 'lane < 0 OR lane >= $1', [lanes])
