import { expect, test } from '@jest/globals'
import { Lru } from './lru.js'

test('what was used least recently goes first', () => {
  const lru = new Lru<string, number>(2)
  lru.set('a', 1)
  lru.set('b', 2)
  expect(lru.get('a')).toBe(1)
  lru.set('c', 3)
  expect([lru.get('a'), lru.get('b'), lru.get('c'), lru.size]).toEqual([1, undefined, 3, 2])
  lru.set('a', 4)
  lru.delete('c')
  expect([lru.get('a'), lru.get('c'), lru.size]).toEqual([4, undefined, 1])
  lru.clear()
  expect(lru.size).toBe(0)
})
