/** Rows of checkpoints in PostgreSQL: written, deleted where the cursor does not cover them, and read to take up their fold. */
import type { ClientBase } from 'pg'
import type { Finalized, LaneRecord } from '../../infra/chain/lane-reader.js'
import { OPEN_HEADS, type OpenHead, type PlacedSignature, signerKey } from '../../infra/checkpoints/open-heads.js'
import { equalBytes } from '../../schemas/bytes.js'
import { type Peak, PeakStore } from '../../schemas/checkpoint/peaks.js'
import { blockHash, type FinalBlock } from '../../schemas/lane-fold.js'
import { rootAt } from '../../schemas/merkle.js'
import { type CheckpointLeaf, decodeChainRecord } from '../../schemas/records.js'
import { copyRows } from '../database.js'
import {
  CHECKPOINT_EVIDENCE,
  CHECKPOINT_EVIDENCE_RECORDS,
  CHECKPOINT_LEAVES,
  CHECKPOINT_NODES,
  CHECKPOINT_SIGNATURES,
  CHECKPOINTS,
} from '../rows/checkpoint-tables.js'
import { CheckpointFold, type CheckpointFoldOptions, type CheckpointRows, type FoldStart, noRows } from './fold.js'

/** Runs inside the transaction that moves the cursor of topic checkpoints. */
export async function writeCheckpoints(client: ClientBase, rows: CheckpointRows): Promise<void> {
  await copyRows(client, CHECKPOINTS, rows.heads)
  await copyRows(client, CHECKPOINT_LEAVES, rows.leaves)
  await copyRows(client, CHECKPOINT_NODES, rows.nodes)
  await copyRows(client, CHECKPOINT_SIGNATURES, rows.signatures)
  await copyRows(client, CHECKPOINT_EVIDENCE, rows.evidence)
  await copyRows(client, CHECKPOINT_EVIDENCE_RECORDS, rows.evidenceRecords)
}

/** Rows of records from this offset on. */
export async function deleteCheckpoints(client: ClientBase, from: bigint): Promise<void> {
  await client.query('DELETE FROM store.checkpoints WHERE final_offset >= $1', [String(from)])
  await client.query('DELETE FROM store.checkpoint_signatures WHERE log_offset >= $1', [String(from)])
  const { rows } = await client.query<{ size: string }>('SELECT coalesce(max(size), 0) AS size FROM store.checkpoints')
  const size = [rows[0]?.size ?? '0']
  await client.query('DELETE FROM store.checkpoint_leaves WHERE place >= $1', size)
  await client.query('DELETE FROM store.checkpoint_nodes WHERE node_index >= $1::int8 >> level', size)
  for (const { name } of [CHECKPOINT_EVIDENCE, CHECKPOINT_EVIDENCE_RECORDS])
    await client.query(`DELETE FROM ${name} WHERE height > (SELECT coalesce(max(height), 0) FROM store.checkpoints)`)
}

/** The registry’s fold reaches this size. */
export type Reached = (registrySize: number) => Promise<void>

/** The fold after all records before `end`, which are in the tables. It is taken up at the checkpoint before the newest, so that it knows
 *  how the newest one came about. What the rows say is held against each other and against the records; where somebody altered either,
 *  the records are folded from the first. */
export async function readFold(
  client: ClientBase,
  options: CheckpointFoldOptions,
  end: bigint,
  reached: Reached,
): Promise<CheckpointFold> {
  const [newest, before] = await newestHeads(client)
  const start = before && (await startAt(client, before))
  if (newest !== undefined && before !== undefined && start !== undefined) {
    await reached(before.registrySize)
    const fold = new CheckpointFold(options, start)
    const heads = await foldOn(client, fold, { from: before.finalOffset + 1n, end }, reached)
    if (heads.some(([height, , root, hash]) => height === newest.height && root.equals(newest.root) && hash.equals(newest.hash)))
      return fold
  }
  const fold = new CheckpointFold(options)
  await foldOn(client, fold, { from: 0n, end }, reached)
  return fold
}

/** Gives the heads that the records made. */
async function foldOn(
  client: ClientBase,
  fold: CheckpointFold,
  { from, end }: { readonly from: bigint; readonly end: bigint },
  reached: Reached,
): Promise<CheckpointRows['heads']> {
  const heads: CheckpointRows['heads'] = []
  for await (const record of recordsOf(client, from, end)) {
    const rows = noRows()
    await foldRecord(fold, record, rows, reached)
    heads.push(...rows.heads)
  }
  return heads
}

/** When the log took the vote that made a checkpoint final, milliseconds. */
export type FinalAt = (checkpoint: Finalized) => Promise<number>

/** Adds the rows of a record. `finalAt`: where records come without their append times. */
export async function foldRecord(
  fold: CheckpointFold,
  record: LaneRecord,
  rows: CheckpointRows,
  reached: Reached,
  finalAt: FinalAt = async ({ timestamp }) => timestamp,
): Promise<void> {
  const finalized = fold.take(record, rows)
  if (finalized === undefined) return
  await reached(finalized.header.registrySize)
  fold.settle({ ...finalized, timestamp: await finalAt(finalized) }, rows)
}

const RECORDS = 500

/** Append times are not kept; nothing that is folded again asks for them. */
async function* recordsOf(client: ClientBase, from: bigint, end: bigint): AsyncGenerator<LaneRecord> {
  let next = from
  for (;;) {
    const { rows } = await client.query<{ offset: string; record: Buffer }>(
      `SELECT log_offset AS offset, record FROM ledger.checkpoint_records
        WHERE log_offset >= $1 AND log_offset < $2 ORDER BY log_offset LIMIT ${RECORDS}`,
      [String(next), String(end)],
    )
    for (const { offset, record } of rows) yield { offset: BigInt(offset), timestamp: 0, value: record }
    const last = rows.at(-1)
    if (last === undefined || rows.length < RECORDS) return
    next = BigInt(last.offset) + 1n
  }
}

interface HeadRow {
  readonly height: bigint
  readonly size: number
  readonly root: Buffer
  readonly hash: Buffer
  readonly verdictHash: Buffer
  readonly registrySize: number
  readonly finalOffset: bigint
  /** Of its block, and of the vote that made it final; null: missing. */
  readonly block: Buffer | null
  readonly vote: Buffer | null
}

/** As pg gives it: int8 is text. */
type WrittenHead = Pick<HeadRow, 'root' | 'hash' | 'verdictHash' | 'block' | 'vote'> &
  Record<'height' | 'size' | 'registrySize' | 'finalOffset', string>

/** Undefined: it cannot be believed. */
async function startAt(client: ClientBase, head: HeadRow): Promise<FoldStart | undefined> {
  const final = finalOf(head)
  if (final === undefined) return undefined
  const peaks = await peaksOf(client, head.size)
  if (peaks === undefined || !equalBytes(head.root, rootAt(new PeakStore(peaks), head.size))) return undefined
  const position = { final, nextOffset: head.finalOffset + 1n }
  return { position, size: head.size, tips: await tipsOf(client, head.size), peaks, open: await openHeads(client, head) }
}

/** The newest, then the one before it. */
async function newestHeads(client: ClientBase): Promise<HeadRow[]> {
  const { rows } = await client.query<WrittenHead>(
    `SELECT c.height, c.size, c.root, c.hash, c.verdict_hash AS "verdictHash", c.registry_size AS "registrySize",
            c.final_offset AS "finalOffset", b.record AS block, v.record AS vote
       FROM store.checkpoints c
       LEFT JOIN ledger.checkpoint_records b ON b.log_offset = c.block_offset
       LEFT JOIN ledger.checkpoint_records v ON v.log_offset = c.final_offset
      ORDER BY c.height DESC LIMIT 2`,
  )
  return rows.map(({ height, size, registrySize, finalOffset, ...row }) => ({
    ...row,
    ...{ height: BigInt(height), finalOffset: BigInt(finalOffset), size: Number(size), registrySize: Number(registrySize) },
  }))
}

/** As the block’s own bytes and a vote on it say. */
function finalOf({ hash, height, verdictHash, registrySize, block, vote }: HeadRow): FinalBlock | undefined {
  const sealed = decodeChainRecord(block)
  const voted = decodeChainRecord(vote)
  if (sealed?.kind !== 'block' || voted?.kind !== 'vote' || voted.vote.judgement.kind !== 'accept') return undefined
  const { header } = sealed
  const isSame =
    equalBytes(blockHash(sealed.headerBytes), hash) && header.height === height && header.registrySize === registrySize
  const isVoted = equalBytes(voted.vote.block, hash) && equalBytes(voted.vote.judgement.verdictHash, verdictHash)
  const { sourceEpoch, lastOffset } = header
  return isSame && isVoted ? { height, hash, verdictHash, registrySize, sourceEpoch, lastOffset } : undefined
}

/** The newest node of each level; undefined: one is missing. */
async function peaksOf(client: ClientBase, size: number): Promise<Peak[] | undefined> {
  const levels = Array.from({ length: size === 0 ? 0 : Math.floor(Math.log2(size)) + 1 }, (_, level) => level)
  const { rows } = await client.query<{ level: number; index: string; hash: Buffer }>(
    `SELECT level, node_index AS index, hash FROM store.checkpoint_nodes
      WHERE (level, node_index) IN (SELECT l, ($1::int8 >> l) - 1 FROM unnest($2::int4[]) l) ORDER BY level`,
    [size, levels],
  )
  return rows.length === levels.length ? rows.map(({ index, hash }) => ({ index: Number(index), hash })) : undefined
}

/** Of the log up to that size. */
async function tipsOf(client: ClientBase, size: number): Promise<Map<number, CheckpointLeaf>> {
  const { rows } = await client.query<{ lane: number; height: string; block: Buffer; verdict: Buffer }>(
    `WITH RECURSIVE lanes AS (
       (SELECT lane FROM store.checkpoint_leaves ORDER BY lane LIMIT 1)
       UNION ALL SELECT (SELECT l.lane FROM store.checkpoint_leaves l WHERE l.lane > lanes.lane ORDER BY l.lane LIMIT 1) FROM lanes
                  WHERE lanes.lane IS NOT NULL)
     SELECT lane, height, block, verdict FROM lanes CROSS JOIN LATERAL (
       SELECT height, block_hash AS block, verdict_hash AS verdict FROM store.checkpoint_leaves l
        WHERE l.lane = lanes.lane AND l.place < $1 ORDER BY height DESC LIMIT 1) tip`,
    [size],
  )
  return new Map(rows.map(({ lane, height, block, verdict }) => [lane, { lane, height: BigInt(height), block, verdict }]))
}

/** Those that may still be signed after that one, itself among them, with what was signed before it: as the fold would have them. */
async function openHeads(client: ClientBase, newest: HeadRow): Promise<OpenHead[]> {
  const { rows } = await client.query<{ size: string; root: Buffer; registrySize: string }>(
    `SELECT size, root, registry_size AS "registrySize"
       FROM (SELECT DISTINCT ON (size) height, size, root, registry_size FROM store.checkpoints WHERE height <= $1
              ORDER BY size DESC, height LIMIT ${OPEN_HEADS}) newest ORDER BY height`,
    [String(newest.height)],
  )
  const heads = rows.map(({ size, root, registrySize }) => ({
    ...{ size: Number(size), root, registrySize: Number(registrySize), signatures: new Map<string, PlacedSignature>() },
  }))
  const signed = await client.query<{ size: string; kind: number; name: string; offset: string; signature: Buffer }>(
    `SELECT size, kind, name, log_offset AS offset, signature FROM store.checkpoint_signatures
      WHERE size >= $1 AND log_offset <= $2 ORDER BY log_offset`,
    [heads[0]?.size ?? 0, String(newest.finalOffset)],
  )
  const bySize = new Map(heads.map((head) => [head.size, head.signatures]))
  for (const { size, kind, name, offset, signature } of signed.rows)
    bySize.get(Number(size))?.set(signerKey(kind, name), { offset: BigInt(offset), signature })
  return heads
}
