/** Meter heads, kept up with the final blocks of the chain, as senders ask for them. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Finalized } from '../infra/chain/lane-reader.js'
import type { MeterStates } from '../infra/chain/meter-states.js'
import { hex } from '../schemas/bytes.js'
import { applyReset, type MeterState, type Reset } from '../schemas/meter-chain.js'
import { laneOf } from '../schemas/murmur2.js'
import { countedEntries, HeadFold, mergeRanges, type Range, stillMissing } from './head.js'
import type { ResendBook } from './resend.js'

/** What the heads need of the registry. */
export interface RegistryView {
  readonly size: number
  readonly lanes: number
  meterAt(meter: string, size: number): { readonly reset: Reset | undefined } | undefined
}

export interface HeadAnswer {
  readonly meter: string
  readonly lane: number
  /** Highest sequence that counts, and its leaf hash in hexadecimal; 0 and zeros before the first. */
  readonly sequence: number
  readonly hash: string
  readonly gaps: readonly Range[]
  /** What to send again: each open gap, and what was asked for above the head. */
  readonly resend: readonly Range[]
}

/** Entries folded in one go: 10 µs each, so that requests wait some 3 ms at most. */
const CHUNK = 256

/** How a meter stands: by the final blocks, and by the newest reset of the registry, though nothing came after that yet. */
export const headOf = (states: MeterStates, registry: RegistryView, meter: string): MeterState =>
  applyReset(states.get(meter), registry.meterAt(meter, registry.size)?.reset)

export class Heads {
  constructor(
    private readonly states: MeterStates,
    private readonly registry: RegistryView,
    private readonly book: ResendBook,
  ) {}

  /** Takes a final block in. Returns how many of its counted entries the heads did not let expect (0 unless a head was lost). */
  async apply(finalized: Finalized): Promise<number> {
    const { lane, header, hash, verdictHash, nextOffset } = finalized
    const fold = new HeadFold({
      head: (meter) => this.states.get(meter),
      reset: (meter) => this.registry.meterAt(meter, header.registrySize)?.reset,
    })
    const entries = countedEntries(finalized.block.entries, finalized.notCounted)
    for (let at = 0; at < entries.length; at += CHUNK) {
      for (const entry of entries.slice(at, at + CHUNK)) fold.take(entry)
      if (at + CHUNK < entries.length) await nextTurn()
    }
    const { height, registrySize, sourceEpoch, lastOffset } = header
    const final = { height, hash, verdictHash, registrySize, sourceEpoch, lastOffset }
    this.states.commit(lane, { final, nextOffset }, fold.changed)
    this.book.trim(fold.changed)
    return fold.differing
  }

  /** A meter's head as of the final blocks and the registry's newest resets; undefined where it is not enrolled. */
  answer(meter: string): HeadAnswer | undefined {
    const { registry } = this
    if (registry.meterAt(meter, registry.size) === undefined) return undefined
    const state = headOf(this.states, registry, meter)
    const gaps = state.gaps.map(({ from, to }) => ({ from, to }))
    const resend = mergeRanges([...gaps, ...stillMissing(state, this.book.askedOf(meter))])
    return { meter, lane: laneOf(meter, registry.lanes), sequence: state.sequence, hash: hex(state.hash), gaps, resend }
  }
}
