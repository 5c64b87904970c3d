import { current, openAttempt, proposers } from '../../../schemas/lane-candidates.js'
import { apply, type LaneRules, type LaneState, type Outcome } from '../../../schemas/lane-fold.js'
import { decodeChainRecord } from '../../../schemas/records.js'

/** One line of a lane's log in the vectors: a value as in the topic, its outcome, and all that the state says after it. */
export interface LogLine {
  readonly offset: bigint
  readonly name: string
  readonly value: Buffer | null
  readonly outcome: Outcome['kind'] | 'no-record'
  readonly reason?: string
  readonly state?: object
}

export function foldValue(before: LaneState, rules: LaneRules, line: Pick<LogLine, 'offset' | 'name' | 'value'>) {
  const record = decodeChainRecord(line.value)
  if (record === undefined) return { state: before, line: { ...line, outcome: 'no-record' } satisfies LogLine }
  const { state, outcome } = apply(before, record, rules)
  const reason = outcome.kind === 'skipped' ? { reason: outcome.reason } : {}
  return { state, line: { ...line, outcome: outcome.kind, ...reason, state: shown(state, rules) } satisfies LogLine }
}

function shown(state: LaneState, rules: LaneRules): object {
  const set = rules.authoritiesAt(state.final.registrySize)
  const candidates = state.candidates.map(({ hash, isVoid, ballots }) => {
    const votes = [...ballots].map(([authority, { vote }]) => {
      const { judgement } = vote.vote
      return judgement.kind === 'accept' ? { authority, accept: judgement.verdictHash } : { authority, reject: judgement.fault }
    })
    return { hash, isVoid, votes: votes.sort((a, b) => (a.authority < b.authority ? -1 : 1)) }
  })
  const toVoteOn = current(state, set)?.hash ?? null
  const order = proposers(state, set, rules.chainId)
  return { final: state.final, candidates, openAttempt: openAttempt(state, set), current: toVoteOn, order }
}
