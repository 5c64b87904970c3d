import { expect, test } from '@jest/globals'
import type { ChainRecord } from '../../schemas/records.js'
import { TestLane } from '../testing/lane.js'
import { isStuck, repeatDue, toRepeat } from './repeats.js'

const lane = new TestLane([1, 1, 1, 1])
const { start, set } = lane
const { final } = start
const stateOf = (records: readonly ChainRecord[]) => lane.fold(records).state
const rejects = (block: ReturnType<typeof lane.block>) => ['b', 'c'].map((who) => lane.reject(block, who))
const headerOf = (records: readonly ChainRecord[]) => toRepeat(stateOf(records), set)?.header

test('a lane is stuck after ten wiggles without a final block', () => {
  expect([isStuck(5_000, 500), isStuck(5_001, 500)]).toEqual([false, true])
})

test('authorities append again one after the other, each ever more seldom', () => {
  expect([0, 1, 2, 3].map((place) => repeatDue(0, place, 500))).toEqual([5_000, 5_500, 6_000, 6_500])
  expect([0, 1, 2, 5, 6, 7, 8].map((repeats) => repeatDue(repeats, 0, 500) / 5_000)).toEqual([1, 2, 4, 32, 64, 96, 128])
})

test('what is appended again is the candidate to be voted on; where all are void, the first that was; where none was, the first', () => {
  const [one, two] = [lane.block(final, { proposer: 'a' }), lane.block(final, { proposer: 'b' })]
  const ahead = lane.block(final, { proposer: 'c', attempt: 5 })
  expect(toRepeat(start, set)).toBeUndefined()
  expect(headerOf([one, two])).toEqual(one.header)
  expect(headerOf([one, two, ...rejects(one)])).toEqual(two.header)
  expect(headerOf([ahead, one, two, ...rejects(one), ...rejects(two)])).toEqual(one.header)
  expect(headerOf([ahead])).toEqual(ahead.header)
})
