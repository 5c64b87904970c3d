/** When and what an authority appends again where candidates wait and nothing becomes final: somebody may lack what it has. Pure. */
import type { AuthoritySet } from '../../schemas/consensus/turns.js'
import { eligible } from '../../schemas/lane-candidates.js'
import type { Candidate, LaneState } from '../../schemas/lane-fold.js'

/** A lane is stuck when nothing became final for as many times the wiggle while candidates wait. */
const STUCK_WIGGLES = 10
/** Each wait for another repeat is twice as long as the one before, up to this power of two. */
const LONGEST_DOUBLING = 6

export const isStuck = (waitedMillis: number, wiggleMillis: number): boolean => waitedMillis > STUCK_WIGGLES * wiggleMillis

/** How long a lane has waited, milliseconds, when the authority of this place among the others appends for the next time what it has
 *  appended `repeats` times: not all at once, and ever more seldom, for it mends nothing while too few authorities run. */
export function repeatDue(repeats: number, place: number, wiggleMillis: number): number {
  const doubled = 2 ** Math.min(repeats, LONGEST_DOUBLING)
  const rounds = doubled + Math.max(0, repeats - LONGEST_DOUBLING) * 2 ** (LONGEST_DOUBLING - 1)
  return (STUCK_WIGGLES * rounds + place) * wiggleMillis
}

/** An authority's place among those who decide; -1: it is none of them. */
export const placeOf = ({ authorities }: AuthoritySet, me: string): number => authorities.findIndex(({ id }) => id === me)

/** The candidate whose block and votes are appended again: the one to be voted on; where all are void, the first that was. */
export function toRepeat(state: LaneState, set: AuthoritySet): Candidate | undefined {
  const chosen = eligible(state, set)
  return chosen.find((each) => !each.isVoid) ?? chosen[0] ?? state.candidates[0]
}
