// Proofs of entries of a chain in memory, made from its log as a replica would.

import type { EntryProof } from '../../schemas/proof-format.js'
import { type ProofSources, proveEntry } from '../../schemas/prove-entry.js'
import { type Finalized, LaneReader, laneRules } from '../chain/lane-reader.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import type { TestChain } from './chain.js'

const read = new WeakMap<TestChain, Map<number, { end: number; finals: Finalized[] }>>()

/** Final blocks of a lane, from height 1. */
export function finalsOf(chain: TestChain, lane: number): Finalized[] {
  const lanes = read.get(chain) ?? new Map()
  read.set(chain, lanes)
  const log = chain.log.records('chain', lane)
  const known = lanes.get(lane)
  if (known?.end === log.length) return known.finals
  const reader = new LaneReader(lane, laneRules(chain.registry.state, sodiumSignatures.verify), undefined)
  const finals = log.flatMap((record) => reader.take(record).finalized ?? [])
  lanes.set(lane, { end: log.length, finals })
  return finals
}

function finalAt(chain: TestChain, lane: number, height: bigint): Finalized {
  const found = finalsOf(chain, lane)[Number(height) - 1]
  if (found === undefined) throw new Error(`lane ${lane} has no height ${height}`)
  return found
}

export const proofOf = (chain: TestChain, lane: number, height: bigint, entry: number): EntryProof =>
  proveEntry(sourcesOf(chain, lane, height), entry)

/** What a replica holds of a final block. */
export function sourcesOf(chain: TestChain, lane: number, height: bigint): ProofSources {
  const block = finalAt(chain, lane, height)
  const before = height === 1n ? undefined : finalAt(chain, lane, height - 1n)
  const parent = before && { header: before.block.headerBytes, verdictHash: before.verdictHash }
  return { registry: chain.registry.state, block: block.blockBytes, parent, votes: block.votes.map(({ bytes }) => bytes) }
}

export const entriesOf = (chain: TestChain, lane: number, height: bigint): readonly Buffer[] =>
  finalAt(chain, lane, height).block.entries
