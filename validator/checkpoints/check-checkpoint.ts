/** Whether a checkpoint's leaves are the final blocks that this authority sees. Pure. */
import { isSameLeaf, type LaneTips, leavesOf } from '../../schemas/checkpoint/log.js'
import type { Block } from '../../schemas/records.js'
import type { Check } from '../check.js'

/** A lane as it is seen here. */
export interface SeenLanes {
  /** Of the newest final block. */
  height(lane: number): bigint
  /** Undefined where it is not kept. */
  final(lane: number, height: bigint): { readonly block: Buffer; readonly verdict: Buffer } | undefined
}

/** Undefined: right. */
export function checkLeaves(block: Block, tips: LaneTips, lanes: number, seen: SeenLanes): Check | undefined {
  const found = leavesOf(block, tips, lanes)
  if (!found.ok) return { kind: 'wrong', fault: 'wrong-entries', detail: found.fault }
  let unseen: Check | undefined
  for (const leaf of found.leaves) {
    const { lane, height } = leaf
    const mine = seen.final(lane, height)
    if (mine !== undefined && isSameLeaf(leaf, mine)) continue
    if (mine !== undefined || height <= seen.height(lane)) {
      return {
        kind: 'wrong',
        fault: 'wrong-entries',
        detail: `lane ${lane}: block ${height} is final here with another hash or verdict`,
      }
    }
    unseen ??= { kind: 'unseen', fault: 'records-not-seen', detail: `lane ${lane}: block ${height} is not final here` }
  }
  return unseen
}
