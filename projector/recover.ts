/** Where each log is taken up again: what the database says, for it alone knows what is in its tables. */
import type { ClientBase } from 'pg'
import type { Certified } from '../infra/chain/lane-evidence.js'
import type { LanePosition } from '../infra/chain/lane-reader.js'
import type { RegistryState } from '../schemas/registry/state.js'
import { readCertified } from './certified.js'
import { adoptChain, beginAnew, type Cursor, chainCursor, positionOf, readCursors, setCursor } from './cursors.js'
import type { Database } from './database.js'
import { PROJECTIONS } from './projections/all.js'
import { BLOCK_TABLES } from './rows/block-tables.js'

export interface Recovered {
  /** By lane. */
  readonly positions: ReadonlyMap<number, LanePosition>
  /** By lane: what its newest final block was accepted with. */
  readonly certified: ReadonlyMap<number, Certified | undefined>
  /** Lanes whose cursors somebody had altered. */
  readonly mended: readonly number[]
  /** By lane: heights up to which there may be rows above the cursor. */
  readonly leftTo: ReadonlyMap<number, bigint>
  readonly registrySize: number
  /** Whether there may be rows of the registry that its cursor does not cover. */
  readonly hasLeftEvents: boolean
  /** Of topics rejections, repairs and checkpoints. */
  readonly plain: readonly Cursor[]
}

/** Rejects with Error where the database holds another chain, or has no tables. */
export async function recover(database: Database, registry: RegistryState): Promise<Recovered> {
  return database.transaction(async (client) => {
    await requireTables(client)
    await adoptChain(client, registry)
    // a cursor of a lane that is none was not made by us: the audit names it
    const cursors = [...(await readCursors(client)).values()].filter((each) => each.lane >= 0 && each.lane < registry.lanes)
    const chains: Cursor[] = []
    const mended: number[] = []
    for (const cursor of cursors.filter((each) => each.source === 'chain')) {
      const right = await mendedCursor(client, cursor)
      chains.push(right ?? cursor)
      if (right !== undefined) mended.push(cursor.lane)
    }
    const certified = new Map<number, Certified | undefined>()
    for (const { lane, height, blockHash: hash } of chains)
      certified.set(lane, await readCertified(client, registry.chainId, lane, { height, hash }))
    const leftTo = await leftRows(client, chains)
    await beginAnew(client, [...leftTo.keys()])
    const registrySize = Number(cursors.find((each) => each.source === 'registry')?.height ?? 0n)
    return {
      positions: new Map(chains.map((each) => [each.lane, positionOf(each)])),
      certified,
      mended,
      leftTo,
      registrySize,
      hasLeftEvents: await hasLeftEvents(client, registrySize),
      plain: cursors.filter((each) => each.source !== 'chain' && each.source !== 'registry'),
    }
  })
}

/** As the block's own row has it, where cursor and row contradict each other; if the row is the wrong one, the audit says so. Without
 *  this the lane would stand still until then: nothing in the log follows a block that does not exist. */
async function mendedCursor(client: ClientBase, cursor: Cursor): Promise<Cursor | undefined> {
  const { rows } = await client.query<BlockPlace>(
    `SELECT hash, verdict_hash AS "verdictHash", registry_size AS "registrySize", source_epoch AS "sourceEpoch",
            last_offset AS "lastOffset" FROM ledger.blocks WHERE lane = $1 AND height = $2`,
    [cursor.lane, String(cursor.height)],
  )
  const [row] = rows
  if (row === undefined) return undefined
  const final = { ...row, height: cursor.height, registrySize: Number(row.registrySize), lastOffset: BigInt(row.lastOffset) }
  const { blockHash, verdictHash, registrySize, sourceEpoch, lastOffset } = cursor
  const isSame = row.hash.equals(blockHash) && row.verdictHash.equals(verdictHash)
  const hasSame = final.registrySize === registrySize && final.sourceEpoch === sourceEpoch && final.lastOffset === lastOffset
  if (isSame && hasSame) return undefined
  // from the start of the lane: the fold skips what is final already
  const right = chainCursor(cursor.lane, { final, nextOffset: 0n })
  await setCursor(client, right)
  return right
}

interface BlockPlace {
  readonly hash: Buffer
  readonly verdictHash: Buffer
  readonly registrySize: string
  readonly sourceEpoch: number
  readonly lastOffset: string
}

/** SQLSTATEs of a schema, of a table and of a column that there is not. */
const MISSING = /^(3F000|42P01|42703)$/

/** Rejects with Error where they are not those of this program. */
export async function requireTables(client: ClientBase): Promise<void> {
  try {
    const projected = PROJECTIONS.map(({ table }) => table.name)
    await client.query(`SELECT read_since FROM ${['ledger.cursors', 'ledger.unfilled', ...projected].join(', ')} LIMIT 0`)
  } catch (error) {
    if (!MISSING.test(String((error as { code?: unknown }).code))) throw error
    throw new Error(
      'the database has no tables, or those of an older program: `meterchain migrate` makes them, and they are filled from the logs',
    )
  }
}

const ALL_HEIGHTS = 9_223_372_036_854_775_807n

/** By lane: up to which height there are rows above the cursor, because somebody moved it back or deleted it. By the tables that have
 *  a key; where nothing is written yet, by all. */
async function leftRows(client: ClientBase, cursors: readonly Cursor[]): Promise<Map<number, bigint>> {
  const left = new Map<number, bigint>()
  for (const { lane, height } of cursors) {
    const { rows } = await client.query<{ top: string }>(
      `SELECT greatest((SELECT max(height) FROM ledger.blocks WHERE lane = $1), (SELECT max(height) FROM ledger.votes WHERE lane = $1), 0) AS top`,
      [lane],
    )
    const top = BigInt(rows[0]?.top ?? 0)
    if (height === 0n && (await hasRows(client, lane))) left.set(lane, ALL_HEIGHTS)
    else if (top > height) left.set(lane, top)
  }
  return left
}

async function hasRows(client: ClientBase, lane: number): Promise<boolean> {
  const any = BLOCK_TABLES.map(({ name }) => `EXISTS (SELECT FROM ${name} WHERE lane = $1)`).join(' OR ')
  const { rows } = await client.query<{ any: boolean }>(`SELECT ${any} AS any`, [lane])
  return rows[0]?.any === true
}

async function hasLeftEvents(client: ClientBase, size: number): Promise<boolean> {
  const { rows } = await client.query<{ any: boolean }>(
    `SELECT EXISTS (SELECT FROM ledger.registry_events WHERE event_index >= $1)
         OR $1 = 0 AND (EXISTS (SELECT FROM store.meters) OR EXISTS (SELECT FROM store.assignments) OR EXISTS (SELECT FROM store.tariffs)) AS any`,
    [size],
  )
  return rows[0]?.any === true
}
