/** Topics without blocks: what the door refused, and checkpoints as they came. */
import type { ClientBase } from 'pg'
import { faultOfCode } from '../schemas/faults.js'
import { decodeRejection } from '../schemas/records.js'
import { type Cursor, moveCursor, plainCursor } from './cursors.js'
import { copyRows } from './database.js'
import { storable, storableMillis } from './rows/storable.js'
import { CHECKPOINT_RECORDS, type CheckpointRow, DOOR_REJECTIONS, type DoorRejectionRow } from './rows/tables.js'

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

/** Records of `rejections` or `checkpoints`, with the cursor after them. Runs inside the caller's transaction. */
export async function writePlain(client: ClientBase, cursor: Cursor, records: readonly PlainRecord[]): Promise<Cursor> {
  const { source, lane, height, nextOffset } = cursor
  const next = plainCursor(source, lane, height + BigInt(records.length), (records.at(-1)?.offset ?? nextOffset - 1n) + 1n)
  if ((await moveCursor(client, height, next)) === 'already') return next
  if (source === 'checkpoints') await copyRows(client, CHECKPOINT_RECORDS, records.map(checkpointRow))
  else
    await copyRows(
      client,
      DOOR_REJECTIONS,
      records.map((record) => doorRejectionRow(lane, record)).filter((row) => row !== undefined),
    )
  return next
}
