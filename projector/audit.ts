/** Compares what stands in the tables with the log, row by row, by the same pure core that made them. It changes nothing. */

import pg from 'pg'
import type { LaneRecord } from '../infra/chain/lane-reader.js'
import type { FinalBlock, LaneRules } from '../schemas/lane-fold.js'
import type { RegistryState } from '../schemas/registry/state.js'
import { auditLane, auditOutside, type ChainAudit } from './audit/chain.js'
import type { Difference } from './audit/compare.js'
import { Comparison } from './audit/comparison.js'
import { auditPlain, auditPlainOutside, type PlainLog } from './audit/plain.js'
import { auditReferences } from './audit/references.js'
import { auditRegistry } from './audit/registry.js'
import { type Cursor, plainCursor, readCursors } from './cursors.js'
import { storable } from './rows/storable.js'
import { CHAINS, CURSORS, type CursorRow } from './rows/tables.js'

/** The logs that an audit reads. */
export interface LogSource {
  /** A lane of `chain` from its first record. */
  chain(lane: number): AsyncIterable<LaneRecord>
  /** What is kept of `rejections` or `checkpoints`. */
  plain(source: 'rejections' | 'checkpoints', partition: number): Promise<PlainLog>
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
  /** A role that reads schemas ledger and store. */
  readonly databaseUrl: string
  /** Differences that are named; all are counted. Default: 100. */
  readonly limit?: number
  onProgress?(progress: AuditProgress): void
}

export interface AuditResult {
  readonly rowsCompared: number
  readonly differences: readonly Difference[]
  readonly differenceCount: number
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
    await compareAll(options, comparison, await readCursors(client))
    await auditReferences(comparison, client)
    const { rowsCompared, differences, differenceCount } = comparison
    return { rowsCompared, differences, differenceCount }
  } finally {
    await client.end()
  }
}

async function compareAll(options: AuditOptions, comparison: Comparison, cursors: ReadonlyMap<string, Cursor>): Promise<void> {
  const { registry, source } = options
  const heightOf = (key: string) => cursors.get(key)?.height ?? 0n
  const size = Math.min(Number(heightOf('registry/0')), registry.size)
  const expected: CursorRow[] = [['registry', 0, BigInt(size), Buffer.alloc(0), Buffer.alloc(0), size, 0, -1n]]
  await compareChainRow(comparison, registry)
  await auditRegistry(comparison, registry, size)
  const chain = chainAudit(options, comparison, cursors)
  const heights: bigint[] = []
  for (let lane = 0; lane < registry.lanes; lane++) {
    const final = await auditLane(chain, lane, source.chain(lane), heightOf(`chain/${lane}`))
    heights.push(final.height)
    expected.push(cursorRow(lane, final))
  }
  await auditOutside(chain, heights)
  const plain = plainCursors(registry.lanes, cursors)
  // how far these are is for the cursor alone to say: offsets have gaps, and the topics forget
  await comparison.compare(CURSORS, [...expected, ...plain.map(rowOfPlain)], 'true')
  for (const cursor of plain) await auditPlain(comparison, cursor, await source.plain(cursor.source, cursor.lane))
  await auditPlainOutside(comparison, registry.lanes)
}

type PlainCursor = Cursor & { readonly source: 'rejections' | 'checkpoints' }

/** The cursors that must be there; one that is missing has taken nothing. */
function plainCursors(lanes: number, cursors: ReadonlyMap<string, Cursor>): PlainCursor[] {
  const cursorOf = (source: 'rejections' | 'checkpoints', lane: number): PlainCursor => {
    const found = cursors.get(`${source}/${lane}`)
    return { ...plainCursor(source, lane, found?.height ?? 0n, found?.nextOffset ?? 0n), source }
  }
  return [...Array.from({ length: lanes }, (_, lane) => cursorOf('rejections', lane)), cursorOf('checkpoints', 0)]
}

const rowOfPlain = ({
  source,
  lane,
  height,
  blockHash,
  verdictHash,
  registrySize,
  sourceEpoch,
  lastOffset,
}: Cursor): CursorRow => [...([source, lane, height, blockHash, verdictHash, registrySize, sourceEpoch, lastOffset] as const)]

const compareChainRow = (comparison: Comparison, { chainId, genesis, lanes, store }: RegistryState) =>
  comparison.compare(CHAINS, [[chainId, storable(genesis.network), lanes, store.eventBytes(0) ?? Buffer.alloc(0)]], 'true')

const cursorRow = (lane: number, { height, hash, verdictHash, registrySize, sourceEpoch, lastOffset }: FinalBlock): CursorRow => [
  ...(['chain', lane, height, hash, verdictHash, registrySize, sourceEpoch, lastOffset] as const),
]

function chainAudit(
  { registry, verify, onProgress }: AuditOptions,
  comparison: Comparison,
  cursors: ReadonlyMap<string, Cursor>,
): ChainAudit {
  const chains = [...cursors.values()].filter((each) => each.source === 'chain')
  const blocksInAll = chains.reduce((sum, each) => sum + each.height, 0n)
  const reached = new Map<number, bigint>()
  const onBlocks = (lane: number, height: bigint) => {
    reached.set(lane, height)
    const blocks = [...reached.values()].reduce((sum, each) => sum + each, 0n)
    onProgress?.({ rowsCompared: comparison.rowsCompared, differences: comparison.differenceCount, blocks, blocksInAll })
  }
  return { comparison, registry, verify, channels: new Map(), onBlocks }
}
