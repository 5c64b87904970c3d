/** What is the same in every set of tables, however it is kept: intervals are rows here, one each. */
import { UNPACKED } from '../migrations/0013-sources.js'
import { ALL_TABLES } from './all-tables.js'
import { BLOCK_TABLES } from './block-tables.js'
import { PROFILES, type Table, table } from './tables.js'

export type IntervalRow = [
  ...[lane: number, height: bigint, entry: number, meter: number, sequence: number, channel: Buffer, start: number],
  ...[step: number, value: number, quality: number],
]
export const INTERVALS: Table<IntervalRow> = {
  ...table<IntervalRow>(
    'store.intervals',
    ...(['lane:int2*', 'height:int8*', 'entry:int2*', 'meter:int4', 'sequence:int8', 'channel:channel*', 'start:time*'] as const),
    ...(['step:int4', 'value:int8', 'quality:int2'] as const),
  ),
  source: `(${UNPACKED})`,
}

const logical = (each: Table): Table => (each.name === PROFILES.name ? INTERVALS : each)

export const LOGICAL_BLOCK_TABLES: readonly Table[] = BLOCK_TABLES.map(logical)
export const LOGICAL_TABLES: readonly Table[] = ALL_TABLES.map(logical)

/** What a statement reads them from. */
export const sourceOf = ({ name, source }: Table): string => (source === undefined ? name : `${source} AS logical`)
