import type { ClientBase } from 'pg'
import type { LaneRecord } from '../../infra/chain/lane-reader.js'
import { BugError } from '../../schemas/errors.js'
import type { Cursor } from '../cursors.js'
import type { Database } from '../database.js'
import type { FoundEvidence } from '../evidence-metric.js'
import { writePlain } from '../plain-records.js'
import { type CheckpointFold, type CheckpointFoldOptions, noRows } from './fold.js'
import { deleteCheckpoints, type FinalAt, foldRecord, type Reached, readFold, writeCheckpoints } from './tables.js'

export interface CheckpointWriterOptions {
  readonly database: Database
  readonly checkpoints: CheckpointFoldOptions
  readonly registryReached: Reached
  /** Where records come without their append times. */
  readonly finalAt?: FinalAt
  /** What the tables hold now against authorities. */
  onEvidence?(found: readonly FoundEvidence[]): void
}

const PART_BYTES = 4 * 1024 * 1024

/** Records of topic checkpoints into the tables, with the rows of what follows from them. */
export class CheckpointWriter {
  #fold: CheckpointFold | undefined

  constructor(private readonly options: CheckpointWriterOptions) {}

  /** Goes on at this offset; rows of records from there on, which will come again, are deleted. */
  async takeUp(offset: bigint): Promise<void> {
    const { database, checkpoints, registryReached } = this.options
    this.#fold = await database.transaction(async (client) => {
      await deleteCheckpoints(client, offset)
      return readFold(client, checkpoints, offset, registryReached)
    })
  }

  /** Gives the cursor after them. */
  async take(cursor: Cursor, records: readonly LaneRecord[]): Promise<Cursor> {
    let reached = cursor
    for (const part of partsOf(records)) reached = await this.#takePart(reached, part)
    return reached
  }

  /** Folded before the transaction, which may be tried again. */
  async #takePart(cursor: Cursor, records: readonly LaneRecord[]): Promise<Cursor> {
    const { database, registryReached, finalAt, onEvidence } = this.options
    if (this.#fold === undefined) throw new BugError('topic checkpoints is not taken up')
    const rows = noRows()
    for (const record of records) await foldRecord(this.#fold, record, rows, registryReached, finalAt)
    const write = (client: ClientBase) => writePlain(client, cursor, records, () => writeCheckpoints(client, rows))
    const reached = await database.transaction(write)
    if (rows.evidence.length > 0) onEvidence?.(rows.evidence.map(([, , kind, authority]) => ({ kind, authority })))
    return reached
  }
}

/** As many as one transaction takes: a checkpoint's block makes some 3 rows of each of its leaves. */
export function partsOf<R extends { readonly value: Buffer | null }>(records: readonly R[]): R[][] {
  const parts: R[][] = []
  let bytes = 0
  for (const record of records) {
    const length = record.value?.length ?? 0
    const part = parts.at(-1)
    if (part === undefined || bytes + length > PART_BYTES) {
      parts.push([record])
      bytes = length
    } else {
      part.push(record)
      bytes += length
    }
  }
  return parts
}
