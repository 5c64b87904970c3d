import { expect, test } from '@jest/globals'
import { countVerifications } from './verify-rate.js'

test('the calibration counts real checks: 30 µs to 10 ms each on any machine that this runs on', () => {
  const rate = countVerifications(100)
  expect(rate).toBeGreaterThan(100)
  expect(rate).toBeLessThan(100_000)
})
