/** What is derived from the records of topic checkpoints, compared beside them. */
import type { LaneRecord } from '../../infra/chain/lane-reader.js'
import { CheckpointFold, type CheckpointFoldOptions, type CheckpointRows, noRows } from '../checkpoints/fold.js'
import { foldRecord } from '../checkpoints/tables.js'
import {
  CHECKPOINT_EVIDENCE,
  CHECKPOINT_EVIDENCE_RECORDS,
  CHECKPOINT_LEAVES,
  CHECKPOINT_NODES,
  CHECKPOINT_SIGNATURES,
  CHECKPOINTS,
} from '../rows/checkpoint-tables.js'
import type { Comparison } from './comparison.js'

/** Offsets from one on and before another. */
export interface OffsetRange {
  readonly from: bigint
  readonly until: bigint
}

/** Folds the records of the topic as they are read. What is in the tables of them had its registry events there before. */
export class CheckpointAudit {
  readonly #fold: CheckpointFold
  #rows = noRows()
  /** Size of the log before these rows. */
  #size = 0

  constructor(options: CheckpointFoldOptions) {
    this.#fold = new CheckpointFold(options)
  }

  take(record: LaneRecord): Promise<void> {
    return foldRecord(this.#fold, record, this.#rows, async () => undefined)
  }

  /** Compares what was taken since the last cut. */
  cut(range: OffsetRange): (comparison: Comparison) => Promise<void> {
    const [rows, before, after] = [this.#rows, this.#size, this.#fold.size]
    this.#rows = noRows()
    this.#size = after
    return (comparison) => compareRows(comparison, rows, range, { before, after })
  }

  /** Compares what stands beyond the last cut, `end`; `reached`: the cursor as it is by now. What the projector wrote meanwhile is of
   *  offsets between them, or within the newest head. */
  beyond(end: bigint): (comparison: Comparison, reached: bigint) => Promise<void> {
    const { height, size } = this.#fold
    const newest = 'greatest($1::int8, (SELECT max(size) FROM store.checkpoints))'
    return async (comparison, reached) => {
      const known = [String(height), String(end)]
      const heads = 'height < 1 OR height > $1 AND final_offset < $2 OR final_offset >= $3'
      await comparison.compare(CHECKPOINTS, [], heads, [...known, String(reached)])
      await comparison.compare(CHECKPOINT_SIGNATURES, [], 'log_offset < 0 OR log_offset >= $1', [String(reached)])
      await comparison.compare(CHECKPOINT_LEAVES, [], `place < 0 OR place >= ${newest}`, [size])
      const nodes = `level < 0 OR level > 52 OR node_index < 0 OR node_index >= ${newest} >> level`
      await comparison.compare(CHECKPOINT_NODES, [], nodes, [size])
      const heights = 'height < 1 OR height > greatest($1::int8, (SELECT max(height) FROM store.checkpoints))'
      await comparison.compare(CHECKPOINT_EVIDENCE, [], heights, [String(height)])
      await comparison.compare(CHECKPOINT_EVIDENCE_RECORDS, [], heights, [String(height)])
    }
  }
}

async function compareRows(
  comparison: Comparison,
  { heads, leaves, nodes, signatures, evidence, evidenceRecords }: CheckpointRows,
  { from, until }: OffsetRange,
  { before, after }: { before: number; after: number },
): Promise<void> {
  const [first, last] = [heads[0], heads.at(-1)]
  if (first !== undefined && last !== undefined) {
    const heights = [String(first[0]), String(last[0])]
    await comparison.compare(CHECKPOINTS, heads, 'height BETWEEN $1 AND $2', heights)
    await comparison.compare(CHECKPOINT_EVIDENCE, evidence, 'height BETWEEN $1 AND $2', heights)
    await comparison.compare(CHECKPOINT_EVIDENCE_RECORDS, evidenceRecords, 'height BETWEEN $1 AND $2', heights)
    await comparison.compare(CHECKPOINT_LEAVES, leaves, 'place >= $1 AND place < $2', [before, after])
    const made = `(level, node_index) IN (SELECT l, i FROM generate_series(0, 52) l, generate_series($1::int8 >> l, ($2::int8 >> l) - 1) i)`
    await comparison.compare(CHECKPOINT_NODES, nodes, made, [before, after])
  }
  const range = [String(from), String(until)]
  await comparison.compare(CHECKPOINT_SIGNATURES, signatures, 'log_offset >= $1 AND log_offset < $2', range)
}
