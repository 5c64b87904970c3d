import { type Finalized, LaneReader, type LaneRecord, laneRules } from '../../infra/chain/lane-reader.js'
import type { LaneRules } from '../../schemas/lane-fold.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { type BlockRows, intervalRows, projectBlock } from '../project.js'
import {
  BLOCK_TABLES,
  BLOCKS,
  CHANNELS,
  type ChannelRow,
  INTERVALS,
  READINGS,
  REGISTERS,
  REJECTIONS,
  VOTES,
} from '../rows/tables.js'
import type { Comparison } from './comparison.js'
import { SLICE, slices } from './slices.js'

/** Entries, and bytes of blocks, that are compared in one go: what bounds the memory. */
const WINDOW_ENTRIES = 10_000
const WINDOW_BYTES = 8 * 1024 * 1024

export interface ChainAudit {
  readonly comparison: Comparison
  readonly registry: RegistryState
  readonly verify: LaneRules['verify']
  /** Channels that came up, by their 8 bytes in hexadecimal. */
  readonly channels: Map<string, ChannelRow>
  onBlocks(lane: number, height: bigint): void
}

/** Folds a lane from its start and compares the rows of each block up to `height`. Gives the fold’s final block: that of `height`,
 *  or an earlier one where the log holds no more. */
export async function auditLane(audit: ChainAudit, lane: number, log: AsyncIterable<LaneRecord>, height: bigint) {
  const reader = new LaneReader(lane, laneRules(audit.registry, audit.verify), undefined)
  let window: Finalized[] = []
  const flush = async () => {
    await compareWindow(audit, lane, window)
    window = []
  }
  if (height > 0n) {
    for await (const record of log) {
      const { finalized } = reader.take(record)
      if (finalized === undefined) continue
      window.push(finalized)
      if (isFull(window)) await flush()
      if (finalized.header.height === height) break
    }
  }
  await flush()
  return reader.state.final
}

function isFull(window: readonly Finalized[]): boolean {
  const entries = window.reduce((sum, block) => sum + block.header.count, 0)
  return entries >= WINDOW_ENTRIES || window.reduce((sum, block) => sum + block.blockBytes.length, 0) >= WINDOW_BYTES
}

async function compareWindow(
  { comparison, registry, channels, onBlocks }: ChainAudit,
  lane: number,
  blocks: readonly Finalized[],
) {
  const [first, last] = [blocks[0], blocks.at(-1)]
  if (first === undefined || last === undefined) return
  const rows = blocks.map((block) => projectBlock(block, (meter, size) => registry.meterAt(meter, size)?.ordinal))
  for (const each of rows) for (const [key, channel] of each.channels) channels.set(key, channel)
  const where = 'lane = $1 AND height BETWEEN $2 AND $3'
  const range = [lane, String(first.header.height), String(last.header.height)]
  const all = <T>(pick: (each: BlockRows) => readonly T[]): T[] => rows.flatMap(pick)
  await comparison.compare(
    BLOCKS,
    all((each) => [each.block]),
    where,
    range,
  )
  await comparison.compare(
    VOTES,
    all((each) => each.votes),
    where,
    range,
  )
  await comparison.compare(
    READINGS,
    all((each) => each.readings),
    where,
    range,
  )
  const ends = { lane, first: first.header.height, last: last.header.height }
  const series = all((each) => each.series)
  for (const { part, range } of slices(series, ends, (each) => [each.place, each.profile.values.length]))
    await comparison.compare(INTERVALS, [...intervalRows(part)], SLICE, range)
  const registers = all((each) => each.registers)
  for (const { part, range } of slices(registers, ends, (row) => [row, 1]))
    await comparison.compare(REGISTERS, part, SLICE, range)
  await comparison.compare(
    REJECTIONS,
    all((each) => each.rejections),
    where,
    range,
  )
  onBlocks(lane, last.header.height)
}

/** Rows of lanes and heights that the log does not have, and channels. `heights`: what was folded, by lane. */
export async function auditOutside({ comparison, channels }: ChainAudit, heights: readonly bigint[]): Promise<void> {
  // an index beyond the array's end gives null, and coalesce makes that a row too many
  const where = 'lane < 0 OR height < 1 OR height > coalesce(($1::int8[])[lane + 1], 0)'
  for (const table of BLOCK_TABLES) await comparison.compare(table, [], where, [heights.map(String)])
  await comparison.compare(CHANNELS, [...channels.values()], 'true')
}
