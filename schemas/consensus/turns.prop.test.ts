import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cases } from '../../infra/testing/thorough.js'
import { LIMITS } from '../limits.js'
import { isQuorum, totalWeight, turnOrder } from './turns.js'

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes))
const sets = fc.record({
  consensus: fc.constantFrom('poa' as const, 'pos' as const),
  authorities: fc
    .array(fc.oneof(fc.nat(3), fc.nat(LIMITS.totalWeight / 100)), { maxLength: 20 })
    .map((weights) => weights.map((weight, index) => ({ id: `id-${String(index).padStart(2, '0')}`, weight }))),
  hash: bytes32,
})
const turns = fc.record({
  chainId: bytes32,
  lane: fc.nat(LIMITS.lanes - 1),
  height: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }),
})

test('everybody with weight has just one place in the order, and it is the same on every machine', () => {
  fc.assert(
    fc.property(sets, turns, (set, turn) => {
      const order = turnOrder(set, turn)
      const members = set.authorities.filter(({ weight }) => weight > 0).map(({ id }) => id)
      expect([...order].sort()).toEqual(members)
      expect(turnOrder({ ...set, authorities: [...set.authorities], hash: Buffer.from(set.hash) }, { ...turn })).toEqual(order)
    }),
    cases(100),
  )
})

test('with proof of authority, of any n heights in a row each is in turn once', () => {
  fc.assert(
    fc.property(sets, turns, (set, turn) => {
      const members = set.authorities.filter(({ weight }) => weight > 0)
      const first = members.map(
        (_, k) => turnOrder({ ...set, consensus: 'poa' }, { ...turn, height: turn.height / 2n + BigInt(k) })[0],
      )
      expect(new Set(first).size).toBe(members.length)
    }),
    cases(100),
  )
})

test('two sets of more than two thirds share more than a third of the weight', () => {
  fc.assert(
    fc.property(
      sets,
      fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
      fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
      (set, a, b) => {
        const total = totalWeight(set)
        const weigh = (isIn: (index: number) => boolean | undefined) =>
          set.authorities.reduce((sum, { weight }, index) => sum + (isIn(index) ? weight : 0), 0)
        fc.pre(
          isQuorum(
            weigh((i) => a[i]),
            total,
          ) &&
            isQuorum(
              weigh((i) => b[i]),
              total,
            ),
        )
        expect(3 * weigh((i) => a[i] && b[i])).toBeGreaterThan(total)
      },
    ),
    cases(30),
  )
})
