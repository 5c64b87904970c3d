import { expect, test } from '@jest/globals'
import { EventTimes } from './event-times.js'

test('a size is outgrown when its event comes', () => {
  const times = new EventTimes(5, 1_000)
  expect(times.outgrownAt(5)).toBeUndefined()
  expect(times.outgrownAt(7)).toBeUndefined()
  times.note(5, 2_000)
  times.note(6, 3_000)
  expect(times.outgrownAt(5)).toBe(2_000)
  expect(times.outgrownAt(6)).toBe(3_000)
  expect(times.outgrownAt(7)).toBeUndefined()
})

test('what came before we did was outgrown when we came', () => {
  expect(new EventTimes(5, 1_000).outgrownAt(4)).toBe(1_000)
})

test('beyond those that are kept, the newest of the forgotten bounds them all', () => {
  const times = new EventTimes(0, 0, 3)
  for (let index = 0; index < 10; index++) times.note(index, 100 * (index + 1))
  expect([6, 7, 8, 9].map((size) => times.outgrownAt(size))).toEqual([700, 800, 900, 1_000])
  expect([0, 5].map((size) => times.outgrownAt(size))).toEqual([700, 700])
  expect(times.outgrownAt(10)).toBeUndefined()
})
