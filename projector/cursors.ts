/** How far each log is in the tables. */
import { type Generated, type Insertable, Kysely, PostgresDialect, sql } from 'kysely'
import type pg from 'pg'
import type { LanePosition } from '../infra/chain/lane-reader.js'
import { hex } from '../schemas/bytes.js'
import { TransientError } from '../schemas/errors.js'
import { laneGenesis } from '../schemas/lane-fold.js'
import type { RegistryState } from '../schemas/registry/state.js'
import { poolOfOne } from './migrate.js'
import { storable } from './rows/storable.js'

/** Topics whose records become rows one by one. */
export type PlainSource = 'rejections' | 'checkpoints' | 'repairs'
export type Source = 'chain' | 'registry' | PlainSource

/** The partitions that must be followed of these, for so many lanes. */
export function plainPartitions(lanes: number): { source: PlainSource; lane: number }[] {
  const ofEachLane = (source: PlainSource) => Array.from({ length: lanes }, (_, lane) => ({ source, lane }))
  return [...ofEachLane('rejections'), ...ofEachLane('repairs'), { source: 'checkpoints', lane: 0 }]
}

export interface Cursor {
  readonly source: Source
  readonly lane: number
  readonly height: bigint
  readonly blockHash: Buffer
  readonly verdictHash: Buffer
  readonly registrySize: number
  readonly sourceEpoch: number
  readonly lastOffset: bigint
  readonly nextOffset: bigint
}

/** The columns as pg gives and takes them: int8 is text. */
interface LedgerTables {
  'ledger.chains': { chain_id: Buffer; network: string; lanes: number; genesis: Buffer }
  'ledger.cursors': {
    source: string
    lane: number
    height: string
    block_hash: Buffer
    verdict_hash: Buffer
    registry_size: string
    source_epoch: number
    last_offset: string
    next_offset: string
    /** Of no interest to who follows a log (`projector/repairs/heal.ts`). */
    read_since: Generated<Date>
  }
}

const now = sql<Date>`clock_timestamp()`

const ledgerOf = (client: pg.ClientBase) =>
  new Kysely<LedgerTables>({ dialect: new PostgresDialect({ pool: poolOfOne(client) }) })

const columnsOf = (cursor: Cursor): Insertable<LedgerTables['ledger.cursors']> => ({
  source: cursor.source,
  lane: cursor.lane,
  height: String(cursor.height),
  block_hash: cursor.blockHash,
  verdict_hash: cursor.verdictHash,
  registry_size: String(cursor.registrySize),
  source_epoch: cursor.sourceEpoch,
  last_offset: String(cursor.lastOffset),
  next_offset: String(cursor.nextOffset),
})

/** All cursors, by `source/lane`. */
export async function readCursors(client: pg.ClientBase): Promise<Map<string, Cursor>> {
  const rows = await ledgerOf(client).selectFrom('ledger.cursors').selectAll().execute()
  return new Map(
    rows.map((row) => [
      `${row.source}/${row.lane}`,
      {
        source: row.source as Source,
        lane: row.lane,
        height: BigInt(row.height),
        blockHash: row.block_hash,
        verdictHash: row.verdict_hash,
        registrySize: Number(row.registry_size),
        sourceEpoch: row.source_epoch,
        lastOffset: BigInt(row.last_offset),
        nextOffset: BigInt(row.next_offset),
      },
    ]),
  )
}

/** The place in `chain` to go on from. */
export const positionOf = (cursor: Cursor): LanePosition => ({
  final: {
    height: cursor.height,
    hash: cursor.blockHash,
    verdictHash: cursor.verdictHash,
    registrySize: cursor.registrySize,
    sourceEpoch: cursor.sourceEpoch,
    lastOffset: cursor.lastOffset,
  },
  nextOffset: cursor.nextOffset,
})

export function chainCursor(lane: number, { final, nextOffset }: LanePosition): Cursor {
  const { height, hash, verdictHash, registrySize, sourceEpoch, lastOffset } = final
  return { source: 'chain', lane, height, blockHash: hash, verdictHash, registrySize, sourceEpoch, lastOffset, nextOffset }
}

/** A cursor of a log that is no chain of blocks: only how many, and where to go on. */
export const plainCursor = (source: Source, lane: number, height: bigint, nextOffset: bigint): Cursor => ({
  ...{ source, lane, height, nextOffset, registrySize: source === 'registry' ? Number(height) : 0 },
  ...{ blockHash: Buffer.alloc(0), verdictHash: Buffer.alloc(0), sourceEpoch: 0, lastOffset: -1n },
})

/** Makes an empty database that of this chain: its row, and a cursor for each log. Rejects with Error where it holds another. */
export async function adoptChain(client: pg.ClientBase, registry: RegistryState): Promise<void> {
  const ledger = ledgerOf(client)
  const { chainId, genesis, lanes } = registry
  const others = await ledger.selectFrom('ledger.chains').select('chain_id').execute()
  const other = others.find((row) => !row.chain_id.equals(chainId))
  if (other !== undefined)
    throw new Error(
      `this database holds chain ${hex(other.chain_id)} and the registry's is ${hex(chainId)}: name another database, or drop this one`,
    )
  const record = registry.store.eventBytes(0) ?? Buffer.alloc(0)
  const chain = { chain_id: chainId, network: storable(genesis.network), lanes, genesis: record }
  await ledger
    .insertInto('ledger.chains')
    .values(chain)
    .onConflict((conflict) => conflict.doNothing())
    .execute()
  const numbers = Array.from({ length: lanes }, (_, lane) => lane)
  const cursors = [
    ...numbers.map((lane) => chainCursor(lane, { final: laneGenesis(chainId, lane).final, nextOffset: 0n })),
    ...plainPartitions(lanes).map(({ source, lane }) => plainCursor(source, lane, 0n, 0n)),
    plainCursor('registry', 0, 0n, 0n),
  ]
  await ledger
    .insertInto('ledger.cursors')
    .values(cursors.map(columnsOf))
    .onConflict((conflict) => conflict.doNothing())
    .execute()
}

/** Sets a cursor, whatever stood there: for repairs alone. Audits that began to read the log before heal nothing there. */
export async function setCursor(client: pg.ClientBase, cursor: Cursor): Promise<void> {
  const columns = columnsOf(cursor)
  await ledgerOf(client)
    .insertInto('ledger.cursors')
    .values(columns)
    .onConflict((conflict) => conflict.columns(['source', 'lane']).doUpdateSet({ ...columns, read_since: now }))
    .execute()
}

/** The rows of these lanes are made again from now on, by the log as it is now. */
export async function beginAnew(client: pg.ClientBase, lanes: readonly number[]): Promise<void> {
  if (lanes.length === 0) return
  await ledgerOf(client)
    .updateTable('ledger.cursors')
    .set({ read_since: now })
    .where('source', '=', 'chain')
    .where('lane', 'in', lanes)
    .execute()
}

/** Moves a cursor from the height that it must have. `already`: it stands at `to`, so an earlier try of this same transaction was
 *  committed, though its answer was lost. Rejects with TransientError where it stands elsewhere: somebody else writes too. */
export async function moveCursor(client: pg.ClientBase, from: bigint, to: Cursor): Promise<'moved' | 'already'> {
  const ledger = ledgerOf(client)
  const [moved] = await ledger
    .updateTable('ledger.cursors')
    .set(columnsOf(to))
    .where('source', '=', to.source)
    .where('lane', '=', to.lane)
    .where('height', '=', String(from))
    .execute()
  if (moved?.numUpdatedRows === 1n) return 'moved'
  const found = (await readCursors(client)).get(`${to.source}/${to.lane}`)
  if (found?.height === to.height && found.blockHash.equals(to.blockHash)) return 'already'
  const where = found === undefined ? 'is missing' : `is at ${found.height}`
  throw new TransientError(
    `the cursor of ${to.source}, lane ${to.lane}, ${where} and was expected at ${from}: does another projector write here?`,
  )
}
