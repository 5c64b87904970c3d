/** Whether a candidate's content is what this authority sees, apart from its entries' verdict. Pure. */
import type { PendingRecord } from '../infra/chain/lane-feeds.js'
import { equalBytes } from '../schemas/bytes.js'
import { isEarly } from '../schemas/consensus/timing.js'
import type { AuthoritySet } from '../schemas/consensus/turns.js'
import type { BlockFault } from '../schemas/faults.js'
import type { Hash } from '../schemas/hash.js'
import { proposers } from '../schemas/lane-candidates.js'
import type { LaneState } from '../schemas/lane-fold.js'
import { LIMITS } from '../schemas/limits.js'
import type { Block, Header } from '../schemas/records.js'

export type Check =
  | { kind: 'right' }
  /** Cannot be told yet: accepted as soon as it can, rejected after a time. */
  | { kind: 'unseen'; fault: BlockFault; detail: string }
  /** A ground only while the lane moves. */
  | { kind: 'timing'; fault: BlockFault; detail: string }
  | { kind: 'wrong'; fault: BlockFault; detail: string }

export interface Sight {
  /** Records of `readings` after the final block, in order, read up to `readingsNext`. */
  readonly pending: readonly PendingRecord[]
  readonly readingsNext: bigint
  readonly registrySize: number
  rootAt(size: number): Hash | undefined
  /** Source epoch of the pending records. */
  readonly sourceEpoch: number
  /** The lane's source epoch in the registry at that size. */
  sourceEpochAt(size: number): number
  /** Since when, milliseconds, the registry is larger than `size`; undefined where it is not. */
  outgrownAt(size: number): number | undefined
  /** When the parent became final, milliseconds; 0: not known. */
  readonly parentAt: number
  /** The proposer's place in the order of turns: see `rankOf`. */
  readonly rank: number
  readonly now: number
  /** Append time of the candidate, milliseconds. */
  readonly appendedAt: number
}

export interface CheckPolicy {
  readonly wiggleMillis: number
  /** How long after an event a block may still name the registry state before it, milliseconds. */
  readonly staleMillis: number
}

/** The best place that a proposer has had at this height: whose candidates went void goes to the end, and those behind it move up. */
export function rankOf(proposer: string, state: LaneState, set: AuthoritySet, chainId: Hash): number {
  const first = proposers({ ...state, candidates: [] }, set, chainId).indexOf(proposer)
  return Math.min(first, proposers(state, set, chainId).indexOf(proposer))
}

const wrong = (fault: BlockFault, detail: string): Check => ({ kind: 'wrong', fault, detail })
const unseen = (fault: BlockFault, detail: string): Check => ({ kind: 'unseen', fault, detail })
const timing = (fault: BlockFault, detail: string): Check => ({ kind: 'timing', fault, detail })

/** Checks a candidate whose seal, link and root the fold has checked. `checkContent`: that its entries are what they must be. */
export function checkCandidate(
  block: Block,
  blockBytes: number,
  sight: Sight,
  policy: CheckPolicy,
  checkContent: (block: Block, sight: Sight) => Check | undefined = checkEntries,
): Check {
  const { header } = block
  if (blockBytes > LIMITS.blockBytes || header.count > LIMITS.entriesPerBlock) {
    return wrong('oversized', `${blockBytes} bytes, ${header.count} entries`)
  }
  return checkRegistry(header, sight) ?? checkContent(block, sight) ?? checkTiming(header, sight, policy) ?? { kind: 'right' }
}

function checkRegistry(header: Header, sight: Sight): Check | undefined {
  if (header.registrySize > sight.registrySize) {
    return unseen('registry-not-reached', `it names ${header.registrySize} events, ${sight.registrySize} are known here`)
  }
  const root = sight.rootAt(header.registrySize)
  if (root === undefined || !equalBytes(root, header.registryRoot))
    return wrong('registry-root', `at size ${header.registrySize}`)
  const epoch = sight.sourceEpochAt(header.registrySize)
  return header.sourceEpoch === epoch ? undefined : wrong('wrong-epoch', `${header.sourceEpoch}, the registry says ${epoch}`)
}

function checkEntries(block: Block, sight: Sight): Check | undefined {
  const { firstOffset, lastOffset, sourceEpoch } = block.header
  if (sourceEpoch !== sight.sourceEpoch && lastOffset >= firstOffset) {
    return unseen('records-not-seen', `it covers readings of source epoch ${sourceEpoch}, read here is ${sight.sourceEpoch}`)
  }
  if (lastOffset >= sight.readingsNext) {
    return unseen('records-not-seen', `it covers up to offset ${lastOffset}, read here is up to ${sight.readingsNext - 1n}`)
  }
  let at = 0
  for (const record of sight.pending) {
    if (record.offset < firstOffset) continue
    if (record.offset > lastOffset) break
    for (const entry of record.entries) {
      const claimed = block.entries[at]
      if (claimed === undefined || !equalBytes(claimed, entry)) {
        return wrong('wrong-entries', `entry ${at} is not the one at offset ${record.offset} of readings`)
      }
      at++
    }
  }
  return at === block.entries.length ? undefined : wrong('wrong-entries', `${block.entries.length} entries, readings holds ${at}`)
}

/** An empty block that begins a source epoch which the registry has left behind: it cannot name a newer state. */
function passesOver({ sourceEpoch, lastOffset }: Header, sight: Sight): boolean {
  return sourceEpoch > 0 && lastOffset < 0n && sight.sourceEpochAt(sight.registrySize) > sourceEpoch
}

function checkTiming(header: Header, sight: Sight, policy: CheckPolicy): Check | undefined {
  const ahead = header.sealedAt - sight.now
  if (ahead > LIMITS.sealedAheadMillis) return timing('future-date', `sealed ${ahead} ms ahead`)
  const outgrown = sight.outgrownAt(header.registrySize)
  // by the broker's clock: the proposer's own date could lie
  if (outgrown !== undefined && !passesOver(header, sight) && sight.appendedAt - outgrown > policy.staleMillis) {
    return timing('registry-stale', `an event had come ${sight.appendedAt - outgrown} ms before`)
  }
  const first = sight.pending.find(({ offset }) => offset >= header.firstOffset && offset <= header.lastOffset)
  const since = Math.max(sight.parentAt, first?.timestamp ?? 0)
  if (sight.parentAt > 0 && isEarly(sight.appendedAt - since, sight.rank, header.attempt, policy.wiggleMillis)) {
    return timing('early', `rank ${sight.rank}, attempt ${header.attempt}, ${sight.appendedAt - since} ms after its time began`)
  }
  return undefined
}
