/** Compares what stands in the tables with the log, row by row, by the same pure core that made them. It changes nothing. */

import pg, { type ClientBase } from 'pg'
import { type LaneRecord, laneRules } from '../infra/chain/lane-reader.js'
import type { VerifierKey } from '../schemas/checkpoint/note.js'
import { BugError } from '../schemas/errors.js'
import type { LaneRules } from '../schemas/lane-fold.js'
import type { RegistryState } from '../schemas/registry/state.js'
import { type ChainAudit, channelsPart, type LaneEnd, laneParts, outsidePart } from './audit/chain.js'
import { CheckpointAudit } from './audit/checkpoints.js'
import type { Difference } from './audit/compare.js'
import { Comparison } from './audit/comparison.js'
import { chainCursorPart, otherCursorsPart, plainCursorPart, registryCursorPart } from './audit/cursor-parts.js'
import type { Cursors, Part } from './audit/part.js'
import { type PlainLog, plainCursorOf, plainOutsidePart, plainParts } from './audit/plain.js'
import { referencesPart } from './audit/references.js'
import { registryParts, registrySize } from './audit/registry.js'
import { type PlainSource, plainPartitions, readCursors } from './cursors.js'
import { readUnfilled } from './projections/unfilled.js'
import { storable } from './rows/storable.js'
import { CHAINS } from './rows/tables.js'

/** The logs that an audit reads. */
export interface LogSource {
  /** A lane of `chain` from its first record. */
  chain(lane: number): AsyncIterable<LaneRecord>
  /** What is kept of a plain topic. */
  plain(source: PlainSource, partition: number): Promise<PlainLog>
}

export interface AuditProgress {
  readonly rowsCompared: number
  readonly differences: number
  /** Blocks compared, and blocks that the database says it holds. */
  readonly blocks: bigint
  readonly blocksInAll: bigint
}

export interface AuditOptions {
  readonly source: LogSource
  /** Folded to the end of its topic. */
  readonly registry: RegistryState
  readonly verify: LaneRules['verify']
  /** Whose cosignatures of checkpoints are in the tables. Default: nobody's. */
  readonly witnesses?: readonly VerifierKey[]
  /** A role that reads schemas ledger and store. */
  readonly databaseUrl: string
  /** Differences that are named; all are counted. Default: 100. */
  readonly limit?: number
  onProgress?(progress: AuditProgress): void
  /** Awaited for each part that is not as it must be. */
  onDifferent?(part: Part): Promise<void>
}

export interface AuditResult {
  readonly rowsCompared: number
  readonly differences: readonly Difference[]
  readonly differenceCount: number
  /** Tables that wait for a replay (`projector/projections/`), and were not looked at. */
  readonly unfilled: readonly string[]
}

/** The tables are read in one snapshot, up to the heights of the cursors in it, so the projector may go on meanwhile. */
export async function audit(options: AuditOptions): Promise<AuditResult> {
  const client = new pg.Client({ connectionString: options.databaseUrl })
  // without a listener a lost connection would end the process; the query under way rejects too
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query(`SET TIME ZONE 'UTC'; SET bytea_output = 'hex'`)
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    const comparison = new Comparison(client, options.limit ?? 100)
    const cursors = await readCursors(client)
    const shared = { now: () => databaseTime(client), onBlocks: progressOf(options, comparison, cursors) }
    for await (const part of auditParts({ ...options, ...shared }, cursors)) {
      const before = comparison.differenceCount
      await part.compare(comparison, cursors)
      if (comparison.differenceCount > before) await options.onDifferent?.(part)
    }
    const { rowsCompared, differences, differenceCount } = comparison
    const unfilled = [...(await readUnfilled(client))]
    return { rowsCompared, differences, differenceCount, unfilled }
  } finally {
    await client.end()
  }
}

export interface PartsOptions extends Pick<AuditOptions, 'source' | 'registry' | 'verify' | 'witnesses'> {
  /** PostgreSQL’s clock (`databaseTime`). */
  now(): Promise<string>
  readonly windowEntries?: number
  readonly sliceRows?: number
  onBlocks(lane: number, height: bigint): void
  /** Whether topic checkpoints holds all that the tables hold of it. Default: nobody asks. */
  isRestored?(): Promise<boolean>
}

/** All parts of the tables, up to `cursors`, one after the other: the logs are read as they are asked for. */
export async function* auditParts(options: PartsOptions, cursors: Cursors): AsyncGenerator<Part> {
  const { registry, source, verify, now, witnesses = [] } = options
  const chain: Omit<ChainAudit, 'readSince'> = { ...options, channels: new Map() }
  yield chainRowPart(registry)
  yield registryCursorPart(registry)
  yield* registryParts(registry, registrySize(registry, cursors))
  const rules = laneRules(registry, verify)
  const ends: LaneEnd[] = []
  for (let lane = 0; lane < registry.lanes; lane++) {
    const cursorHeight = cursors.get(`chain/${lane}`)?.height ?? 0n
    const readSince = await now()
    const { position } = yield* laneParts({ ...chain, readSince }, lane, source.chain(lane), cursorHeight)
    ends.push({ rules, position, cursorHeight, readSince })
  }
  for (const [lane, end] of ends.entries()) yield chainCursorPart(lane, end)
  yield outsidePart(ends)
  yield channelsPart(chain, ends)
  for (const place of plainPartitions(registry.lanes)) {
    yield plainCursorPart(place)
    const { nextOffset } = plainCursorOf(cursors, place)
    const derived = place.source === 'checkpoints' ? new CheckpointAudit({ registry, verify, witnesses }) : undefined
    const readSince = await now()
    const log = { ...(await source.plain(place.source, place.lane)), readSince }
    yield* plainParts(place, log, nextOffset, derived, options.isRestored)
  }
  yield plainOutsidePart(registry.lanes)
  yield otherCursorsPart(registry.lanes)
  yield referencesPart
}

/** PostgreSQL’s clock, to the microsecond. */
export async function databaseTime(client: ClientBase): Promise<string> {
  const { rows } = await client.query<{ now: string }>('SELECT clock_timestamp()::text AS now')
  const [row] = rows
  if (row === undefined) throw new BugError('PostgreSQL does not say what time it is')
  return row.now
}

const chainRowPart = ({ chainId, genesis, lanes, store }: RegistryState): Part => ({
  lane: -1,
  subject: 'the chain that the tables hold',
  compare: (comparison) =>
    comparison.compare(CHAINS, [[chainId, storable(genesis.network), lanes, store.eventBytes(0) ?? Buffer.alloc(0)]], 'true'),
})

function progressOf({ onProgress }: AuditOptions, comparison: Comparison, cursors: Cursors): PartsOptions['onBlocks'] {
  const chains = [...cursors.values()].filter((each) => each.source === 'chain')
  const blocksInAll = chains.reduce((sum, each) => sum + each.height, 0n)
  const reached = new Map<number, bigint>()
  return (lane, height) => {
    reached.set(lane, height)
    const blocks = [...reached.values()].reduce((sum, each) => sum + each, 0n)
    onProgress?.({ rowsCompared: comparison.rowsCompared, differences: comparison.differenceCount, blocks, blocksInAll })
  }
}
