/** The log over all lanes that checkpoints are the heads of. Its blocks are those of one more lane, under the same fold: each entry is
 *  the leaf of one final block, each lane's in the order of their heights, and the header's offsets are the leaves' places. */
import { equalBytes } from '../bytes.js'
import { LIMITS } from '../limits.js'
import { appendLeaf, leafHash, type NodeStore, rootAt } from '../merkle.js'
import { type Block, type CheckpointLeaf, decodeCheckpointLeaf } from '../records.js'
import type { TreeHead } from './note.js'

/** The lane of checkpoints: one after those of readings, so that no block or vote of one counts in the other. */
export const checkpointLane = (lanes: number): number => lanes

/** The newest leaf of each lane. */
export type LaneTips = ReadonlyMap<number, CheckpointLeaf>

export type Leaves = { readonly ok: true; readonly leaves: CheckpointLeaf[] } | { readonly ok: false; readonly fault: string }

/** The leaves of a checkpoint's block, where it holds just what may follow: canonical leaves of known lanes, by lane and then by
 *  height, each lane's from the one after its tip on; and the header's offsets say which places they take. */
export function leavesOf({ header, entries }: Block, tips: LaneTips, lanes: number): Leaves {
  const fault = (text: string): Leaves => ({ ok: false, fault: text })
  if (header.sourceEpoch !== 0) return fault(`source epoch ${header.sourceEpoch}, not 0`)
  if (entries.length === 0) return fault('no leaf')
  if (entries.length > LIMITS.entriesPerBlock) return fault(`${entries.length} leaves`)
  if (header.lastOffset - header.firstOffset + 1n !== BigInt(entries.length)) {
    return fault(`${entries.length} leaves in the places ${header.firstOffset} to ${header.lastOffset}`)
  }
  const leaves: CheckpointLeaf[] = []
  for (const [index, entry] of entries.entries()) {
    const leaf = decodeCheckpointLeaf(entry)
    if (leaf === undefined || leaf.lane < 0 || leaf.lane >= lanes) return fault(`entry ${index} is no leaf of a lane`)
    const before = leaves.at(-1)
    if (before !== undefined && leaf.lane < before.lane)
      return fault(`entry ${index} is of lane ${leaf.lane}, after ${before.lane}`)
    const tip = before?.lane === leaf.lane ? before : tips.get(leaf.lane)
    const due = (tip?.height ?? 0n) + 1n
    if (leaf.height !== due) return fault(`entry ${index}: lane ${leaf.lane} goes on at height ${due}, not ${leaf.height}`)
    leaves.push(leaf)
  }
  return { ok: true, leaves }
}

/** Grows with each final block of the checkpoints' lane. What a certificate made final binds, and no entry stops anybody: one that is
 *  no leaf of the lane's next height is in the tree, and moves no tip. */
export class CheckpointLog {
  #size: number
  readonly #tips: Map<number, CheckpointLeaf>

  constructor(
    readonly nodes: NodeStore,
    private readonly lanes: number,
    from: { readonly size: number; readonly tips: LaneTips } = { size: 0, tips: new Map() },
  ) {
    this.#size = from.size
    this.#tips = new Map(from.tips)
  }

  get size(): number {
    return this.#size
  }

  get tips(): LaneTips {
    return this.#tips
  }

  get head(): TreeHead {
    return { size: this.#size, root: rootAt(this.nodes, this.#size) }
  }

  /** Gives the head after the block's entries, and those leaves that moved a tip. */
  take(entries: readonly Buffer[]): { head: TreeHead; leaves: CheckpointLeaf[] } {
    const leaves: CheckpointLeaf[] = []
    for (const entry of entries) {
      this.#size = appendLeaf(this.nodes, this.#size, leafHash(entry))
      const leaf = decodeCheckpointLeaf(entry)
      if (leaf === undefined || leaf.lane < 0 || leaf.lane >= this.lanes) continue
      if (leaf.height !== (this.#tips.get(leaf.lane)?.height ?? 0n) + 1n) continue
      this.#tips.set(leaf.lane, leaf)
      leaves.push(leaf)
    }
    return { head: this.head, leaves }
  }
}

export const isSameLeaf = (a: Pick<CheckpointLeaf, 'block' | 'verdict'>, b: Pick<CheckpointLeaf, 'block' | 'verdict'>): boolean =>
  equalBytes(a.block, b.block) && equalBytes(a.verdict, b.verdict)
