/** Which vote an authority casts on a candidate, from what it checked, what it said before, and how long the lane has waited. Pure. */
import type { BlockFault } from '../schemas/faults.js'
import type { Check } from './check.js'

export type Said = 'nothing' | 'reject' | 'accept'
export type Ballot = { kind: 'accept' } | { kind: 'reject'; fault: BlockFault; detail: string } | { kind: 'wait' }

export interface Attestation {
  readonly check: Check
  /** What this authority has said of the candidate, in the log or on its way there. */
  readonly said: Exclude<Said, 'accept'>
  /** How long the candidate has been known, milliseconds. */
  readonly waitedMillis: number
  /** How long what is not seen may still come, milliseconds. */
  readonly patienceMillis: number
  /** Candidates wait and nothing becomes final: timing is no ground any more. */
  readonly isStuck: boolean
}

const WAIT: Ballot = { kind: 'wait' }

/** An accept is for good, and nothing comes after it; a reject is said once, and taken back as soon as the block can be accepted. */
export function attest({ check, said, waitedMillis, patienceMillis, isStuck }: Attestation): Ballot {
  if (check.kind === 'right' || (check.kind === 'timing' && isStuck)) return { kind: 'accept' }
  if (said === 'reject' || (check.kind === 'unseen' && waitedMillis < patienceMillis)) return WAIT
  return { kind: 'reject', fault: check.fault, detail: check.detail }
}
