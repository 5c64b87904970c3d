/** The chainer's core: whether it is time to seal, and what. No clock, no I/O: what it needs comes in. */

import type { PendingRecord as Pending } from '../infra/chain/lane-feeds.js'
import { waitMillis } from '../schemas/consensus/timing.js'
import type { AuthoritySet } from '../schemas/consensus/turns.js'
import type { Hash } from '../schemas/hash.js'
import { turnOf } from '../schemas/lane-candidates.js'
import type { FinalBlock, LaneState } from '../schemas/lane-fold.js'
import { leafHash, merkleRoot } from '../schemas/merkle.js'
import type { Header } from '../schemas/records.js'

export interface SealPolicy {
  /** A block is cut when its first record is this old, milliseconds, … */
  readonly ageMillis: number
  /** … or when it holds this many entries, … */
  readonly maxEntries: number
  /** … or this many bytes. */
  readonly maxBytes: number
  readonly wiggleMillis: number
}

export interface Moment {
  readonly me: string
  readonly chainId: Hash
  readonly now: number
  /** When the newest final block became final in the log, milliseconds; 0: before we came. */
  readonly parentAt: number
  /** When a candidate at this height last went void in the log, milliseconds (0: none is): those behind wait their turn from then
   *  on, else all would seal at once. */
  readonly voidAt: number
  /** When the registry's governance changed since the final block's state, milliseconds (0: before we came): then an empty block is
   *  due. Undefined: it did not. */
  readonly changedAt: number | undefined
}

export type SealDecision =
  /** Nothing to do until something new is read. */
  | { kind: 'rest' }
  /** Look again then, milliseconds of the clock that gave `now`. */
  | { kind: 'wait'; until: number }
  | { kind: 'seal'; count: number; attempt: number }

/** Decides for one lane. `pending` are the records after the final block's last offset, in order. */
export function decideSeal(
  state: LaneState,
  set: AuthoritySet,
  pending: readonly Pending[],
  policy: SealPolicy,
  moment: Moment,
): SealDecision {
  const turn = turnOf(moment.me, state, set, moment.chainId)
  if (turn === undefined) return { kind: 'rest' }
  const { rank, attempt } = turn
  const first = pending[0]
  if (first === undefined && moment.changedAt === undefined) return { kind: 'rest' }
  const since = Math.max(moment.parentAt, moment.voidAt, first?.timestamp ?? moment.changedAt ?? 0)
  const due = since + waitMillis(rank, attempt, policy.wiggleMillis)
  const { count, full } = cut(pending, policy)
  const ripe =
    full || first === undefined || state.candidates.length > 0 ? due : Math.max(due, first.timestamp + policy.ageMillis)
  return moment.now >= ripe ? { kind: 'seal', count, attempt } : { kind: 'wait', until: ripe }
}

/** How many of the pending records fit into a block, and whether it is full. At least one is taken, whatever its size. */
export function cut(pending: readonly Pending[], policy: SealPolicy): { count: number; full: boolean } {
  let entries = 0
  let bytes = 0
  for (const [index, record] of pending.entries()) {
    entries += record.entries.length
    bytes += record.bytes
    if (index > 0 && (entries > policy.maxEntries || bytes > policy.maxBytes)) return { count: index, full: true }
  }
  return { count: pending.length, full: entries >= policy.maxEntries || bytes >= policy.maxBytes }
}

export interface Draft {
  readonly header: Header
  readonly entries: readonly Buffer[]
}

/** The block of `records`, which are the first of the pending ones (none: an empty block). */
export function draft(
  lane: number,
  final: FinalBlock,
  records: readonly Pending[],
  stamp: {
    registrySize: number
    registryRoot: Hash
    sourceEpoch: number
    sealedAt: number
    proposer: string
    attempt: number
  },
): Draft {
  const entries = records.flatMap((record) => record.entries)
  const firstOffset = stamp.sourceEpoch === final.sourceEpoch ? final.lastOffset + 1n : 0n
  const header: Header = {
    lane,
    height: final.height + 1n,
    previous: final.hash,
    root: merkleRoot(entries.map(leafHash)),
    count: entries.length,
    firstOffset,
    lastOffset: records.at(-1)?.offset ?? firstOffset - 1n,
    ...stamp,
  }
  return { header, entries }
}
