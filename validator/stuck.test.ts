import { expect, test } from '@jest/globals'
import { TestLane } from '../infra/testing/lane.js'
import type { ChainRecord } from '../schemas/records.js'
import { toVoteOn } from './stuck.js'

const lane = new TestLane([1, 1, 1, 1])
const { start, set } = lane
const { final } = start
const stateOf = (records: readonly ChainRecord[]) => lane.fold(records).state

test('one candidate is to be voted on; where the lane is stuck also those that others may find eligible, some of each proposer', () => {
  const flood = Array.from({ length: 20 }, (_, index) => lane.block(final, { proposer: 'd', sealedAt: index }))
  const [one, ahead] = [lane.block(final, { proposer: 'a' }), lane.block(final, { proposer: 'a', attempt: 3 })]
  const state = stateOf([...flood, ahead, one])
  const heads = (stuck: boolean) => toVoteOn(state, set, stuck).map(({ header }) => header)
  expect(heads(false)).toEqual([flood[0]?.header])
  expect(heads(true)).toEqual([flood[0], one, ...flood.slice(1, 17), ahead].map((each) => each?.header))
  expect(toVoteOn(start, set, false)).toEqual([])
})
