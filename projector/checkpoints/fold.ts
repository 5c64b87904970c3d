/** What topic `checkpoints` makes of the log over all lanes, as rows: the one core of whoever writes them and whoever audits them. */
import type { Finalized, LaneRecord } from '../../infra/chain/lane-reader.js'
import { CheckpointLane, type CheckpointStart } from '../../infra/checkpoints/checkpoint-lane.js'
import type { CountedSignature, OpenHeadsOptions } from '../../infra/checkpoints/open-heads.js'
import { type Peak, PeakStore } from '../../schemas/checkpoint/peaks.js'
import { totalWeight } from '../../schemas/consensus/turns.js'
import type { NodeStore } from '../../schemas/merkle.js'
import { type CheckpointLeaf, encodeCheckpointLeaf } from '../../schemas/records.js'
import { checkpointEvidenceRows } from '../evidence-rows.js'
import type {
  CheckpointEvidenceRecordRow,
  CheckpointEvidenceRow,
  CheckpointHeadRow,
  CheckpointLeafRow,
  CheckpointNodeRow,
  CheckpointSignatureRow,
} from '../rows/checkpoint-tables.js'
import { storableMillis } from '../rows/storable.js'

export interface CheckpointRows {
  readonly heads: CheckpointHeadRow[]
  readonly leaves: CheckpointLeafRow[]
  readonly nodes: CheckpointNodeRow[]
  readonly signatures: CheckpointSignatureRow[]
  readonly evidence: CheckpointEvidenceRow[]
  readonly evidenceRecords: CheckpointEvidenceRecordRow[]
}

export const noRows = (): CheckpointRows => ({
  ...{ heads: [], leaves: [], nodes: [], signatures: [] },
  ...{ evidence: [], evidenceRecords: [] },
})

export type CheckpointFoldOptions = OpenHeadsOptions

/** Where a fold is taken up. */
export interface FoldStart extends CheckpointStart {
  readonly peaks: readonly Peak[]
}

export class CheckpointFold {
  readonly #lane: CheckpointLane
  /** Nodes that were made since they were last asked for. */
  #made: CheckpointNodeRow[] = []

  /** `start`: undefined: at the start of the topic. */
  constructor(
    private readonly options: CheckpointFoldOptions,
    start?: FoldStart,
  ) {
    const nodes = new PeakStore(start?.peaks)
    const kept: NodeStore = {
      get: (level, index) => nodes.get(level, index),
      put: (level, index, hash) => {
        nodes.put(level, index, hash)
        this.#made.push([level, index, hash])
      },
    }
    this.#lane = new CheckpointLane(options, kept, start)
  }

  /** Height of the newest checkpoint. */
  get height(): bigint {
    return this.#lane.height
  }

  get size(): number {
    return this.#lane.size
  }

  /** Adds the rows of the next record. Where it gives a block, the registry has to reach the block's size before `settle`. */
  take(record: LaneRecord, rows: CheckpointRows): Finalized | undefined {
    const { signature, finalized } = this.#lane.take(record)
    if (signature !== undefined) rows.signatures.push(signatureRow(signature))
    return finalized
  }

  settle(finalized: Finalized, rows: CheckpointRows): void {
    const { block, header, hash, verdictHash, timestamp, blockOffset, certificateOffset } = finalized
    const first = this.#lane.size
    const { head, leaves } = this.#lane.settle(finalized)
    rows.leaves.push(...leafRows(block.entries, leaves, first))
    rows.nodes.push(...this.#made.splice(0))
    const total = totalWeight(this.options.registry.governanceAt(header.registrySize))
    rows.heads.push([
      ...([header.height, head.size, head.root, hash, verdictHash, header.registrySize, total, header.proposer] as const),
      ...([storableMillis(header.sealedAt), storableMillis(timestamp), blockOffset, certificateOffset] as const),
    ])
    const { evidence, evidenceRecords } = checkpointEvidenceRows(finalized)
    rows.evidence.push(...evidence)
    rows.evidenceRecords.push(...evidenceRecords)
  }
}

function signatureRow(counted: CountedSignature): CheckpointSignatureRow {
  const { offset, size, kind, name, key, timestamp, signature, weight } = counted
  return [offset, size, kind, name, key, timestamp, signature, weight]
}

/** The leaves stand among the entries in their order; whatever else does moved no lane, and makes no row. */
function leafRows(entries: readonly Buffer[], leaves: readonly CheckpointLeaf[], first: number): CheckpointLeafRow[] {
  let at = -1
  return leaves.map((leaf) => {
    const bytes = encodeCheckpointLeaf(leaf)
    at = indexFrom(entries, at + 1, bytes)
    return [first + at, leaf.lane, leaf.height, leaf.block, leaf.verdict]
  })
}

function indexFrom(entries: readonly Buffer[], from: number, bytes: Buffer): number {
  let at = from
  while (entries[at]?.equals(bytes) === false) at++
  return at
}
