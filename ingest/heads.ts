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
  /** The newest reset, as long as nothing after it counts: the head is the place before its first reading. Else null. */
  readonly reset: PendingReset | null
}

export interface PendingReset {
  /** The next reading's sequence and link. */
  readonly sequence: number
  readonly previous: string
  /** How far the meter's chain counts before the reset: so a device knows what of its own need not be told again. */
  readonly before: Pick<HeadAnswer, 'sequence' | 'hash' | 'gaps'>
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
    const facts = registry.meterAt(meter, registry.size)
    if (facts === undefined) return undefined
    const { reset } = facts
    const before = this.states.get(meter)
    const state = applyReset(before, reset)
    const place = placeOf(state)
    const resend = mergeRanges([...place.gaps, ...stillMissing(state, this.book.askedOf(meter))])
    return { meter, lane: laneOf(meter, registry.lanes), ...place, resend, reset: pendingReset(before, reset) }
  }
}

const placeOf = ({ sequence, hash, gaps }: MeterState) => ({
  sequence,
  hash: hex(hash),
  gaps: gaps.map(({ from, to }) => ({ from, to })),
})

/** A reset that lies within what counts already is none that anybody waits for. */
function pendingReset(before: MeterState, reset: Reset | undefined): PendingReset | null {
  if (reset === undefined || reset.since <= before.reset || reset.sequence <= before.sequence) return null
  return { sequence: reset.sequence, previous: hex(reset.previous), before: placeOf(before) }
}
