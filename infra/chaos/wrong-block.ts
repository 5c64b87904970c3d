/** Blocks as a false authority could seal them with its own key: each wrong in one way, right in all others. Pure. */

import type { BlockFault } from '../../schemas/faults.js'
import { type Hash, sha256 } from '../../schemas/hash.js'
import type { FinalBlock, SkipReason } from '../../schemas/lane-fold.js'
import { LIMITS } from '../../schemas/limits.js'
import { leafHash, merkleRoot } from '../../schemas/merkle.js'
import type { Header } from '../../schemas/records.js'
import type { PendingRecord } from '../chain/lane-feeds.js'

/** What becomes of a wrong block: no reader takes it as a candidate, or the others vote against it. */
export type Fate = { readonly skipped: SkipReason } | { readonly rejected: BlockFault }

export const WRONGS = {
  'bad-root': { skipped: 'bad-root' },
  'bad-link': { skipped: 'other-parent' },
  'skipped-offsets': { skipped: 'offsets-do-not-follow' },
  'invented-entry': { rejected: 'wrong-entries' },
  'omitted-entry': { rejected: 'wrong-entries' },
  'altered-entry': { rejected: 'wrong-entries' },
  'unknown-registry-state': { rejected: 'registry-not-reached' },
  'other-registry-state': { rejected: 'registry-root' },
  'stale-registry-state': { rejected: 'registry-stale' },
  'future-date': { rejected: 'future-date' },
  'too-early': { rejected: 'early' },
  oversized: { rejected: 'oversized' },
} as const satisfies Readonly<Record<string, Fate>>
export type Wrong = keyof typeof WRONGS
export const WRONG_KINDS = Object.keys(WRONGS) as Wrong[]

export interface Ground {
  readonly lane: number
  readonly final: FinalBlock
  /** Records after the final block, of which the block would be made; some. */
  readonly pending: readonly PendingRecord[]
  readonly registrySize: number
  rootAt(size: number): Hash | undefined
  readonly proposer: Header['proposer']
  readonly now: number
}

export interface WrongBlock {
  readonly header: Header
  readonly entries: readonly Buffer[]
}

const AHEAD_MILLIS = 10 * LIMITS.sealedAheadMillis
const UNKNOWN_EVENTS = 7

/** The block; its entries are those of the pending records unless it is they that are wrong. */
export function wrongBlock(how: Wrong, ground: Ground): WrongBlock {
  const { final, pending, registrySize } = ground
  const entries = wrongEntries(
    how,
    pending.flatMap((record) => [...record.entries]),
  )
  const named = how === 'stale-registry-state' ? final.registrySize : registrySize
  const registryRoot = ground.rootAt(named)
  if (registryRoot === undefined) throw new RangeError(`the registry has no root at size ${named}`)
  const header: Header = {
    ...{ lane: ground.lane, height: final.height + 1n, previous: final.hash, attempt: 0, proposer: ground.proposer },
    ...{ root: merkleRoot(entries.map(leafHash)), count: entries.length, sealedAt: ground.now },
    ...{ sourceEpoch: final.sourceEpoch, firstOffset: final.lastOffset + 1n },
    ...{ lastOffset: pending.at(-1)?.offset ?? final.lastOffset, registrySize: named, registryRoot },
  }
  return { header: { ...header, ...wrongHeader(how, header) }, entries }
}

function wrongEntries(how: Wrong, entries: Buffer[]): Buffer[] {
  if (how === 'invented-entry') return [...entries, Buffer.from('never sent')]
  if (how === 'omitted-entry') return entries.slice(1)
  if (how === 'altered-entry') return [Buffer.concat([entries[0] ?? Buffer.alloc(0), Buffer.from([0])]), ...entries.slice(1)]
  if (how === 'oversized') return Array.from({ length: LIMITS.entriesPerBlock + 1 }, () => Buffer.from('x'))
  return entries
}

function wrongHeader(how: Wrong, { root, firstOffset, lastOffset, registrySize, sealedAt }: Header): Partial<Header> {
  const other = sha256(root)
  if (how === 'bad-root') return { root: other }
  if (how === 'bad-link') return { previous: other }
  if (how === 'skipped-offsets') return { firstOffset: firstOffset + 1n, lastOffset: lastOffset + 1n }
  if (how === 'unknown-registry-state') return { registrySize: registrySize + UNKNOWN_EVENTS }
  if (how === 'other-registry-state') return { registryRoot: other }
  if (how === 'future-date') return { sealedAt: sealedAt + AHEAD_MILLIS }
  return {}
}
