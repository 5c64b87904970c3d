/** Tables of what topic `checkpoints` makes final: the log over all lanes, its heads, who vouches for them, and what the topic holds
 *  against authorities. Their keys are what the
 *  audit asks for them by, so that a row that somebody altered never stands in the way of the right one. */
import { table } from './tables.js'

export type CheckpointHeadRow = [
  ...[height: bigint, size: number, root: Buffer, hash: Buffer, verdictHash: Buffer, registrySize: number, totalWeight: number],
  ...[proposer: string, sealedAt: number, finalAt: number, blockOffset: bigint, finalOffset: bigint],
]
export const CHECKPOINTS = table<CheckpointHeadRow>(
  'store.checkpoints',
  ...(['height:int8*', 'size:int8', 'root:bytes', 'hash:bytes', 'verdict_hash:bytes', 'registry_size:int8'] as const),
  ...([
    'total_weight:int8',
    'proposer:text',
    'sealed_at:time',
    'final_at:time',
    'block_offset:int8',
    'final_offset:int8',
  ] as const),
)

export type CheckpointLeafRow = [place: number, lane: number, height: bigint, block: Buffer, verdict: Buffer]
export const CHECKPOINT_LEAVES = table<CheckpointLeafRow>(
  'store.checkpoint_leaves',
  ...(['place:int8*', 'lane:int2', 'height:int8', 'block_hash:bytes', 'verdict_hash:bytes'] as const),
)

export type CheckpointNodeRow = [level: number, index: number, hash: Buffer]
export const CHECKPOINT_NODES = table<CheckpointNodeRow>(
  'store.checkpoint_nodes',
  'level:int2*',
  'node_index:int8*',
  'hash:bytes',
)

/** `kind`: as in NOTE_KIND. `time`: seconds; 0: the log's own. */
export type CheckpointSignatureRow = [
  ...[offset: bigint, size: number, kind: number, name: string, key: Buffer, time: number, signature: Buffer, weight: number],
]
export const CHECKPOINT_SIGNATURES = table<CheckpointSignatureRow>(
  'store.checkpoint_signatures',
  ...(['log_offset:int8*', 'size:int8', 'kind:int2', 'name:text', 'key:bytes', 'seen_seconds:int8', 'signature:bytes'] as const),
  'weight:int8',
)

/** As in `store.evidence`; the lane is that of checkpoints. */
export type CheckpointEvidenceRow = [
  ...[height: bigint, number: number, kind: string, authority: string, ofHeight: bigint, block: Buffer],
  ...[registrySize: number, hash: Buffer],
]
export const CHECKPOINT_EVIDENCE = table<CheckpointEvidenceRow>(
  'store.checkpoint_evidence',
  ...(['height:int8*', 'number:int4*', 'kind:text', 'authority:text', 'of_height:int8', 'block:bytes'] as const),
  ...(['registry_size:int8', 'hash:bytes'] as const),
)

/** `offset` of null: it stands in the block’s certificate. */
export type CheckpointEvidenceRecordRow = [
  ...[height: bigint, number: number, original: number, authority: string, fault: number | null, detail: string],
  ...[offset: bigint | null, record: Buffer],
]
export const CHECKPOINT_EVIDENCE_RECORDS = table<CheckpointEvidenceRecordRow>(
  'store.checkpoint_evidence_records',
  ...(['height:int8*', 'number:int4*', 'original:int4*', 'authority:text', 'fault:int4', 'detail:text'] as const),
  ...(['log_offset:int8', 'record:record'] as const),
)
