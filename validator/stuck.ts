/** What a validator votes on. Pure. */
import type { AuthoritySet } from '../schemas/consensus/turns.js'
import { current, eligible } from '../schemas/lane-candidates.js'
import type { Candidate, LaneState } from '../schemas/lane-fold.js'

/** Candidates of one proposer that a stuck lane's voters look at: no flood makes them vote without end. */
const OF_ONE_PROPOSER = 16

/** What is to be voted on: one candidate; where the lane is stuck all that are eligible, and others too. For after a loss the order in
 *  which candidates came need not be the same in every reader, and with it what is eligible: then each would wait for a candidate on
 *  which the others do not vote. */
export function toVoteOn(state: LaneState, set: AuthoritySet, stuck: boolean): Candidate[] {
  const chosen = current(state, set)
  if (!stuck) return chosen === undefined ? [] : [chosen]
  const first = eligible(state, set)
  const others = state.candidates.filter((each) => !first.includes(each))
  const seen = new Map<string, number>()
  const some = others.filter(({ header: { proposer } }) => {
    const before = seen.get(proposer) ?? 0
    seen.set(proposer, before + 1)
    return before < OF_ONE_PROPOSER
  })
  return [...first, ...some]
}
