import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { timeZoneDocument } from '../../infra/registry/time-zone-document.js'
import { cases } from '../../infra/testing/thorough.js'
import { dateOf, dateText, dayOf, dayOfDate, weekdayOf } from './civil.js'
import type { IntervalPlan } from './document.js'
import { decimalText, rounded } from './money.js'
import { dayBounds, offsetSpans, spanAt } from './time-zone.js'
import { localTime, zoneAt } from './zone-at.js'

const ZONES = ['Europe/London', 'America/St_Johns', 'Asia/Kolkata', 'Australia/Lord_Howe', 'America/Sao_Paulo', 'Pacific/Apia']
const spansOf = new Map(
  ZONES.map((zone) => [zone, offsetSpans(zone, [{ index: 1, validFrom: 0, document: timeZoneDocument(zone, 2005, 2020) }])]),
)
const moment = fc.integer({ min: Date.UTC(2005, 0, 2) / 1000, max: Date.UTC(2019, 11, 30) / 1000 })
const zoned = fc.record({ zone: fc.constantFrom(...ZONES), at: moment })

test('days and dates are those of the platform, from 1970 to 9999', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2_932_896 }), (day) => {
      const date = new Date(day * 86_400_000)
      expect(dateText(dateOf(day))).toBe(date.toISOString().slice(0, 10))
      expect(dayOf(dateOf(day))).toBe(day)
      expect(dayOfDate(dateText(dateOf(day)))).toBe(day)
      expect(weekdayOf(day) % 7).toBe(date.getUTCDay())
    }),
    cases(100),
  )
})

test('local time is that of the platform’s zones', () => {
  const formats = new Map(
    ZONES.map((zone) => [zone, new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'medium' })]),
  )
  fc.assert(
    fc.property(zoned, ({ zone, at }) => {
      const local = localTime(at, spanAt(spansOf.get(zone) ?? [], at)?.offset ?? 0)
      const clock = new Date(local.second * 1000).toISOString().slice(11, 19)
      expect(`${dateText(dateOf(local.day))} ${clock}`).toBe(formats.get(zone)?.format(at * 1000))
    }),
    cases(100),
  )
})

test('a day of any zone is all minutes of its date and begins with the first, also where clocks go back over midnight', () => {
  fc.assert(
    fc.property(zoned, ({ zone, at }) => {
      const spans = spansOf.get(zone) ?? []
      const dateAt = (moment: number) => localTime(moment, spanAt(spans, moment)?.offset ?? 0).day
      const day = dateAt(at)
      const first = at - (at % 60) - 26 * 3600
      const minutes = Array.from({ length: 52 * 60 }, (_, i) => first + i * 60).filter((moment) => dateAt(moment) === day)
      expect(dayBounds(spans, day)).toEqual({ start: minutes[0], seconds: minutes.length * 60 })
    }),
    // the end of a day that comes twice: St John's went back from 00:01 to 23:01
    { examples: [[{ zone: 'America/St_Johns', at: Date.UTC(2007, 10, 3, 2, 30) / 1000 }]] },
  )
})

const clock = fc
  .integer({ min: 0, max: 1439 })
  .map((m) => `${String(Math.floor(m / 60)).padStart(2, '0')}:${String(m % 60).padStart(2, '0')}`)
const plan = fc.array(fc.record({ zone: fc.integer({ min: 0, max: 3 }), from: clock, to: clock }), { maxLength: 6 }).map(
  (rules): IntervalPlan => ({
    ...{
      version: 1,
      kind: 'interval-plan',
      currency: 'EUR',
      decimals: 2,
      priceScaler: -4,
      standing: 0,
      measures: '1-0:1.8.0*255',
    },
    zones: ['a', 'b', 'c', 'd'].map((name) => ({ name, price: 1 })),
    schedule: rules.filter(({ from, to }) => from !== to).map(({ zone, from, to }) => ({ zone, hours: { from, to } })),
    holidays: [],
    signal: false,
  }),
)

test('the zones of a day part it: each minute is in the zone of the first window that it lies in, told independently', () => {
  fc.assert(
    fc.property(plan, fc.integer({ min: 0, max: 86_399 }), (each, second) => {
      const minute = Math.floor(second / 60)
      const windows = each.schedule.map(({ zone, hours = { from: '', to: '' } }) => {
        const [from, to] = [hours.from, hours.to].map((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)))
        const length = ((to ?? 0) - (from ?? 0) + 1440) % 1440
        return { zone, holds: (minute - (from ?? 0) + 1440) % 1440 < length }
      })
      const expected = windows.find(({ holds }) => holds)?.zone ?? 0
      expect(zoneAt(each, [], 0, { day: 15_000, second })).toBe(expected)
    }),
    cases(100),
  )
})

test('rounding is to the nearest, halves away from zero, and odd in its argument', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }), fc.integer({ min: 0, max: 12 }), (value, digits) => {
      const unit = 10n ** BigInt(digits)
      const whole = rounded(value, digits)
      const rest = value - whole * unit
      expect(2n * (rest < 0n ? -rest : rest) <= unit).toBe(true)
      expect(rounded(-value, digits)).toBe(-whole)
      if (2n * rest === unit) expect(value < 0n).toBe(true)
      expect(BigInt(decimalText(value, digits).replace('.', ''))).toBe(value)
    }),
    cases(100),
  )
})
