import { PROJECTIONS } from '../projections/all.js'
import { BLOCKS, EVIDENCE, EVIDENCE_RECORDS, PROFILES, READINGS, REGISTERS, REJECTIONS, type Table, VOTES } from './tables.js'

/** Those whose rows come from blocks: each has lane and height. */
export const BLOCK_TABLES: readonly Table[] = [
  ...[BLOCKS, VOTES, READINGS, PROFILES, REGISTERS, REJECTIONS],
  ...[EVIDENCE, EVIDENCE_RECORDS],
  ...PROJECTIONS.map(({ table }) => table),
]
