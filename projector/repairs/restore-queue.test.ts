import { expect, test } from '@jest/globals'
import { type Ground, RestoreQueue } from './restore-queue.js'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const ground = (from: number, changes: Partial<Ground> = {}): Ground => ({
  ...{ id: `restore/chain/0/records-lost/${from}`, topic: 'chain', lane: 0, fault: 'records-lost', at: 0, isOwn: false },
  ...changes,
})

test('what is missed in one moment is one restore, a second later, and the registry comes first', () => {
  const queue = new RestoreQueue()
  queue.note(ground(1), 0)
  queue.note(ground(2), 900)
  queue.note(ground(3, { id: 'restore/registry/0/records-damaged/3', topic: 'registry', lane: -1 }), 950)
  expect(queue.next(999)).toBeUndefined()
  expect(queue.next(1_000, 500)).toBeUndefined()
  expect(queue.next(1_500, 500)).toBe('chain')
  expect(queue.next(1_950)).toBe('registry')
  expect(queue.take('registry')).toHaveLength(1)
  expect(queue.take('chain').map(({ id }) => id)).toEqual([ground(1).id, ground(2).id])
  expect(queue.next(MINUTE)).toBeUndefined()
})

test('others cannot have a topic compared again and again: each time in vain the pause is twice as long; own sight waits for nothing', () => {
  const queue = new RestoreQueue()
  const pauses: number[] = []
  let now = 0
  for (let i = 0; i < 8; i++) {
    const asked = now
    for (queue.note(ground(i), now); queue.next(now) === undefined; ) now += SECOND
    pauses.push((now - asked) / SECOND)
    queue.take('chain')
    queue.ended('chain', now, 10, true)
  }
  expect(pauses).toEqual([1, 60, 120, 240, 480, 960, 1_920, 3_600])
  queue.note(ground(9), now)
  expect(queue.next(now + MINUTE)).toBeUndefined()
  queue.note(ground(10, { isOwn: true }), now)
  expect(queue.next(now + SECOND)).toBe('chain')
  expect(queue.take('chain')).toHaveLength(2)
  queue.ended('chain', now, 30 * SECOND, false)
  queue.note(ground(11), now)
  expect(queue.next(now + 299 * SECOND)).toBeUndefined()
  expect(queue.next(now + 300 * SECOND)).toBe('chain')
})

test('what others say is bounded, and what they say has ended is not looked at; what was seen here is', () => {
  const queue = new RestoreQueue()
  for (let i = 0; i < 1_000; i++) queue.note(ground(i), 0)
  queue.note(ground(2_000, { isOwn: true }), 0)
  queue.note(ground(2_000), 0)
  for (let i = 0; i < 1_000; i++) queue.settled(ground(i).id)
  queue.settled(ground(2_000).id)
  expect(queue.take('chain')).toEqual([ground(2_000, { isOwn: true })])
})

test('a restore that was cut off is tried again after a while, for the same grounds', () => {
  const queue = new RestoreQueue()
  queue.note(ground(1), 0)
  const taken = queue.take('chain')
  queue.cutOff(taken, 0)
  expect(queue.next(5 * SECOND)).toBeUndefined()
  expect(queue.next(6 * SECOND)).toBe('chain')
  expect(queue.take('chain')).toEqual(taken)
})
