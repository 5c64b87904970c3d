import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { mutated } from '../infra/testing/avro-arbitraries.js'
import { hourOf } from '../infra/testing/signed-meters.js'
import { cases } from '../infra/testing/thorough.js'
import { ZERO_HASH } from './hash.js'
import { LIMITS } from './limits.js'
import { checkReading, readEntry, readMeasured } from './reading.js'
import { encodeReading, type Profile, type Reading, type Register } from './records.js'

const good = hourOf('meter-1', 5, ZERO_HASH)
const [profile] = good.profiles
if (profile === undefined) throw new Error('no profile')
const register: Register = { obis: Buffer.alloc(6), unit: 30, scaler: 0, at: 1_700_000_000, value: 5 }
const withProfile = (changes: Partial<Profile>): Reading => ({ ...good, profiles: [{ ...profile, ...changes }] })
const withRegister = (changes: Partial<Register>): Reading => ({ ...good, registers: [{ ...register, ...changes }] })
const values = (count: number) => new Array<number>(count).fill(0)

describe('within the limits, borders included', () => {
  const readings: [string, Reading][] = [
    ['an hour', good],
    ['registers alone', { ...good, profiles: [], registers: [register] }],
    ['a year of quarter hours', withProfile({ values: values(LIMITS.valuesPerProfile) })],
    ['the longest step', withProfile({ step: LIMITS.stepSeconds, values: [1] })],
    ['the last second', withProfile({ start: LIMITS.epochSeconds - 60, step: 60, values: [1] })],
    ['the first second', withProfile({ start: 0 })],
    [
      'all profiles and registers',
      { ...good, profiles: new Array<Profile>(16).fill(profile), registers: new Array<Register>(64).fill(register) },
    ],
    [
      'quality in runs',
      withProfile({
        quality: [
          { code: 0, count: 1 },
          { code: 255, count: 3 },
        ],
      }),
    ],
    ['unit and scaler at their borders', withRegister({ unit: 255, scaler: -9 })],
    ['a revision of the one before', { ...good, revises: 4 }],
    ['negative and large values', withProfile({ values: [-LIMITS.long, LIMITS.long] })],
    ['the last millisecond', { ...good, sentAt: LIMITS.epochSeconds * 1000 }],
    ['an id of 64', { ...good, meter: `A${'z'.repeat(63)}` }],
  ]
  test.each(readings)('%s', (_, reading) => {
    expect(checkReading(reading)).toBeUndefined()
  })
})

describe('outside of them is said in words', () => {
  const readings: [string, Reading][] = [
    ['meter id', { ...good, meter: '' }],
    ['meter id', { ...good, meter: 'ä' }],
    ['meter id', { ...good, meter: 'a\n' }],
    ['meter id', { ...good, meter: 'a'.repeat(65) }],
    ['sequence 0', { ...good, sequence: 0 }],
    ['sentAt -1', { ...good, sentAt: -1 }],
    ['sentAt', { ...good, sentAt: LIMITS.epochSeconds * 1000 + 1 }],
    ['17 profiles', { ...good, profiles: new Array<Profile>(17).fill(profile) }],
    ['65 registers', { ...good, registers: new Array<Register>(65).fill(register) }],
    ['neither', { ...good, profiles: [] }],
    ['revises sequence 5', { ...good, revises: 5 }],
    ['revises sequence 0', { ...good, revises: 0 }],
    ['profile of 0 values', withProfile({ values: [] })],
    ['profile of 35041 values', withProfile({ values: values(LIMITS.valuesPerProfile + 1) })],
    ['step of 0', withProfile({ step: 0 })],
    ['step of', withProfile({ step: LIMITS.stepSeconds + 1, values: [1] })],
    ['intervals from -1', withProfile({ start: -1 })],
    ['intervals from', withProfile({ start: LIMITS.epochSeconds - 59, step: 60, values: [1] })],
    ['quality runs cover 3 of 4', withProfile({ quality: [{ code: 0, count: 3 }] })],
    [
      'empty or of an unknown code',
      withProfile({
        quality: [
          { code: 0, count: 4 },
          { code: 0, count: 0 },
        ],
      }),
    ],
    ['empty or of an unknown code', withProfile({ quality: [{ code: 256, count: 4 }] })],
    ['unit -1', withProfile({ unit: -1 })],
    ['scaler 10', withProfile({ scaler: 10 })],
    ['register at -1', withRegister({ at: -1 })],
    ['unit 256', withRegister({ unit: 256 })],
    ['scaler -10', withRegister({ scaler: -10 })],
  ]
  test.each(readings)('%s', (words, reading) => {
    expect(checkReading(reading)).toContain(words)
  })
})

describe('an entry', () => {
  const entry = (reading: Reading) => Buffer.concat([encodeReading(reading), Buffer.alloc(64, 3)])

  test('is read with its signature', () => {
    expect(readEntry(entry(good))).toEqual({ ok: true, signed: { reading: good, signature: Buffer.alloc(64, 3) } })
  })

  test('is the same without link and signature, whatever is changed in it', () => {
    const { previous: _previous, ...measured } = good
    expect(readMeasured(entry(good))).toEqual({ ok: true, reading: measured })
    const changed = fc.oneof(
      mutated(entry(good)),
      mutated(entry({ ...good, sequence: -3 })),
      fc.constant(Buffer.alloc(LIMITS.readingBytes + 1)),
    )
    fc.assert(
      fc.property(changed, (bytes) => {
        const read = readEntry(bytes)
        if (!read.ok) return expect(readMeasured(bytes)).toEqual(read)
        const { previous: _link, ...reading } = read.signed.reading
        expect(readMeasured(bytes)).toEqual({ ok: true, reading })
      }),
      cases(500),
    )
  })

  test('is malformed where it is too long, not canonical, of another version, or outside the limits', () => {
    expect(readEntry(Buffer.alloc(LIMITS.readingBytes + 1))).toEqual({ ok: false, reason: '65537 bytes are more than 65536' })
    expect(readEntry(Buffer.alloc(10))).toMatchObject({ ok: false, reason: expect.stringContaining('not one canonical') })
    expect(readEntry(entry({ ...good, version: 33 }))).toMatchObject({
      ok: false,
      reason: expect.stringContaining('known version'),
    })
    expect(readEntry(entry({ ...good, sequence: -3 }))).toMatchObject({ ok: false, reason: 'sequence -3 is below 1' })
  })
})
