/** A meter's own chain: each counted reading takes its sequence and links to the one before. Readings after a gap count; a gap is
 *  filled from its lower border upward and must close on both links; beyond eight the oldest is given up. */
import { equalBytes } from './bytes.js'
import { type Hash, ZERO_HASH } from './hash.js'
import { LIMITS } from './limits.js'

export interface Gap {
  /** First and last missing sequence. */
  readonly from: number
  readonly to: number
  /** Leaf hash of the counted reading below it. */
  readonly lower: Hash
  /** What the counted reading above it names as its previous. */
  readonly upper: Hash
}

export interface MeterState {
  /** Highest counted sequence and its leaf hash; 0 and zeros before the first. */
  readonly sequence: number
  readonly hash: Hash
  /** Rising, at most eight. */
  readonly gaps: readonly Gap[]
  /** Registry size of the last reset that was applied. */
  readonly reset: number
}

export interface Reset {
  readonly sequence: number
  readonly previous: Hash
  readonly since: number
}

export const NEW_METER: MeterState = { sequence: 0, hash: ZERO_HASH, gaps: [], reset: 0 }

export type Step =
  | { ok: true; state: MeterState; opened?: Gap; closed?: Gap; givenUp?: Gap }
  | { ok: false; fault: 'sequence-taken' | 'broken-link' | 'out-of-order' }

/** A reset that the registry knows and the state does not: the meter goes on at its sequence. One that lies within what counts
 *  already changes nothing. */
export function applyReset(state: MeterState, reset: Reset | undefined): MeterState {
  if (reset === undefined || reset.since <= state.reset) return state
  if (reset.sequence <= state.sequence) return { ...state, reset: reset.since }
  return { sequence: reset.sequence - 1, hash: reset.previous, gaps: [], reset: reset.since }
}

/** Takes a reading whose signature holds into its meter's chain, or says why it cannot. `leaf` is its own hash. */
export function advance(state: MeterState, sequence: number, previous: Hash, leaf: Hash): Step {
  if (sequence > state.sequence + 1) return jump(state, sequence, previous, leaf)
  if (sequence <= state.sequence) return fill(state, sequence, previous, leaf)
  if (!equalBytes(previous, state.hash)) return { ok: false, fault: 'broken-link' }
  return { ok: true, state: { ...state, sequence, hash: leaf } }
}

function jump(state: MeterState, sequence: number, previous: Hash, leaf: Hash): Step {
  const opened: Gap = { from: state.sequence + 1, to: sequence - 1, lower: state.hash, upper: previous }
  const gaps = [...state.gaps, opened]
  const givenUp = gaps.length > LIMITS.gapsPerMeter ? gaps.shift() : undefined
  return { ok: true, state: { ...state, sequence, hash: leaf, gaps }, opened, ...(givenUp && { givenUp }) }
}

function fill(state: MeterState, sequence: number, previous: Hash, leaf: Hash): Step {
  const at = state.gaps.findIndex((gap) => gap.from <= sequence && sequence <= gap.to)
  const gap = state.gaps[at]
  if (gap === undefined) return { ok: false, fault: 'sequence-taken' }
  if (sequence !== gap.from) return { ok: false, fault: 'out-of-order' }
  if (!equalBytes(previous, gap.lower)) return { ok: false, fault: 'broken-link' }
  if (sequence < gap.to)
    return { ok: true, state: { ...state, gaps: state.gaps.with(at, { ...gap, from: sequence + 1, lower: leaf }) } }
  if (!equalBytes(leaf, gap.upper)) return { ok: false, fault: 'broken-link' }
  return { ok: true, state: { ...state, gaps: state.gaps.toSpliced(at, 1) }, closed: gap }
}
