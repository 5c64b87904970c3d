import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cases } from '../../infra/testing/thorough.js'
import { instantOf } from './instant.js'

const digits = (value: number, count = 2) => String(value).padStart(count, '0')

test('a date is midnight UTC, and a time is where its zone says', () => {
  const cases: Record<string, string> = {
    '2013-03-01': '2013-03-01T00:00:00.000Z',
    '2012-02-29': '2012-02-29T00:00:00.000Z',
    '2013-03-01T00:00Z': '2013-03-01T00:00:00.000Z',
    '2013-03-01T12:30:59Z': '2013-03-01T12:30:59.000Z',
    '2013-03-01T12:30:59.5Z': '2013-03-01T12:30:59.500Z',
    '2013-03-01T12:30:59.123Z': '2013-03-01T12:30:59.123Z',
    '2013-03-01T00:00:00+01:00': '2013-02-28T23:00:00.000Z',
    '2013-02-28T23:30-03:30': '2013-03-01T03:00:00.000Z',
    '0001-01-01': '0001-01-01T00:00:00.000Z',
    '9999-12-31T23:59:59.999Z': '9999-12-31T23:59:59.999Z',
  }
  for (const [text, said] of Object.entries(cases))
    expect([text, new Date(instantOf(text) ?? 0).toISOString()]).toEqual([text, said])
})

test('what names no zone, no such day or no such hour is no time', () => {
  const without = [
    '2013-03-01T00:00:00',
    '2013-03-01T00:00',
    '2013-03-01 00:00:00Z',
    '2013-03-01T00:00:00 Z',
    '2013-03-01T00:00:00+0100',
  ]
  const short = [
    '',
    '5',
    '2013',
    '2013-03',
    '20130301',
    '1362096000',
    'yesterday',
    'Mar 1 2013',
    ' 2013-03-01',
    '2013-03-01\n',
    '2013-3-1',
  ]
  const unreal = [
    '2013-02-30',
    '2013-02-29',
    '2013-13-01',
    '2013-00-10',
    '2013-03-00',
    '2013-02-30T00:00:00Z',
    '2013-04-31T00:00:00+01:00',
  ]
  const hours = ['T24:00:00Z', 'T23:60:00Z', 'T23:59:60Z', 'T00:00:00+24:00', 'T00:00:00+01:60', 'T00:00:00.1234Z', 'TZ', 'T00Z']
  const years = [
    '0000-12-31',
    '+012013-03-01',
    '-000001-01-01',
    '10000-01-01',
    '0001-01-01T00:00+00:01',
    '9999-12-31T23:59:59-00:01',
  ]
  for (const text of [...without, ...short, ...unreal, ...hours.map((time) => `2013-03-01${time}`), ...years])
    expect([text, instantOf(text)]).toEqual([text, undefined])
})

test('what toISOString writes is read back, with any offset', () => {
  const millis = fc.integer({ min: Date.parse('0001-01-02T00:00Z'), max: Date.parse('9999-12-30T00:00Z') })
  const offset = fc.record({ isWest: fc.boolean(), hours: fc.nat(23), minutes: fc.nat(59) })
  fc.assert(
    fc.property(millis, offset, (at, { isWest, hours, minutes }) => {
      const shift = (hours * 60 + minutes) * 60_000 * (isWest ? -1 : 1)
      const local = new Date(at + shift).toISOString().replace('Z', `${isWest ? '-' : '+'}${digits(hours)}:${digits(minutes)}`)
      expect(instantOf(new Date(at).toISOString())).toBe(at)
      expect(instantOf(local)).toBe(at)
      expect(instantOf(new Date(at).toISOString().slice(0, 10))).toBe(Math.floor(at / 86_400_000) * 86_400_000)
    }),
    cases(100),
  )
})

test('a day is taken where its month has it, and nowhere else', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9999 }), fc.nat(13), fc.nat(32), (year, month, day) => {
      const last = new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()
      const isReal = month >= 1 && month <= 12 && day >= 1 && day <= last
      const date = `${digits(year, 4)}-${digits(month)}-${digits(day)}`
      for (const text of [date, `${date}T12:00Z`, `${date}T12:00:00-05:00`])
        expect([text, instantOf(text) !== undefined]).toEqual([text, isReal])
    }),
    cases(2_000),
  )
})
