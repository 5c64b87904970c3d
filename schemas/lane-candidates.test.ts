import { expect, test } from '@jest/globals'
import { type BlockRecord, TestLane } from '../infra/testing/lane.js'
import { hex } from './bytes.js'
import { current, eligible, openAttempt, proposers } from './lane-candidates.js'
import type { ChainRecord } from './records.js'

const lane = new TestLane([1, 1, 1, 1])
const { final } = lane.start
const block = (proposer: string, attempt = 0, sealedAt = 1) => lane.block(final, { proposer, attempt, sealedAt })
const voided = (one: BlockRecord): ChainRecord[] => [one, lane.reject(one, 'a'), lane.reject(one, 'b')]
const after = (...records: ChainRecord[]) => lane.fold(records).state
const ids = (state: ReturnType<typeof after>) =>
  eligible(state, lane.set).map(({ header }) => `${header.proposer}${header.attempt}/${header.sealedAt}`)

test('to be voted on is the first candidate in the order of the log', () => {
  const state = after(block('c'), block('a'), block('b'))
  expect(current(state, lane.set)?.header.proposer).toBe('c')
  expect(current(lane.start, lane.set)).toBeUndefined()
})

test('a void candidate gives way to the next, and its proposer goes to the end of the order', () => {
  const state = after(...voided(block('a')), block('b'))
  expect(current(state, lane.set)?.header.proposer).toBe('b')
  // (lane 3 + height 1) mod 4 = 0
  expect(proposers(lane.start, lane.set, lane.chainId)).toEqual(['a', 'b', 'c', 'd'])
  expect(proposers(state, lane.set, lane.chainId)).toEqual(['b', 'c', 'd', 'a'])
  expect(proposers(after(...voided(block('c')), ...voided(block('a'))), lane.set, lane.chainId)).toEqual(['b', 'd', 'a', 'c'])
})

test('nobody can flood: of each proposer only the first candidate of an attempt is looked at, void or not', () => {
  const state = after(...voided(block('a', 0, 1)), block('a', 0, 2), block('a', 0, 3), block('b', 0, 4), block('b', 0, 5))
  expect(ids(state)).toEqual(['a0/1', 'b0/4'])
  expect(current(state, lane.set)?.header.sealedAt).toBe(4)
})

test('an attempt opens when proposers of more than 2/3 of the weight have void candidates in the one before', () => {
  const two = [...voided(block('a')), ...voided(block('b'))]
  expect(openAttempt(after(...two), lane.set)).toBe(0)
  expect(ids(after(...two, block('a', 1)))).toEqual(['a0/1', 'b0/1'])
  expect(current(after(...two, block('a', 1)), lane.set)).toBeUndefined()
  const three = [...two, ...voided(block('c'))]
  const state = after(...three, block('a', 1), block('a', 2))
  expect(openAttempt(state, lane.set)).toBe(1)
  expect(current(state, lane.set)?.header).toMatchObject({ proposer: 'a', attempt: 1 })
  const more = after(...three, ...['a', 'b', 'd'].flatMap((who) => voided(block(who, 1))))
  expect(openAttempt(more, lane.set)).toBe(2)
})

test('a proposer counts once for an attempt, however many of its candidates are void', () => {
  const state = after(...voided(block('a', 0, 1)), ...voided(block('a', 0, 2)), ...voided(block('a', 0, 3)))
  expect(openAttempt(state, lane.set)).toBe(0)
})

test('an authority that has left since weighs nothing for attempts', () => {
  const state = after(...['a', 'b', 'c'].flatMap((who) => voided(block(who))))
  const fewer = { ...lane.set, authorities: lane.set.authorities.slice(2) }
  expect(openAttempt(state, fewer)).toBe(0)
})

test('all of it is decided by the log alone', () => {
  const records = [...voided(block('a')), block('b'), block('c'), lane.reject(block('c'), 'd')]
  const [one, two] = [after(...records), after(...records)]
  expect(current(one, lane.set)?.hash.toString('hex')).toBe(hex(current(two, lane.set)?.hash ?? Buffer.alloc(0)))
  expect(proposers(one, lane.set, lane.chainId)).toEqual(proposers(two, lane.set, lane.chainId))
})
