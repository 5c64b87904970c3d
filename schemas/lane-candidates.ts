/** Which of a lane's candidates is to be voted on, and who may seal the next: decided by the fold's state alone, for voters and
 *  proposers alike. */
import { type AuthoritySet, isQuorum, totalWeight, turnOrder } from './consensus/turns.js'
import type { Hash } from './hash.js'
import type { Candidate, LaneState } from './lane-fold.js'

/** The attempt that is open: one more than the last of which proposers of more than 2/3 of the weight have void candidates. */
export function openAttempt(state: LaneState, set: AuthoritySet): number {
  const total = totalWeight(set)
  const weights = new Map(set.authorities.map((each) => [each.id, each.weight]))
  for (let attempt = 0; ; attempt++) {
    const failed = new Set(
      state.candidates.filter((each) => each.isVoid && each.header.attempt === attempt).map((each) => each.header.proposer),
    )
    const weight = [...failed].reduce((sum, id) => sum + (weights.get(id) ?? 0), 0)
    if (!isQuorum(weight, total)) return attempt
  }
}

/** In the order of the log, the first candidate of each proposer in each attempt that is open: nobody can flood a lane. */
export function eligible(state: LaneState, set: AuthoritySet): Candidate[] {
  const open = openAttempt(state, set)
  const seen = new Set<string>()
  return state.candidates.filter(({ header }) => {
    const slot = `${header.attempt} ${header.proposer}`
    if (header.attempt > open || seen.has(slot)) return false
    seen.add(slot)
    return true
  })
}

/** The candidate to be voted on. */
export function current(state: LaneState, set: AuthoritySet): Candidate | undefined {
  return eligible(state, set).find((each) => !each.isVoid)
}

/** The order of turns at the next height; whose candidate went void goes to the end. */
export function proposers(state: LaneState, set: AuthoritySet, chainId: Hash): string[] {
  const failed = new Set(state.candidates.filter((each) => each.isVoid).map((each) => each.header.proposer))
  const order = turnOrder(set, { chainId, lane: state.lane, height: state.final.height + 1n })
  return [...order.filter((id) => !failed.has(id)), ...order.filter((id) => failed.has(id))]
}

/** Which attempt an authority may seal next, and how many come before it; undefined where it is not to seal: a candidate is to be voted
 *  on, it has sealed in this attempt, or it is not in the order. */
export function turnOf(
  me: string,
  state: LaneState,
  set: AuthoritySet,
  chainId: Hash,
): { readonly rank: number; readonly attempt: number } | undefined {
  if (current(state, set) !== undefined) return undefined
  const attempt = openAttempt(state, set)
  const hasSealed = state.candidates.some(({ header }) => header.proposer === me && header.attempt === attempt)
  const rank = proposers(state, set, chainId).indexOf(me)
  return hasSealed || rank < 0 ? undefined : { rank, attempt }
}
