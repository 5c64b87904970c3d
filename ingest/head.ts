/** A meter's head: how far its chain counts in final blocks, as a fold of their counted entries. What counts was decided by the
 *  verdict, which binds: where the fold would say otherwise (a head that was lost or altered), the head follows the verdict. */
import { leafHash } from '../schemas/merkle.js'
import { advance, applyReset, type MeterState, type Reset } from '../schemas/meter-chain.js'
import { decodeSignedReading, type NotCounted } from '../schemas/records.js'

export interface Range {
  /** First and last sequence, both included. */
  readonly from: number
  readonly to: number
}

export interface HeadSources {
  /** A meter's head before the block. */
  head(meter: string): MeterState
  /** Its latest reset as of the block's registry size. */
  reset(meter: string): Reset | undefined
}

export class HeadFold {
  /** Heads that the block changed. */
  readonly changed = new Map<string, MeterState>()
  /** Counted entries that the heads before did not let expect. */
  differing = 0

  constructor(private readonly sources: HeadSources) {}

  /** Takes one counted entry of the block, in order. */
  take(entry: Buffer): void {
    const signed = decodeSignedReading(entry)
    if (signed === undefined) {
      this.differing++
      return
    }
    const { meter, sequence, previous } = signed.reading
    const before = this.changed.get(meter) ?? this.sources.head(meter)
    const state = applyReset(before, this.sources.reset(meter))
    const leaf = leafHash(entry)
    const step = advance(state, sequence, previous, leaf)
    if (!step.ok) this.differing++
    this.changed.set(meter, step.ok ? step.state : overruled(state, sequence, leaf))
  }
}

function overruled(state: MeterState, sequence: number, hash: Buffer): MeterState {
  if (sequence >= state.sequence) return { ...state, sequence, hash }
  return { ...state, gaps: state.gaps.filter((gap) => sequence < gap.from || sequence > gap.to) }
}

/** The entries of a block that count, in order. */
export function countedEntries(entries: readonly Buffer[], notCounted: readonly NotCounted[]): Buffer[] {
  const skipped = new Set(notCounted.map((each) => each.entry))
  return entries.filter((_entry, index) => !skipped.has(index))
}

/** Of `asked`, what does not count yet: within an open gap, or above the head. Rising, without overlaps. */
export function stillMissing(state: MeterState, asked: readonly Range[]): Range[] {
  const missing: Range[] = [...state.gaps, { from: state.sequence + 1, to: Number.MAX_SAFE_INTEGER }]
  const parts = asked.flatMap((range) =>
    missing.map((hole) => ({ from: Math.max(range.from, hole.from), to: Math.min(range.to, hole.to) })),
  )
  return mergeRanges(parts.filter((part) => part.from <= part.to))
}

/** The same sequences in rising ranges that neither overlap nor touch. */
export function mergeRanges(ranges: readonly Range[]): Range[] {
  const merged: Range[] = []
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = merged.at(-1)
    if (last === undefined || range.from > last.to + 1) merged.push({ from: range.from, to: range.to })
    else merged[merged.length - 1] = { from: last.from, to: Math.max(last.to, range.to) }
  }
  return merged
}
