import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cases } from '../testing/thorough.js'
import { percentile, spreadOf } from './percentile.js'

describe('the nearest-rank percentile', () => {
  test.each([
    [50, 20],
    [30, 20],
    [40, 20],
    [41, 35],
    [100, 50],
    [0, 15],
  ])('%d %% of 15, 20, 35, 40, 50 (and the order does not matter)', (percent, value) => {
    expect(percentile(percent === 50 ? [20, 15, 40] : [35, 20, 15, 50, 40], percent)).toBe(value)
  })

  test('of nothing is nothing', () => {
    expect(spreadOf([])).toEqual({ p50: undefined, p99: undefined })
  })

  test('is a value that so many do not exceed, and fewer reach any smaller one', () => {
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 1 }), fc.integer({ min: 1, max: 100 }), (values, percent) => {
        const found = percentile(values, percent) ?? Number.NaN
        const needed = (percent / 100) * values.length
        expect(values).toContain(found)
        expect(values.filter((value) => value <= found).length).toBeGreaterThanOrEqual(needed)
        expect(values.filter((value) => value < found).length).toBeLessThan(needed)
      }),
      cases(100),
    )
  })
})
