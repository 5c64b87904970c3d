import { expect, test } from '@jest/globals'
import { hourOf } from '../infra/testing/signed-meters.js'
import { sha256 } from './hash.js'
import { LIMITS } from './limits.js'
import { encodeReading } from './records.js'

test('the largest long and its zigzag form are exact in a double', () => {
  expect(LIMITS.long).toBe(2 ** 52 - 1)
  expect(Number.isSafeInteger(2 * LIMITS.long + 1)).toBe(true)
})

test('weights can be added up and tripled exactly', () => {
  expect(Number.isSafeInteger(3 * LIMITS.totalWeight)).toBe(true)
})

test('a reading fits a record of readings, and a record fits a block', () => {
  expect(LIMITS.readingBytes + 8).toBeLessThan(LIMITS.readingsRecordBytes)
  expect(LIMITS.readingsRecordBytes + 1024).toBeLessThan(LIMITS.blockBytes)
  const hour = encodeReading(hourOf('meter-000000000', 100_000, sha256())).length + 64
  expect(hour).toBeLessThan(200)
  expect(hour * LIMITS.readingsPerRecord).toBeLessThan(LIMITS.readingsRecordBytes)
  expect(hour * LIMITS.entriesPerBlock).toBeLessThan(LIMITS.blockBytes)
})

test('a year of half hours of three bytes fits a reading', () => {
  const reading = hourOf('meter-1', 1, sha256())
  const [profile] = reading.profiles
  if (profile === undefined) throw new Error('no profile')
  const values = new Array<number>(17_520).fill(1_000_000)
  const bytes = encodeReading({ ...reading, profiles: [{ ...profile, values }] })
  expect(bytes.length + 64).toBeLessThan(LIMITS.readingBytes)
})
