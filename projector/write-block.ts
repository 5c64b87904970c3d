/** Final blocks of one lane into the tables: rows and cursor in one transaction. */
import type { ClientBase } from 'pg'
import type { Finalized } from '../infra/chain/lane-reader.js'
import { BugError } from '../schemas/errors.js'
import { chainCursor, moveCursor } from './cursors.js'
import { copyData } from './database.js'
import { type BlockRows, type NumberOf, profileRows, projectBlock, rowCount, type Series } from './project.js'
import { PROJECTIONS } from './projections/all.js'
import { CopyData } from './rows/binary-copy.js'
import { BLOCK_TABLES } from './rows/block-tables.js'
import {
  BLOCKS,
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
} from './rows/tables.js'

/** Consecutive blocks of one lane, and their rows as the bytes that are copied. */
export interface Batch {
  readonly blocks: readonly Finalized[]
  readonly copies: readonly CopyData[]
  /** Long profiles, whose rows are made as they are copied: 4 MiB of blocks may hold four million values. */
  readonly long: readonly Series[]
  readonly channels: ReadonlyMap<string, ChannelRow>
  /** That count. */
  readonly messages: number
  readonly intervals: number
}

export function projectBatch(blocks: readonly Finalized[], numberOf: NumberOf): Batch {
  const copies = new Map(BLOCK_TABLES.map((table) => [table, new CopyData(table)]))
  const long: Series[] = []
  const channels = new Map<string, ChannelRow>()
  let [messages, intervals] = [0, 0]
  for (const block of blocks) {
    const rows = projectBlock(block, numberOf, channels)
    for (const [table, all] of rowsByTable(rows)) addAll(copies.get(table), all)
    for (const each of rows.series) {
      intervals += each.profile.values.length
      if (isLong(each)) long.push(each)
    }
    messages += rows.readings.length
  }
  return { blocks, copies: [...copies.values()], long, channels, messages, intervals }
}

function addAll(data: CopyData | undefined, rows: Iterable<Row>): void {
  if (data === undefined) throw new BugError('rows of blocks for a table that is none of theirs')
  for (const row of rows) data.add(row)
}

/** Values of a profile that waits as bytes; a day of quarter-hours has 96. */
const MOST_VALUES = 1_000

const isLong = ({ profile }: Series): boolean => profile.values.length > MOST_VALUES || rowCount(profile) > 1

/** All but long profiles. */
const rowsByTable = (rows: BlockRows): [Table, Iterable<Row>][] => [
  [BLOCKS, [rows.block]],
  [VOTES, rows.votes],
  [READINGS, rows.readings],
  [PROFILES, profileRows(rows.series.filter((each) => !isLong(each)))],
  [REGISTERS, rows.registers],
  [REJECTIONS, rows.rejections],
  [EVIDENCE, rows.evidence],
  [EVIDENCE_RECORDS, rows.evidenceRecords],
  ...PROJECTIONS.map(({ table, rowsOf }): [Table, Iterable<Row>] => [table, rowsOf(rows)]),
]

/** Runs inside the caller's transaction. Blocks that are in the tables already change nothing. `leftTo`: up to this height there may be
 *  rows that no cursor covers, which are deleted as their blocks come again. */
export async function writeBatch(client: ClientBase, { blocks, copies, long, channels }: Batch, leftTo = 0n): Promise<void> {
  const [first] = blocks
  const last = blocks.at(-1)
  if (first === undefined || last === undefined) throw new BugError('a batch without blocks')
  // first, so that whoever else writes this lane waits or fails before it has sent a row
  if ((await moveCursor(client, first.header.height - 1n, chainCursor(last.lane, positionAfter(last)))) === 'already') return
  if (first.header.height <= leftTo) await deleteBlocks(client, first.lane, first.header.height, last.header.height)
  await addChannels(client, channels)
  for (const data of copies) {
    const more = data.table === PROFILES ? long : []
    if (!data.isEmpty || more.length > 0) await copyData(client, data, profileRows(more))
  }
}

async function deleteBlocks(client: ClientBase, lane: number, first: bigint, last: bigint): Promise<void> {
  const range = [lane, String(first), String(last)]
  for (const { name } of BLOCK_TABLES)
    await client.query(`DELETE FROM ${name} WHERE lane = $1 AND height BETWEEN $2 AND $3`, range)
}

function positionAfter({ header, hash, verdictHash, nextOffset }: Finalized) {
  const { height, registrySize, sourceEpoch, lastOffset } = header
  return { final: { height, hash, verdictHash, registrySize, sourceEpoch, lastOffset }, nextOffset }
}

/** In one order, so that two lanes that bring the same new channels cannot block each other. */
async function addChannels(client: ClientBase, channels: ReadonlyMap<string, ChannelRow>): Promise<void> {
  const rows = [...channels].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row)
  const numbers = rows.map(([channel]) => String(channel.readBigInt64BE()))
  const { rows: known } = await client.query<{ channel: string }>(
    'SELECT channel FROM store.channels WHERE channel = ANY($1::int8[])',
    [numbers],
  )
  const seen = new Set(known.map((row) => row.channel))
  for (const row of rows) if (!seen.has(String(row[0].readBigInt64BE()))) await insertChannel(client, row)
}

export async function insertChannel(client: ClientBase, [channel, ...rest]: ChannelRow): Promise<void> {
  const values = [String(channel.readBigInt64BE()), ...rest]
  await client.query('INSERT INTO store.channels VALUES ($1, $2, $3, $4, $5::numeric) ON CONFLICT DO NOTHING', values)
}
