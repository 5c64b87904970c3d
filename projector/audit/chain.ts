import { LaneEvidence } from '../../infra/chain/lane-evidence.js'
import { type Finalized, type LanePosition, LaneReader, type LaneRecord, laneRules } from '../../infra/chain/lane-reader.js'
import type { LaneRules } from '../../schemas/lane-fold.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { type BlockRows, profileRows, projectBlock, recordBytes, rowCount, type Series } from '../project.js'
import { PROJECTIONS } from '../projections/all.js'
import { BLOCK_TABLES } from '../rows/block-tables.js'
import {
  BLOCKS,
  CHANNELS,
  type ChannelRow,
  EVIDENCE,
  EVIDENCE_RECORDS,
  PROFILES,
  READINGS,
  REGISTERS,
  REJECTIONS,
  type Row,
  type Table,
  VOTES,
} from '../rows/tables.js'
import type { Comparison } from './comparison.js'
import type { Part } from './part.js'
import { SLICE, slices } from './slices.js'

/** Entries, and bytes of blocks, that are compared in one go: what bounds the memory. */
const WINDOW_ENTRIES = 10_000
const WINDOW_BYTES = 8 * 1024 * 1024

export interface ChainAudit {
  /** When the reading of the lane began (part.ts). */
  readonly readSince: string
  readonly registry: RegistryState
  readonly verify: LaneRules['verify']
  /** Channels that came up, by their 8 bytes in hexadecimal. */
  readonly channels: Map<string, ChannelRow>
  /** Default: 10,000. */
  readonly windowEntries?: number
  /** Rows of profiles and registers that are compared in one go. Default: 50,000. */
  readonly sliceRows?: number
  onBlocks(lane: number, height: bigint): void
}

/** Folds a lane from its start; its parts are the blocks up to `height`. Returns the reader: it stands at `height`, or at an earlier
 *  one where the log holds no more. */
export async function* laneParts(
  audit: ChainAudit,
  lane: number,
  log: AsyncIterable<LaneRecord>,
  height: bigint,
): AsyncGenerator<Part, LaneReader> {
  const rules = laneRules(audit.registry, audit.verify)
  const reader = new LaneReader(lane, rules, undefined, new LaneEvidence(lane, rules))
  const entries = audit.windowEntries ?? WINDOW_ENTRIES
  let window: Finalized[] = []
  if (height > 0n) {
    for await (const record of log) {
      const { finalized } = reader.take(record)
      if (finalized === undefined) continue
      window.push(finalized)
      if (isFull(window, entries)) {
        yield blocksPart(audit, lane, window)
        window = []
      }
      if (finalized.header.height === height) break
    }
  }
  if (window.length > 0) yield blocksPart(audit, lane, window)
  return reader
}

function isFull(window: readonly Finalized[], most: number): boolean {
  const entries = window.reduce((sum, block) => sum + block.header.count, 0)
  return entries >= most || window.reduce((sum, block) => sum + recordBytes(block), 0) >= WINDOW_BYTES
}

/** Blocks that follow one another, or with `isApart` any: each then by itself. */
function blocksPart(audit: ChainAudit, lane: number, blocks: readonly Finalized[], isApart = false): Part {
  const heights = blocks.map(({ header }) => header.height)
  const [first = 0n, last = 0n] = [heights[0], heights.at(-1)]
  return {
    lane,
    subject: first === last ? `block ${first}` : `blocks ${first} to ${last}`,
    lock: { source: 'chain', lane },
    readSince: audit.readSince,
    compare: async (comparison, cursors) => {
      const reached = cursors.get(`chain/${lane}`)?.height ?? 0n
      const written = blocks.filter(({ header }) => header.height <= reached)
      for (const window of isApart ? written.map((block) => [block]) : [written])
        await compareWindow(audit, comparison, lane, window)
      audit.onBlocks(lane, last)
    },
    narrowed: (wanted) => {
      const those = blocks.filter(({ header }) => wanted.has(String(header.height)))
      return blocksPart(audit, lane, those, true)
    },
  }
}

async function compareWindow(
  { registry, channels, sliceRows }: ChainAudit,
  comparison: Comparison,
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
  const compare = <R extends Row>(table: Table<R>, pick: (each: BlockRows) => readonly R[]) =>
    comparison.compare(table, all(pick), where, range)
  await compare(BLOCKS, (each) => [each.block])
  await compare(VOTES, (each) => each.votes)
  await compare(READINGS, (each) => each.readings)
  const ends = { lane, first: first.header.height, last: last.header.height }
  const series = all((each) => each.series)
  // a row of a quarter-hour's day is some 1 KB of text; one of a second's day a hundred times that
  const measure = ({ place, profile }: Series) => [place, rowCount(profile) + Math.floor(profile.values.length / 100)] as const
  for (const { part, range } of slices(series, ends, measure, sliceRows))
    await comparison.compare(PROFILES, [...profileRows(part)], SLICE, range)
  const registers = all((each) => each.registers)
  for (const { part, range } of slices(registers, ends, (row) => [row, 1], sliceRows))
    await comparison.compare(REGISTERS, part, SLICE, range)
  await compare(REJECTIONS, (each) => each.rejections)
  await compare(EVIDENCE, (each) => each.evidence)
  await compare(EVIDENCE_RECORDS, (each) => each.evidenceRecords)
  for (const { table, rowsOf } of PROJECTIONS) await compare(table, (each) => [...rowsOf(each)])
}

/** Where the fold of a lane ended, and where its cursor stood then. */
export interface LaneEnd {
  readonly rules: LaneRules
  readonly position: LanePosition
  readonly cursorHeight: bigint
  readonly readSince: string
}

/** Rows of lanes and heights that there are not. Where the log ends below the cursor, the rows between are named, and kept: whether
 *  log or cursor is wrong, the cursor’s part decides. */
export const outsidePart = (ends: readonly LaneEnd[]): Part => ({
  lane: -1,
  subject: 'rows of blocks that do not exist',
  lock: { source: 'chain' },
  compare: async (comparison, cursors) => {
    // an index beyond the array's end gives null, and coalesce makes that a row too many
    const where = 'lane < 0 OR height < 1 OR height > coalesce(($1::int8[])[lane + 1], 0)'
    const heights = ends.map(({ position, cursorHeight }, lane) => {
      const now = cursors.get(`chain/${lane}`)?.height ?? 0n
      return String(comparison.isLocked || now !== cursorHeight ? now : position.final.height)
    })
    for (const table of BLOCK_TABLES) await comparison.compare(table, [], where, [heights])
  },
})

/** Those that rows beyond the heights audited use are the projector’s, written meanwhile. */
const KNOWN_CHANNELS = `channels.channel = ANY($1::int8[]) OR NOT EXISTS (
  SELECT FROM unnest($2::int8[]) WITH ORDINALITY audited(height, n)
   WHERE EXISTS (SELECT FROM store.profiles i WHERE i.lane = n - 1 AND i.height > audited.height AND i.channel = channels.channel)
      OR EXISTS (SELECT FROM store.registers r WHERE r.lane = n - 1 AND r.height > audited.height AND r.channel = channels.channel))`

export const channelsPart = ({ channels }: Pick<ChainAudit, 'channels'>, ends: readonly LaneEnd[]): Part => ({
  lane: -1,
  subject: 'channels',
  lock: { source: 'chain' },
  compare: (comparison) => {
    const known = [...channels.values()].map(([channel]) => String(channel.readBigInt64BE()))
    const heights = ends.map(({ position }) => String(position.final.height))
    return comparison.compare(CHANNELS, [...channels.values()], KNOWN_CHANNELS, [known, heights])
  },
})
