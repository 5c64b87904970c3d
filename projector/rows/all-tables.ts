/** Every table of the schemas, and which log decides what stands in it. */
import { BLOCK_TABLES } from './block-tables.js'
import {
  CHECKPOINT_EVIDENCE,
  CHECKPOINT_EVIDENCE_RECORDS,
  CHECKPOINT_LEAVES,
  CHECKPOINT_NODES,
  CHECKPOINT_SIGNATURES,
  CHECKPOINTS,
} from './checkpoint-tables.js'
import {
  ASSIGNMENTS,
  CHAINS,
  CHANNELS,
  CHECKPOINT_RECORDS,
  DOOR_REJECTIONS,
  EVENTS,
  METERS,
  PAST_ASSIGNMENTS,
  REPAIR_EVENTS,
  type Table,
} from './tables.js'
import { TARIFF_TABLES } from './tariff-tables.js'

export const REGISTRY_TABLES: readonly Table[] = [EVENTS, METERS, ASSIGNMENTS, PAST_ASSIGNMENTS, ...TARIFF_TABLES]
export const CHECKPOINT_TABLES: readonly Table[] = [
  ...[CHECKPOINT_RECORDS, CHECKPOINTS, CHECKPOINT_LEAVES, CHECKPOINT_NODES, CHECKPOINT_SIGNATURES],
  ...[CHECKPOINT_EVIDENCE, CHECKPOINT_EVIDENCE_RECORDS],
]
/** Unsigned, and one of them is kept for 90 days only: they prove nothing. */
export const TOLD_TABLES: readonly Table[] = [DOOR_REJECTIONS, REPAIR_EVENTS]

export const ALL_TABLES: readonly Table[] = [
  ...[CHAINS, CHANNELS, ...REGISTRY_TABLES, ...BLOCK_TABLES, ...CHECKPOINT_TABLES, ...TOLD_TABLES],
]
