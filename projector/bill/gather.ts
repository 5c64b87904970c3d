/** What the tables hold of a bill's proof, in one snapshot: raw blocks and events, up to a checkpoint. */

import type { Signatures } from '../../schemas/ed25519.js'
import { ZERO_HASH } from '../../schemas/hash.js'
import { inclusionProof, leafHash, type MemoryNodeStore, treeOf } from '../../schemas/merkle.js'
import { ReplicaFault } from '../../schemas/prove-entry.js'
import { readEntry } from '../../schemas/reading.js'
import { type Block, decodeChainRecord, decodeRegistryEvent, type NotCounted } from '../../schemas/records.js'
import { MemoryRegistryStore } from '../../schemas/registry/memory-store.js'
import { RegistryState } from '../../schemas/registry/state.js'
import { type Window, windowOf } from '../../schemas/tariff/bill-window.js'
import { Places } from '../../schemas/tariff/places.js'
import type { HeldBill, HeldBlock, HeldReading } from '../../schemas/tariff/prove-bill.js'
import { type CheckpointFacts, heldOf, latestCheckpoint, leafOf, nodesFor } from '../query/checkpoint-lookups.js'
import { headerOf, recordOf, votesOf } from '../query/lookups.js'
import type { RowSource } from '../query/row-source.js'

/** Locked for the snapshot. */
export const BILL_TABLES = [
  ...[
    'analytics.intervals',
    'analytics.registers',
    'analytics.bill_lines',
    'ledger.registry_events',
    'ledger.blocks',
    'ledger.votes',
  ],
  ...['store.meters', 'store.assignments', 'store.past_assignments', 'store.readings', 'store.tariffs'],
  ...['store.checkpoints', 'store.checkpoint_leaves', 'store.checkpoint_nodes', 'store.checkpoint_signatures'],
]

export interface GatherOptions {
  readonly source: RowSource
  readonly signatures: Signatures
  readonly point: string
  readonly month: string
  readonly onProgress: (what: string, done: number, total: number) => void
  /** All events of the registry are shown where they are no more than this; else those that have to do with the bill. */
  readonly wholeEvents?: number
}

const WHOLE_EVENTS = 2_000
const WHOLE_BYTES = 4 * 1024 * 1024

/** Throws Error where nothing can be proved now, with the reason; ReplicaFault where the tables do not belong together. */
export async function gatherBill(options: GatherOptions): Promise<HeldBill> {
  const { source, point, month } = options
  const checkpoint = await latestCheckpoint(source)
  if (checkpoint === undefined)
    throw new Error(
      'no checkpoint is signed yet: nothing can be proved before the first, which authorities make seconds after a block',
    )
  const registry = await foldRegistry(options)
  const blocks = new CoveredBlocks(source, checkpoint)
  const anchor = await anchorOf(source, checkpoint, blocks)
  const size = anchor.registrySize
  const found = await metersAt(options, registry, size)
  const window = windowOf(month)
  const wanted: ReadingPlace[][] = []
  for (const meter of found) wanted.push(await placesOf(source, meter, window))
  const readings = await readPlaces(options, wanted, blocks)
  const meters = found.map(({ meter }, at) => ({ meter, readings: readings[at] ?? [] }))
  const nodes = await nodesFor(source, (store) => {
    for (const { index } of blocks.all) inclusionProof(store, index, checkpoint.size)
  })
  const events = await eventsOf(options, registry, meters, size)
  return { point, month, registry, checkpoint: heldOf(checkpoint), nodes, anchor, events, meters }
}

/** What to tell where nothing was found as of `named` registry events, and the tables hold `all`. Empty where there are no newer ones. */
export const newerEvents = (named: number, all: number): string =>
  named === all
    ? ''
    : `; blocks that the checkpoint covers name ${named} of ${all} registry events: a newer one, such as a plan just published, counts in proofs once a checkpoint covers a block that names it, and the next reading brings that block`

async function foldRegistry({ source, signatures, onProgress }: GatherOptions): Promise<RegistryState> {
  const state = new RegistryState(new MemoryRegistryStore(), signatures)
  const [count] = await source.rows<{ events: number }>('SELECT count(*)::float8 AS events FROM ledger.registry_events')
  for (;;) {
    const page = await source.rows<{ record: Buffer }>(
      'SELECT record FROM ledger.registry_events WHERE event_index >= $1 ORDER BY event_index LIMIT 20',
      [state.size],
    )
    for (const { record } of page) {
      const applied = state.apply(decodeRegistryEvent(record))
      if (!applied.counted) throw new ReplicaFault(`registry event ${state.size} does not count: ${applied.reason}`)
    }
    if (page.length === 0) return state
    onProgress('registry events', state.size, count?.events ?? 0)
  }
}

interface Place {
  readonly lane: number
  readonly height: number
}
const keyOf = ({ lane, height }: Place): string => `${lane}/${height}`

class CoveredBlocks {
  readonly #held = new Map<string, HeldBlock>()

  constructor(
    private readonly source: RowSource,
    private readonly checkpoint: CheckpointFacts,
  ) {}

  get all(): readonly HeldBlock[] {
    return [...this.#held.values()]
  }

  /** The block itself is kept by nobody: it may have 4 MiB. */
  async read(place: Place): Promise<{ held: HeldBlock; block: Block }> {
    const { lane, height } = place
    const record = await recordOf(this.source, lane, height)
    const block = record && decodeChainRecord(record)
    if (block?.kind !== 'block') throw new ReplicaFault(`block ${height} of lane ${lane} is not held`)
    const held = this.#held.get(keyOf(place)) ?? (await this.#hold(place, block))
    this.#held.set(keyOf(place), held)
    return { held, block }
  }

  async #hold({ lane, height }: Place, { headerBytes, header }: Block): Promise<HeldBlock> {
    const leaf = await leafOf(this.source, lane, height)
    if (leaf === undefined || leaf.index >= this.checkpoint.size)
      throw new Error(
        `block ${height} of lane ${lane}, which the bill depends on, is in no signed checkpoint yet: try again in some seconds`,
      )
    const parent = height > 1 ? await headerOf(this.source, lane, height - 1) : { verdictHash: ZERO_HASH }
    if (parent === undefined) throw new ReplicaFault(`block ${height - 1} of lane ${lane} is not held`)
    return {
      ...{ header: headerBytes, registrySize: header.registrySize, parentVerdict: parent.verdictHash },
      ...{ notCounted: await verdictOf(this.source, lane, height), index: leaf.index },
    }
  }
}

async function verdictOf(source: RowSource, lane: number, height: number): Promise<readonly NotCounted[]> {
  const [vote] = await votesOf(source, lane, height)
  const decoded = vote && decodeChainRecord(vote)
  if (decoded?.kind !== 'vote' || decoded.vote.judgement.kind !== 'accept')
    throw new ReplicaFault(`the votes for block ${height} of lane ${lane} are not held`)
  return decoded.vote.judgement.notCounted
}

async function anchorOf(source: RowSource, { size }: CheckpointFacts, blocks: CoveredBlocks): Promise<HeldBlock> {
  const [place] = await source.rows<Place>(
    `SELECT b.lane, b.height::float8 AS height FROM ledger.blocks b
       JOIN (SELECT lane, max(height) AS height FROM store.checkpoint_leaves WHERE place < $1 GROUP BY lane) c USING (lane, height)
      ORDER BY b.registry_size DESC, b.lane LIMIT 1`,
    [size],
  )
  if (place === undefined) throw new ReplicaFault('no block that the checkpoint covers is held')
  return (await blocks.read(place)).held
}

interface MeterAt {
  readonly meter: string
  readonly number: number
  /** Whether it was at the usage point in the window. */
  readonly isHere: boolean
}

async function metersAt({ source, point, month }: GatherOptions, registry: RegistryState, size: number): Promise<MeterAt[]> {
  const known = await source.rows<{ meter: string; number: number }>(
    `SELECT m.meter, m.number FROM store.meters m
      WHERE m.number IN (SELECT meter FROM store.assignments WHERE usage_point = $1
                         UNION SELECT meter FROM store.past_assignments WHERE usage_point = $1)
      ORDER BY m.meter COLLATE "C"`,
    [point],
  )
  const { from, to } = windowOf(month)
  const meters = known.flatMap(({ meter, number }): MeterAt[] => {
    const assignments = (registry.meterAt(meter, size)?.assignments ?? []).map(({ since, ...rest }) => {
      return { index: since - 1, meter, ...rest }
    })
    if (!assignments.some(({ usagePoint }) => usagePoint.id === point)) return []
    const { periods } = new Places({ documents: [], assignments, readings: new Map() }, point)
    return [{ meter, number, isHere: periods.some((period) => period.from < to && period.to > from) }]
  })
  if (meters.length === 0)
    throw new Error(
      `no meter was ever at usage point ${point} (of the registry that the checkpoint vouches for)${newerEvents(size, registry.size)}`,
    )
  return meters
}

interface ReadingPlace extends Place {
  readonly meter: number
  readonly sequence: number
  readonly entry: number
}

/** From the first to the last reading with a value that stands now and is about the month: intervals of a year at most that reach into
 *  the window, registers in it, and the first of each register after it. */
async function placesOf(source: RowSource, { meter, number, isHere }: MeterAt, { from, to }: Window): Promise<ReadingPlace[]> {
  if (!isHere) return []
  return source.rows<ReadingPlace>(
    `SELECT r.meter, r.sequence::float8 AS sequence, r.lane, r.height::float8 AS height, r.entry FROM store.readings r
       JOIN (SELECT min(sequence) AS first, max(sequence) AS last FROM (
               SELECT sequence FROM analytics.intervals
                WHERE meter = $1 AND interval_start < to_timestamp($4) AND interval_end > to_timestamp($3)
                  AND interval_start >= to_timestamp($3) - interval '366 days'
               UNION ALL
               SELECT sequence FROM analytics.registers
                WHERE meter = $1 AND read_at >= to_timestamp($3) AND read_at < to_timestamp($4)
               UNION ALL
               (SELECT DISTINCT ON (obis) sequence FROM analytics.registers
                 WHERE meter = $1 AND read_at >= to_timestamp($4) ORDER BY obis, read_at)) held) s
         ON r.sequence BETWEEN s.first AND s.last
      WHERE r.meter = $2 ORDER BY r.sequence`,
    [meter, number, from, to],
  )
}

/** Block after block, so that no more than one is in memory. */
async function readPlaces(
  { onProgress }: GatherOptions,
  wanted: readonly (readonly ReadingPlace[])[],
  blocks: CoveredBlocks,
): Promise<HeldReading[][]> {
  const byBlock = new Map<string, ReadingPlace[]>()
  for (const place of wanted.flat()) {
    const key = keyOf(place)
    byBlock.set(key, [...(byBlock.get(key) ?? []), place])
  }
  const read = new Map<ReadingPlace, HeldReading>()
  let done = 0
  for (const places of byBlock.values()) {
    const [first] = places
    if (first === undefined) continue
    const { held, block } = await blocks.read(first)
    const tree = treeOf(block.entries.map(leafHash))
    for (const place of places) read.set(place, readingAt(place, held, block, tree))
    onProgress('blocks', ++done, byBlock.size)
  }
  return wanted.map((places) => places.flatMap((place) => read.get(place) ?? []))
}

function readingAt({ entry, lane, height }: ReadingPlace, held: HeldBlock, block: Block, tree: MemoryNodeStore): HeldReading {
  const bytes = block.entries[entry]
  const signed = bytes && readEntry(bytes)
  if (bytes === undefined || !signed?.ok)
    throw new ReplicaFault(`entry ${entry} of block ${height} of lane ${lane} is no reading`)
  const path = inclusionProof(tree, entry, block.entries.length)
  // a copy: the block is let go
  return { reading: signed.signed.reading, bytes: Buffer.from(bytes), block: held, entry, path }
}

async function eventsOf(
  { source, wholeEvents = WHOLE_EVENTS }: GatherOptions,
  registry: RegistryState,
  meters: HeldBill['meters'],
  size: number,
): Promise<number[]> {
  if (size <= wholeEvents) {
    const all = Array.from({ length: size }, (_, index) => index)
    const bytes = all.reduce((sum, index) => sum + (registry.eventAt(index)?.bodyBytes.length ?? 0), 0)
    if (bytes <= WHOLE_BYTES) return all
  }
  const records = meters.flatMap(({ meter }) => registry.store.meter(meter) ?? [])
  const facts = records.flatMap(({ keys, assignments, enrolledSince }) => [
    ...[{ since: enrolledSince }, ...keys, ...assignments].map(({ since }) => since - 1),
  ])
  const names = records.flatMap(({ assignments }) => assignments.flatMap(({ usagePoint: { plan, zone } }) => [plan, zone]))
  const tariffs = await source.rows<{ index: number }>(
    'SELECT event_index::float8 AS index FROM store.tariffs WHERE plan = ANY ($1)',
    [names],
  )
  const events = new Set([...facts, ...tariffs.map(({ index }) => index)].filter((index) => index < size))
  return [...events].sort((a, b) => a - b)
}
