/** What a set of tables holds, as one SHA-256 a table: over its logical rows in their order, as COPY gives them in text. Two sets that were
 *  filled from the same logs up to the same places have the same digests, however they are stored. */
import { createHash } from 'node:crypto'
import { pipeline } from 'node:stream/promises'
import type { ClientBase } from 'pg'
import { to as copyTo } from 'pg-copy-streams'
import type { Cursors } from '../audit/part.js'
import { readCursors } from '../cursors.js'
import { CHECKPOINT_TABLES, REGISTRY_TABLES } from '../rows/all-tables.js'
import { LOGICAL_BLOCK_TABLES, sourceOf } from '../rows/logical-tables.js'
import { CHAINS, CHANNELS, type Table } from '../rows/tables.js'

export interface Digest {
  readonly table: string
  /** Hexadecimal. */
  readonly digest: string
}

/** How far a set is: what its digests are of. */
export interface Extent {
  /** By lane. */
  readonly heights: readonly bigint[]
  readonly registrySize: bigint
  /** Of topic checkpoints. */
  readonly nextOffset: bigint
}

export function extentOf(cursors: Cursors, lanes: number): Extent {
  return {
    heights: Array.from({ length: lanes }, (_, lane) => cursors.get(`chain/${lane}`)?.height ?? 0n),
    registrySize: cursors.get('registry/0')?.height ?? 0n,
    nextOffset: cursors.get('checkpoints/0')?.nextOffset ?? 0n,
  }
}

export const readExtent = async (client: ClientBase, lanes: number): Promise<Extent> => extentOf(await readCursors(client), lanes)

/** What both have. */
export function commonExtent(a: Extent, b: Extent): Extent {
  const least = (x: bigint, y: bigint) => (x < y ? x : y)
  return {
    heights: a.heights.map((height, lane) => least(height, b.heights[lane] ?? 0n)),
    registrySize: least(a.registrySize, b.registrySize),
    nextOffset: least(a.nextOffset, b.nextOffset),
  }
}

/** Heights that are read in one go: a block’s rows lie together, so nothing large is sorted. */
const HEIGHTS = 64n

/** Digests of all tables that follow from chain, registry and checkpoints, up to there. Runs in the caller’s transaction, in whose
 *  snapshot the tables must hold all of it. Of meters and assignments there is no past: they are of the registry size of the cursor. */
export async function digests(
  client: ClientBase,
  extent: Extent,
  onRead: (done: number, all: number) => void,
  isWanted: (table: Table) => boolean = () => true,
): Promise<Digest[]> {
  await client.query(`SET LOCAL TIME ZONE 'UTC'; SET LOCAL bytea_output = 'hex'; SET LOCAL work_mem = '64MB'`)
  const all = LOGICAL_BLOCK_TABLES.length * Number(extent.heights.reduce((sum, height) => sum + height, 0n))
  let done = 0
  const onHeights = (heights: number) => {
    done += heights
    onRead(done, all)
  }
  const found: Digest[] = []
  const add = async (table: Table, wheres: Iterable<string>) => {
    if (isWanted(table)) found.push({ table: table.name, digest: await hashed(client, table, wheres) })
  }
  for (const table of [CHAINS, ...REGISTRY_TABLES]) await add(table, [registryWhere(table, extent)])
  for (const table of CHECKPOINT_TABLES) await add(table, [checkpointWhere(table, extent)])
  await add(CHANNELS, [channelsWhere(extent)])
  for (const table of LOGICAL_BLOCK_TABLES) await add(table, blockWheres(extent, onHeights))
  return found
}

function* blockWheres({ heights }: Extent, onRead: (heights: number) => void): Generator<string> {
  for (const [lane, top] of heights.entries())
    for (let from = 1n; from <= top; from += HEIGHTS) {
      const last = from + HEIGHTS - 1n < top ? from + HEIGHTS - 1n : top
      yield `lane = ${lane} AND height BETWEEN ${from} AND ${last}`
      onRead(Number(last - from) + 1)
    }
}

/** Events, and what tariffs say, are by event; meters and assignments as of the newest. */
const registryWhere = ({ columns }: Table, { registrySize }: Extent): string =>
  columns[0]?.name === 'event_index' ? `event_index < ${registrySize}` : 'true'

function checkpointWhere({ name }: Table, { nextOffset }: Extent): string {
  const size = `(SELECT coalesce(max(size), 0) FROM store.checkpoints WHERE final_offset < ${nextOffset})`
  if (name === 'store.checkpoints') return `final_offset < ${nextOffset}`
  const height = `(SELECT coalesce(max(height), 0) FROM store.checkpoints WHERE final_offset < ${nextOffset})`
  if (name.startsWith('store.checkpoint_evidence')) return `height <= ${height}`
  if (name === 'store.checkpoint_leaves') return `place < ${size}`
  if (name === 'store.checkpoint_nodes') return `(node_index + 1) << level <= ${size}`
  return `log_offset < ${nextOffset}`
}

/** Those that rows up to there use. */
function channelsWhere({ heights }: Extent): string {
  const within = heights.map((height, lane) => `lane = ${lane} AND height <= ${height}`).join(' OR ')
  const used = ['profiles', 'registers'].map((table) => `SELECT channel FROM store.${table} WHERE ${within}`)
  return `channel IN (${used.join(' UNION ')})`
}

async function hashed(client: ClientBase, table: Table, wheres: Iterable<string>): Promise<string> {
  const hash = createHash('sha256')
  const list = table.columns.map(({ name, kind }) => (kind === 'record' ? `sha256(${name})` : name)).join(', ')
  for (const where of wheres)
    await pipeline(
      client.query(copyTo(`COPY (SELECT ${list} FROM ${sourceOf(table)} WHERE ${where} ORDER BY ${orderOf(table)}) TO STDOUT`)),
      async (rows: AsyncIterable<Buffer>) => {
        for await (const part of rows) hash.update(part)
      },
    )
  return hash.digest('hex')
}

/** All columns, those that name a row first, so that equal rows alone are in no order. */
export function orderOf({ columns }: Table): string {
  const sorted = [...columns.filter(({ isKey }) => isKey), ...columns.filter(({ isKey }) => !isKey)]
  return sorted.map(({ name, kind }) => (kind === 'text' ? `${name} COLLATE "C"` : name)).join(', ')
}
