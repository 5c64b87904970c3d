/** What the query API asks PostgreSQL for of checkpoints: each by an index, and proofs by as many nodes as the tree is deep. */

import { NOTE_KIND } from '../../schemas/checkpoint/note.js'
import type { HeldCheckpoint } from '../../schemas/checkpoint/prove.js'
import { ZERO_HASH } from '../../schemas/hash.js'
import type { NodeStore } from '../../schemas/merkle.js'
import { ReplicaFault } from '../../schemas/prove-entry.js'
import type { CheckpointLeaf } from '../../schemas/records.js'
import type { RowSource } from './row-source.js'

export interface CheckpointSignature {
  readonly kind: number
  readonly name: string
  readonly key: Buffer
  /** Seconds; 0: an authority's. */
  readonly timestamp: number
  readonly signature: Buffer
}

export interface CheckpointFacts extends Omit<HeldCheckpoint, 'signatures'> {
  /** Of its block in the lane of checkpoints. */
  readonly hash: Buffer
  /** Whether by authorities of more than 2/3 of the weight. */
  readonly isSigned: boolean
  /** In the order of the log. */
  readonly signed: readonly CheckpointSignature[]
}

/** Those that authorities of more than 2/3 of the weight signed. */
const SIGNED = `3::numeric * (SELECT coalesce(sum(weight), 0) FROM store.checkpoint_signatures s WHERE s.size = c.size)
  > 2::numeric * c.total_weight`
const CHECKPOINT = `SELECT size::float8 AS size, root, hash, registry_size::float8 AS "registrySize", ${SIGNED} AS "isSigned"
  FROM store.checkpoints c`

export const latestCheckpoint = (database: RowSource): Promise<CheckpointFacts | undefined> =>
  checkpointWhere(database, `${SIGNED} ORDER BY size DESC, height LIMIT 1`, [])

/** Whether it is signed by more than 2/3 or not. */
export const checkpointOf = (database: RowSource, size: number): Promise<CheckpointFacts | undefined> =>
  checkpointWhere(database, 'size = $1 ORDER BY height LIMIT 1', [size])

/** The first one that covers the leaf, that is signed, and whose registry is not smaller than the one that decided on the block. */
export const checkpointOver = (database: RowSource, index: number, registrySize: number): Promise<CheckpointFacts | undefined> =>
  checkpointWhere(database, `size > $1 AND registry_size >= $2 AND ${SIGNED} ORDER BY size, height LIMIT 1`, [
    index,
    registrySize,
  ])

async function checkpointWhere(database: RowSource, where: string, values: unknown[]): Promise<CheckpointFacts | undefined> {
  const [head] = await database.rows<Omit<CheckpointFacts, 'signed'>>(`${CHECKPOINT} WHERE ${where}`, values)
  if (head === undefined) return undefined
  const signed = await database.rows<CheckpointSignature>(
    `SELECT kind, name, key, seen_seconds::float8 AS timestamp, signature FROM store.checkpoint_signatures
      WHERE size = $1 ORDER BY log_offset`,
    [head.size],
  )
  return { ...head, signed }
}

/** With the signatures of authorities alone. */
export const heldOf = ({ signed, size, root, registrySize }: CheckpointFacts): HeldCheckpoint => ({
  ...{ size, root, registrySize },
  signatures: signed
    .filter(({ kind }) => kind === NOTE_KIND.log)
    .map(({ name: authority, key, signature }) => ({ authority, key, signature })),
})

export interface PlacedLeaf {
  readonly index: number
  readonly leaf: CheckpointLeaf
}

/** Where a final block stands in the log of checkpoints. */
export async function leafOf(database: RowSource, lane: number, height: number): Promise<PlacedLeaf | undefined> {
  const [row] = await database.rows<{ index: number; block: Buffer; verdict: Buffer }>(
    `SELECT place::float8 AS index, block_hash AS block, verdict_hash AS verdict FROM store.checkpoint_leaves
      WHERE lane = $1 AND height = $2 ORDER BY place LIMIT 1`,
    [lane, height],
  )
  return row && { index: row.index, leaf: { lane, height: BigInt(height), block: row.block, verdict: row.verdict } }
}

/** The nodes that `prove` asks for. Throws ReplicaFault where one is missing. */
export async function nodesFor(database: RowSource, prove: (nodes: NodeStore) => unknown): Promise<NodeStore> {
  const asked: { level: number; index: number }[] = []
  const get = (level: number, index: number) => {
    asked.push({ level, index })
    return ZERO_HASH
  }
  prove({ get, put: () => undefined })
  const rows = await database.rows<{ level: number; index: number; hash: Buffer }>(
    `SELECT level, node_index::float8 AS index, hash FROM store.checkpoint_nodes
      WHERE (level, node_index) IN (SELECT * FROM unnest($1::int4[], $2::int8[]))`,
    [asked.map(({ level }) => level), asked.map(({ index }) => index)],
  )
  const found = new Map(rows.map(({ level, index, hash }) => [`${level}/${index}`, hash]))
  return {
    get: (level, index) => {
      const hash = found.get(`${level}/${index}`)
      if (hash === undefined) throw new ReplicaFault(`node ${index} on level ${level} of the log of checkpoints is missing`)
      return hash
    },
    put: () => undefined,
  }
}

/** Newest leaves that are looked at for a block under a large enough registry. */
const NEWEST_LEAVES = 200

/** A newest block of which a registry of this size, or a larger one, is named: rather one that a signed checkpoint covers. */
export async function blockUnder(
  database: RowSource,
  registrySize: number,
): Promise<{ readonly lane: number; readonly height: number } | undefined> {
  const latest = await latestCheckpoint(database)
  const [covered] = await database.rows<{ lane: number; height: number }>(
    `SELECT l.lane, l.height::float8 AS height FROM
       (SELECT * FROM store.checkpoint_leaves WHERE place < $1 ORDER BY place DESC LIMIT ${NEWEST_LEAVES}) l
       JOIN ledger.blocks b ON b.lane = l.lane AND b.height = l.height AND b.registry_size >= $2
      ORDER BY place DESC LIMIT 1`,
    [latest?.size ?? 0, registrySize],
  )
  if (covered !== undefined) return covered
  const [tip] = await database.rows<{ lane: number; height: number }>(
    `SELECT lane, height::float8 AS height FROM ledger.cursors
      WHERE source = 'chain' AND height > 0 AND registry_size >= $1 ORDER BY lane LIMIT 1`,
    [registrySize],
  )
  return tip
}
