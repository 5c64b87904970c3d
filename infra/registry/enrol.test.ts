import { expect, test } from '@jest/globals'
import { testKeyPair, testMeter, testRegistry } from '../testing/registry.js'
import { enrolmentBatches, withoutKnown } from './enrol.js'

test('meters are cut up, in order, at 10,000 and at the bytes of an event', () => {
  const key = testKeyPair('m').publicKey
  const meters = Array.from({ length: 25_000 }, (_, index) => testMeter(`m${index}`, key))
  expect(enrolmentBatches(meters).map((batch) => batch.length)).toEqual([10_000, 10_000, 5_000])
  const small = enrolmentBatches(meters.slice(0, 100), 1_000)
  expect(small.flat()).toEqual(meters.slice(0, 100))
  expect(small.length).toBeGreaterThan(5)
  expect(enrolmentBatches(meters.slice(0, 2), 1).map((batch) => batch.length)).toEqual([1, 1])
  expect(enrolmentBatches([])).toEqual([])
})

test('known meters are passed over, and a second key for one is refused', () => {
  const { state } = testRegistry({ meters: 2 })
  const fresh = testMeter('x')
  expect(withoutKnown(state, [testMeter('meter-1'), fresh, fresh])).toEqual([fresh])
  const otherKey = testKeyPair('other').publicKey
  expect(() => withoutKnown(state, [testMeter('meter-1', otherKey)])).toThrow(/already-enrolled: meter-1, with another key/)
  expect(() => withoutKnown(state, [fresh, testMeter('x', otherKey)])).toThrow(/already-enrolled: x/)
})
