// Bills of random plans, moves and readings, close together in time, so that they meet: what the frozen ones do not happen to hold.
import fc from 'fast-check'
import { ZERO_HASH } from '../../../schemas/hash.js'
import type { Profile, Reading, Register } from '../../../schemas/records.js'
import { DAY, dateOf, dateText } from '../../../schemas/tariff/civil.js'
import type { Rule } from '../../../schemas/tariff/document.js'
import { DAY_NIGHT, DIALS, secondsAt } from './bill-chain.js'
import { type BillCase, ZONES } from './bills.js'

const METERS = ['m', 'n']
/** From the end of February to the beginning of May 2013. */
const FROM = secondsAt('2013-02-26T00:00Z')
const DAYS = 66
const quarter = fc.integer({ min: 0, max: DAYS * 96 }).map((n) => FROM + n * 900)
const day = fc.integer({ min: 0, max: DAYS }).map((n) => FROM / DAY + n)
const clock = fc.integer({ min: 0, max: 95 }).map((n) => {
  return `${String(Math.floor(n / 4)).padStart(2, '0')}:${String((n % 4) * 15).padStart(2, '0')}`
})
const monthDay = fc.constantFrom('03-10', '03-29', '04-02', '10-15', '12-31', '02-30')
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })
const rule: fc.Arbitrary<Rule> = fc
  .record({
    zone: fc.integer({ min: 0, max: 2 }),
    days: maybe(fc.subarray([...'1234567'], { minLength: 1 }).map((digits) => digits.join(''))),
    holidays: maybe(fc.boolean()),
    season: maybe(fc.record({ from: monthDay, to: monthDay })),
    hours: maybe(fc.record({ from: clock, to: fc.oneof(clock, fc.constant('24:00')) }).filter(({ from, to }) => from !== to)),
  })
  .map((each) => JSON.parse(JSON.stringify(each)) as Rule)
const price = fc.integer({ min: -40_000, max: 90_000 })
const money = {
  currency: fc.constantFrom('EUR', 'GBP'),
  decimals: fc.integer({ min: 0, max: 4 }),
  priceScaler: fc.integer({ min: -6, max: -3 }),
  standing: fc.constantFrom(0, 0, 33_333, -5),
}
const intervalPlan = fc
  .record({
    ...money,
    prices: fc.tuple(price, price, price),
    schedule: fc.array(rule, { maxLength: 6 }),
    holidays: fc
      .uniqueArray(day, { maxLength: 4 })
      .map((days) => days.sort((a, b) => a - b).map((each) => dateText(dateOf(each)))),
    signal: fc.boolean(),
  })
  .map(({ prices, ...rest }): object => ({
    ...DAY_NIGHT,
    ...rest,
    zones: prices.map((each, at) => ({ name: `z${at}`, price: each })),
  }))
const registerPlan = fc.record(money).map((rest): object => ({ ...DIALS, ...rest }))
const signal = fc
  .record({
    step: fc.constantFrom(900, 3_600, 86_400),
    digits: fc.array(fc.constantFrom(...'0123-'), { minLength: 1, maxLength: 90 }),
  })
  .map(({ step, digits }): object => ({ version: 1, kind: 'signal', step, zones: digits.join('') }))
const document = fc.oneof(
  { arbitrary: intervalPlan, weight: 5 },
  { arbitrary: registerPlan, weight: 3 },
  { arbitrary: signal, weight: 3 },
  { arbitrary: fc.constant<object>({}), weight: 1 },
)
const zones = Object.keys(ZONES)
const event = fc.oneof(
  fc.record({ kind: fc.constant('publish' as const), plan: fc.constantFrom('a', 'b'), validFrom: quarter, document }),
  fc.record({
    kind: fc.constant('assign' as const),
    meter: fc.constantFrom(...METERS),
    validFrom: quarter,
    point: fc.constantFrom('p', 'p', 'q'),
    plan: fc.constantFrom('a', 'b'),
    zone: fc.constantFrom(...zones, 'UTC', 'Nobody/Published'),
  }),
)

const obis = (code: number, tariff: number) => Buffer.from([1, 0, code, 8, tariff, 255])
const value = fc.integer({ min: -500, max: 5_000 })
const unit = fc.constantFrom(30, 30, 30, 30, 30, 30, 30, 32)
const scaler = fc.integer({ min: -3, max: 3 })
const profile: fc.Arbitrary<Profile> = fc
  .record({
    obis: fc.constantFrom(obis(1, 0), obis(1, 0), obis(2, 0)),
    unit,
    scaler,
    start: quarter,
    step: fc.constantFrom(900, 1_800, 3_600, 86_400),
    values: fc.array(value, { minLength: 1, maxLength: 60 }),
    code: fc.constantFrom(0, 0, 8, 14),
  })
  .map(({ code, values, ...rest }) => ({ ...rest, values, quality: code === 0 ? [] : [{ code, count: values.length }] }))
const register: fc.Arbitrary<Register> = fc
  .record({ obis: fc.constantFrom(obis(1, 1), obis(1, 2)), unit, scaler: fc.constant(3), at: quarter, value: fc.nat(400) })
  // they mostly rise
  .map((each) => ({ ...each, value: each.value % 40 === 0 ? each.value : Math.floor((each.at - FROM) / 900) }))
const reading = fc.record({
  meter: fc.constantFrom(...METERS),
  profiles: fc.array(profile, { maxLength: 2 }),
  registers: fc.array(register, { maxLength: 4 }),
  isRevising: fc.nat(5).map((n) => n === 0),
})

export const randomBill: fc.Arbitrary<BillCase> = fc
  .record({
    first: fc.constantFrom('a', 'b'),
    plans: fc.tuple(intervalPlan, registerPlan),
    events: fc.array(event, { minLength: 2, maxLength: 9 }),
    readings: fc.array(reading, { maxLength: 14 }),
    month: fc.constantFrom('2013-03', '2013-04'),
  })
  .map(({ first, plans, events, readings, month }) => {
    const published = Object.entries(ZONES).map(([plan, each], index) => ({
      index,
      plan,
      validFrom: 0,
      document: JSON.stringify(each),
    }))
    const enrolled = METERS.map((meter, at) => ({
      index: 10,
      meter,
      validFrom: 0,
      usagePoint: pointOf(at === 0 ? 'p' : 'q', first, 'Europe/London'),
    }))
    return {
      ...{ name: `random, ${month}`, point: 'p', month },
      documents: [
        ...published,
        ...plans.map((each, at) => ({ index: 8 + at, plan: at === 0 ? 'a' : 'b', validFrom: 0, document: JSON.stringify(each) })),
        ...events.flatMap((each, at) =>
          each.kind === 'publish'
            ? [{ index: 11 + at, plan: each.plan, validFrom: each.validFrom, document: JSON.stringify(each.document) }]
            : [],
        ),
      ],
      assignments: [
        ...enrolled,
        ...events.flatMap((each, at) =>
          each.kind === 'assign'
            ? [
                {
                  index: 11 + at,
                  meter: each.meter,
                  validFrom: each.validFrom,
                  usagePoint: pointOf(each.point, each.plan, each.zone),
                },
              ]
            : [],
        ),
      ],
      readings: readings.map(
        ({ meter, isRevising, profiles, registers }, at): Reading => ({
          ...{
            version: 17,
            meter,
            sequence: at + 2,
            previous: ZERO_HASH,
            sentAt: 0,
            revises: isRevising ? at + 1 : null,
            profiles,
            registers,
          },
        }),
      ),
    }
  })

const pointOf = (id: string, plan: string, zone: string) => ({ id, zone, feeder: '', region: '', plan })
