/** Final blocks of one lane into the tables: rows and cursor in one transaction. */
import type { ClientBase } from 'pg'
import type { Finalized } from '../infra/chain/lane-reader.js'
import { BugError } from '../schemas/errors.js'
import { chainCursor, moveCursor } from './cursors.js'
import { copyRows } from './database.js'
import { type BlockRows, type NumberOf, profileRows, projectBlock } from './project.js'
import { PROJECTIONS } from './projections/all.js'
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
  VOTES,
} from './rows/tables.js'

export interface Batch {
  readonly blocks: readonly Finalized[]
  readonly rows: readonly BlockRows[]
}

/** Consecutive blocks of one lane, with their rows. */
export const projectBatch = (blocks: readonly Finalized[], numberOf: NumberOf): Batch => ({
  blocks,
  rows: blocks.map((block) => projectBlock(block, numberOf)),
})

/** Runs inside the caller's transaction. Blocks that are in the tables already change nothing. `leftTo`: up to this height there may be
 *  rows that no cursor covers, which are deleted as their blocks come again. */
export async function writeBatch(client: ClientBase, { blocks, rows }: Batch, leftTo = 0n): Promise<void> {
  const [first] = blocks
  const last = blocks.at(-1)
  if (first === undefined || last === undefined) throw new BugError('a batch without blocks')
  // first, so that whoever else writes this lane waits or fails before it has sent a row
  if ((await moveCursor(client, first.header.height - 1n, chainCursor(last.lane, positionAfter(last)))) === 'already') return
  if (first.header.height <= leftTo) await deleteBlocks(client, first.lane, first.header.height, last.header.height)
  await addChannels(client, new Map(rows.flatMap((each) => [...each.channels])))
  await copyRows(
    client,
    BLOCKS,
    rows.map((each) => each.block),
  )
  await copyRows(
    client,
    VOTES,
    rows.flatMap((each) => each.votes),
  )
  await copyRows(
    client,
    READINGS,
    rows.flatMap((each) => each.readings),
  )
  await copyRows(client, PROFILES, profileRows(rows.flatMap((each) => each.series)))
  await copyRows(
    client,
    REGISTERS,
    rows.flatMap((each) => each.registers),
  )
  await copyRows(
    client,
    REJECTIONS,
    rows.flatMap((each) => each.rejections),
  )
  await copyRows(
    client,
    EVIDENCE,
    rows.flatMap((each) => each.evidence),
  )
  await copyRows(
    client,
    EVIDENCE_RECORDS,
    rows.flatMap((each) => each.evidenceRecords),
  )
  for (const { table, rowsOf } of PROJECTIONS)
    await copyRows(
      client,
      table,
      rows.flatMap((each) => [...rowsOf(each)]),
    )
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
