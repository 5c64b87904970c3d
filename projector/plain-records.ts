/** Topics without blocks: what the door refused, what broke and was repaired, and checkpoints as they came. */
import type { ClientBase } from 'pg'
import { faultOfCode } from '../schemas/faults.js'
import { decodeChainRecord, decodeCosignature, decodeRejection, decodeRepair } from '../schemas/records.js'
import { type Cursor, moveCursor, plainCursor, type Source } from './cursors.js'
import { copyRows } from './database.js'
import { storable, storableMillis } from './rows/storable.js'
import {
  CHECKPOINT_RECORDS,
  type CheckpointRow,
  DOOR_REJECTIONS,
  type DoorRejectionRow,
  REPAIR_EVENTS,
  type RepairEventRow,
  type Row,
  type Table,
} from './rows/tables.js'

export interface PlainRecord {
  readonly offset: bigint
  readonly value: Buffer | null
}

/** What is no rejection of ours makes no row; whatever else stands in the topic must not stop the projector. */
export function doorRejectionRow(lane: number, { offset, value }: PlainRecord): DoorRejectionRow | undefined {
  const rejection = decodeRejection(value)
  if (rejection === undefined || faultOfCode(rejection.fault) === undefined) return undefined
  const { fault, meter, leaf, detail, bytes } = rejection
  return [lane, offset, storableMillis(rejection.at), fault, storable(meter), leaf, storable(detail), bytes]
}

export const checkpointRow = ({ offset, value }: PlainRecord): CheckpointRow => [offset, value ?? Buffer.alloc(0)]

/** Whoever may write to the topic may tell anything: what is no repair event makes no row. */
export function repairEventRow(partition: number, { offset, value }: PlainRecord): RepairEventRow | undefined {
  const event = decodeRepair(value)
  if (event === undefined) return undefined
  const { kind, lane, status, at, tookMillis, range } = event
  const [id, subject, fault] = [storable(event.id), storable(event.subject), storable(event.fault)]
  return [
    ...([partition, offset, id, kind, lane, subject, fault, status, storable(event.by), storableMillis(at), tookMillis] as const),
    ...([range?.from ?? null, range?.to ?? null, storable(event.detail)] as const),
  ]
}

/** The rows of records, and their table. */
export function plainRows(source: Source, lane: number, records: readonly PlainRecord[]): { table: Table; rows: Row[] } {
  if (source === 'checkpoints') return { table: CHECKPOINT_RECORDS, rows: records.map(checkpointRow) }
  const [table, rowOf] =
    source === 'repairs' ? ([REPAIR_EVENTS, repairEventRow] as const) : ([DOOR_REJECTIONS, doorRejectionRow] as const)
  return { table, rows: records.map((record) => rowOf(lane, record)).filter((row) => row !== undefined) }
}

/** Whether a record is one of those that the topic is for. */
export function isOfTopic(source: Source, value: Buffer | null): boolean {
  if (source === 'repairs') return decodeRepair(value) !== undefined
  if (source === 'rejections') return decodeRejection(value) !== undefined
  return decodeChainRecord(value) !== undefined || decodeCosignature(value) !== undefined
}

/** Rows of offsets from one on and before another. */
export async function deletePlain(client: ClientBase, source: Source, lane: number, from: bigint, until: bigint): Promise<void> {
  const { table } = plainRows(source, lane, [])
  const range = [String(from), String(until)]
  const where = 'log_offset >= $1 AND log_offset < $2'
  if (source === 'checkpoints') await client.query(`DELETE FROM ${table.name} WHERE ${where}`, range)
  else await client.query(`DELETE FROM ${table.name} WHERE ${where} AND lane = $3`, [...range, lane])
}

export async function newestCheckpointRecord(client: ClientBase): Promise<PlainRecord | undefined> {
  const { rows } = await client.query<{ offset: string; value: Buffer }>(
    'SELECT log_offset AS offset, record AS value FROM ledger.checkpoint_records ORDER BY log_offset DESC LIMIT 1',
  )
  return rows[0] && { offset: BigInt(rows[0].offset), value: rows[0].value }
}

/** Records of a plain topic, with the cursor after them, and with what `writeMore` writes. Runs inside the caller's transaction. */
export async function writePlain(
  client: ClientBase,
  cursor: Cursor,
  records: readonly PlainRecord[],
  writeMore?: () => Promise<void>,
): Promise<Cursor> {
  const { source, lane, height, nextOffset } = cursor
  const next = plainCursor(source, lane, height + BigInt(records.length), (records.at(-1)?.offset ?? nextOffset - 1n) + 1n)
  if ((await moveCursor(client, height, next)) === 'already') return next
  const { table, rows } = plainRows(source, lane, records)
  await copyRows(client, table, rows)
  await writeMore?.()
  return next
}
