import { describe, expect, test } from '@jest/globals'
import { isThorough } from '../../infra/testing/thorough.js'
import { sha256 } from '../hash.js'
import { LIMITS } from '../limits.js'
import { isEarly, LONGEST_WAIT_MILLIS, waitMillis } from './timing.js'
import { type AuthoritySet, isQuorum, totalWeight, turnOrder } from './turns.js'

const chainId = sha256(Buffer.from('chain'))
const set = (consensus: 'poa' | 'pos', weights: readonly number[]): AuthoritySet => ({
  consensus,
  authorities: weights.map((weight, index) => ({ id: String.fromCharCode(97 + index), weight })),
  hash: sha256(Buffer.from('governance')),
})
const turn = (lane: number, height: number) => ({ chainId, lane, height: BigInt(height) })

describe('more than two thirds', () => {
  test('is none of 2 of 3, and 3 of 4', () => {
    const cases = [
      [0, 1],
      [1, 1],
      [1, 2],
      [2, 2],
      [2, 3],
      [3, 3],
      [2, 4],
      [3, 4],
      [4, 6],
      [5, 6],
      [4, 7],
      [5, 7],
    ] as const
    expect(cases.filter(([weight, total]) => isQuorum(weight, total))).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
      [3, 4],
      [5, 6],
      [5, 7],
    ])
  })

  test('is exact for the largest weights', () => {
    const total = LIMITS.totalWeight - 1 // divisible by 3
    expect(isQuorum((total / 3) * 2, total)).toBe(false)
    expect(isQuorum((total / 3) * 2 + 1, total)).toBe(true)
    expect(totalWeight(set('pos', [1, 2, 0, 4]))).toBe(7)
  })
})

describe('proof of authority', () => {
  test('is in turn by (lane + height) modulo the number of those with weight', () => {
    const four = set('poa', [1, 1, 1, 1])
    expect([0, 1, 2, 3, 4].map((height) => turnOrder(four, turn(0, height)).join(''))).toEqual([
      'abcd',
      'bcda',
      'cdab',
      'dabc',
      'abcd',
    ])
    expect(turnOrder(four, turn(3, 6)).join('')).toBe('bcda')
    expect(turnOrder(set('poa', [1, 0, 1]), turn(0, 3)).join('')).toBe('ca')
    expect(turnOrder(set('poa', [0]), turn(0, 3))).toEqual([])
  })

  test('is exact for heights beyond 2^53', () => {
    expect(turnOrder(set('poa', [1, 1, 1]), { chainId, lane: 1, height: 2n ** 62n }).join('')).toBe('cab')
  })
})

describe('proof of stake', () => {
  test('draws by lane, height, chain and governance, and by nothing else', () => {
    const five = set('pos', [5, 4, 3, 2, 1])
    const orders = (of: AuthoritySet, lane: number, id = chainId) =>
      Array.from({ length: 64 }, (_, height) => turnOrder(of, { chainId: id, lane, height: BigInt(height) }).join('')).join()
    expect(orders(five, 1)).toBe(orders(set('pos', [5, 4, 3, 2, 1]), 1))
    const others = [
      orders(five, 2),
      orders({ ...five, hash: sha256() }, 1),
      orders(five, 1, sha256()),
      orders(set('pos', [1, 2, 3, 4, 5]), 1),
    ]
    expect(new Set([orders(five, 1), ...others]).size).toBe(5)
  })

  test('leaves out whoever has no stake, and needs nobody', () => {
    for (let height = 0; height < 50; height++)
      expect(turnOrder(set('pos', [3, 0, 2]), turn(0, height)).sort()).toEqual(['a', 'c'])
    expect(turnOrder(set('pos', [0]), turn(0, 1))).toEqual([])
    expect(turnOrder(set('pos', []), turn(0, 1))).toEqual([])
  })

  const heights = isThorough ? 100_000 : 10_000
  test(`gives turns in proportion to stake: over ${heights} heights chi-square is within its 99.9 % bound`, () => {
    const weights = [1, 2, 3, 10, 84]
    const stakes = set('pos', weights)
    const counts = new Map<string, number>()
    for (let height = 0; height < heights; height++) {
      const [first = ''] = turnOrder(stakes, turn(5, height))
      counts.set(first, (counts.get(first) ?? 0) + 1)
    }
    const chiSquare = stakes.authorities.reduce((sum, { id, weight }) => {
      const wanted = (heights * weight) / 100
      return sum + ((counts.get(id) ?? 0) - wanted) ** 2 / wanted
    }, 0)
    // 4 degrees of freedom
    expect(chiSquare).toBeLessThan(18.47)
  })
})

describe('waits', () => {
  test('grow with rank and attempt, up to the longest', () => {
    expect([waitMillis(0, 0, 500), waitMillis(2, 0, 500), waitMillis(2, 3, 500)]).toEqual([0, 1000, 2500])
    expect(waitMillis(60, 1, 500)).toBe(LONGEST_WAIT_MILLIS)
  })

  test('are broken by a block before half of them', () => {
    expect([isEarly(499, 2, 0, 500), isEarly(500, 2, 0, 500), isEarly(0, 0, 0, 500), isEarly(-1, 0, 0, 500)]).toEqual([
      true,
      false,
      false,
      true,
    ])
  })
})
