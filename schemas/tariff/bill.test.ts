import { describe, expect, test } from '@jest/globals'
import { timeZoneDocument } from '../../infra/registry/time-zone-document.js'
import type { Profile, Reading, Register } from '../records.js'
import { type Bill, billOf } from './bill.js'
import { readDocument, type TariffDocument, type TimeZone } from './document.js'
import type { AssignmentFact, PublishedDocument } from './places.js'
import { dayBounds, offsetSpans } from './time-zone.js'

const LONDON = timeZoneDocument('Europe/London', 2010, 2016)
const MONEY = { currency: 'GBP', decimals: 2, priceScaler: -5, standing: 0 } as const
const FLAT = {
  ...{ version: 1, kind: 'interval-plan', ...MONEY, measures: '1-0:1.8.0*255' },
  ...{ zones: [{ name: 'all', price: 14_228 }], schedule: [], holidays: [], signal: false },
} as const
const DAY_NIGHT = {
  ...FLAT,
  zones: [
    { name: 'day', price: 20_000 },
    { name: 'night', price: 10_000 },
  ],
  schedule: [{ zone: 1, hours: { from: '22:30', to: '07:00' } }],
} as const

const seconds = (text: string) => Date.parse(text) / 1000
let published = 10
const publish = (plan: string, validFrom: string, document: object): PublishedDocument => ({
  ...{ index: published++, plan, validFrom: seconds(validFrom), document: JSON.stringify(document) },
})
const zoneDocument = publish('Europe/London', '2010-01-01T00:00Z', LONDON)

const assign = (meter: string, plan: string, validFrom = 0, changes: Partial<AssignmentFact['usagePoint']> = {}, index = 1) => ({
  ...{ index, meter, validFrom },
  usagePoint: { id: 'point', zone: 'Europe/London', feeder: '', region: '', plan, ...changes },
})

const OBIS = Buffer.from([1, 0, 1, 8, 0, 255])
function reading(meter: string, sequence: number, changes: Partial<Reading>): Reading {
  return {
    ...{ version: 17, meter, sequence, previous: Buffer.alloc(32), sentAt: 0, profiles: [], registers: [], revises: null },
    ...changes,
  }
}
const profile = (start: string, values: number[], changes: Partial<Profile> = {}): Profile => ({
  ...{ obis: OBIS, unit: 30, scaler: 0, start: seconds(start), step: 1800, values, quality: [] },
  ...changes,
})
const intervals = (start: string, values: number[], changes: Partial<Profile> = {}) =>
  reading('m', 1, { profiles: [profile(start, values, changes)] })
const halfHours = (count: number, value = 1000) => Array.from({ length: count }, () => value)

function bill(documents: PublishedDocument[], readings: Reading[], month: string, assignments = [assign('m', 'p')]): Bill {
  const byMeter = new Map<string, Reading[]>()
  for (const each of readings) byMeter.set(each.meter, [...(byMeter.get(each.meter) ?? []), each])
  return billOf({ documents: [zoneDocument, ...documents], assignments, readings: byMeter }, 'point', month)
}
const lines = ({ lines: all }: Bill) => all.map(({ name, count, amount }) => [name, count, String(amount)])

describe('a document', () => {
  const faultOf = (value: unknown) => {
    const read = readDocument(typeof value === 'string' ? value : JSON.stringify(value))
    return read.ok ? 'ok' : read.fault
  }
  test('of each kind is read as it is', () => {
    const register = { ...MONEY, version: 1, kind: 'register-plan', zones: [{ name: 'T1', price: 1, register: '1-0:1.8.1*255' }] }
    const signal = { version: 1, kind: 'signal', step: 1800, zones: '012-' }
    for (const document of [FLAT, DAY_NIGHT, register, signal, LONDON]) {
      expect(readDocument(JSON.stringify(document))).toEqual({ ok: true, document })
    }
  })

  test.each([
    ['not-json', '{'],
    ['not-canonical', `${JSON.stringify(FLAT)} `],
    ['not-canonical', JSON.stringify(FLAT).replace('"decimals":2', '"decimals":2.0')],
    ['not-canonical', '{"version":1,"version":1}'],
    ['unknown-kind', { version: 1, kind: 'lottery' }],
    ['unknown-kind', []],
    ['unknown-kind', 'null'],
    ['bad-form', { ...FLAT, more: 1 }],
    ['bad-form', { ...FLAT, version: 2 }],
    ['bad-form', { ...FLAT, currency: 'gbp' }],
    ['bad-form', { ...FLAT, measures: '1-0:1.8.256*255' }],
    ['bad-form', { ...FLAT, zones: [] }],
    ['bad-form', { ...FLAT, zones: Array.from({ length: 9 }, (_, i) => ({ name: `z${i}`, price: 1 })) }],
    ['bad-form', { ...FLAT, zones: [{ name: 'a', price: 0.5 }] }],
    ['bad-form', { ...DAY_NIGHT, zones: [DAY_NIGHT.zones[0], DAY_NIGHT.zones[0]] }],
    ['bad-form', { ...FLAT, schedule: [{ zone: 1 }] }],
    ['bad-form', { ...FLAT, schedule: [{ zone: 0, days: '21' }] }],
    ['bad-form', { ...FLAT, schedule: [{ zone: 0, days: '' }] }],
    ['bad-form', { ...FLAT, schedule: [{ zone: 0, hours: { from: '07:00', to: '07:00' } }] }],
    ['bad-form', { ...FLAT, schedule: [{ zone: 0, season: { from: '13-01', to: '01-01' } }] }],
    ['bad-form', { ...FLAT, holidays: ['2013-02-29'] }],
    ['bad-form', { ...FLAT, holidays: ['2013-02-02', '2013-02-01'] }],
    ['bad-form', { version: 1, kind: 'signal', step: 1800, zones: '8' }],
    [
      'bad-form',
      {
        version: 1,
        kind: 'time-zone',
        offset: 0,
        transitions: [
          [2, 0],
          [2, 1],
        ],
      },
    ],
  ])('that is %s is named so: %#', (fault, value) => expect(faultOf(value)).toBe(fault))

  test('a year of half hours as a signal fits one event', () => {
    const document: TariffDocument = { version: 1, kind: 'signal', step: 1800, zones: '1'.repeat(17_568) }
    expect(readDocument(JSON.stringify(document)).ok).toBe(true)
    expect(JSON.stringify(document).length).toBeLessThan(20_000)
  })
})

describe('a bill', () => {
  test('of a flat plan rounds once, halves away from zero', () => {
    const plan = publish('p', '2013-01-01T00:00Z', FLAT)
    // 17.5 kWh * 0.14228 = 2.4899
    expect(bill([plan], [intervals('2013-01-05T00:00Z', halfHours(35, 500))], '2013-01')).toMatchObject({
      lines: [{ name: 'all', energy: 17_500_000_000_000n, amount: 249n, count: 35 }],
      totals: [{ currency: 'GBP', amount: '2.49' }],
      problems: [],
    })
    const half = publish('p', '2013-01-01T00:00Z', { ...FLAT, zones: [{ name: 'all', price: 500 }] })
    expect(lines(bill([half], [intervals('2013-01-05T00:00Z', [1000])], '2013-01'))).toEqual([['all', 1, '1']])
    expect(lines(bill([half], [intervals('2013-01-05T00:00Z', [-1000])], '2013-01'))).toEqual([['all', 1, '-1']])
  })

  test('takes months, nights and days by local time, on days of 23 and 25 hours too', () => {
    const plan = publish('p', '2013-01-01T00:00Z', { ...DAY_NIGHT, standing: 10_000 })
    const all = [
      intervals('2013-03-01T00:00Z', halfHours(31 * 48)),
      reading('m', 2, { profiles: [profile('2013-10-01T00:00Z', halfHours(31 * 48))] }),
    ]
    const documents = [plan]
    // one half hour before 00:00 of 1 March is in no reading; the last hour of 31 March (UTC) is in April
    expect(lines(bill(documents, all, '2013-03'))).toEqual([
      ['day', 31 * 31, String(31 * 31 * 20)],
      ['night', 31 * 17 - 2, String((31 * 17 - 2) * 10)],
      ['standing', 31, '310'],
    ])
    expect(lines(bill(documents, all, '2013-04'))).toEqual([
      ['night', 2, '20'],
      ['standing', 30, '300'],
    ])
    // October begins an hour late here, and its 27th has 25 hours
    expect(lines(bill(documents, all, '2013-10'))).toEqual([
      ['day', 31 * 31, String(31 * 31 * 20)],
      ['night', 31 * 17, String(31 * 17 * 10)],
      ['standing', 31, '310'],
    ])
  })

  test('goes by season, weekday and holiday, the first rule that fits', () => {
    const plan = publish('p', '2013-01-01T00:00Z', {
      ...FLAT,
      zones: ['plain', 'winter', 'weekend', 'holiday'].map((name, i) => ({ name, price: 1000 * (i + 1) })),
      schedule: [
        { zone: 3, holidays: true },
        { zone: 2, days: '67', holidays: false },
        { zone: 1, season: { from: '11-01', to: '02-28' } },
      ],
      holidays: ['2013-01-01'],
    })
    // January 2013: 8 days of weekends, one holiday, on a Tuesday
    const january = bill([plan], [intervals('2013-01-01T00:00Z', halfHours(31 * 48))], '2013-01')
    expect(january.lines.map(({ name, count }) => [name, count / 48])).toEqual([
      ['winter', 22],
      ['weekend', 8],
      ['holiday', 1],
    ])
    const may = bill([plan], [intervals('2013-05-01T00:00Z', halfHours(48))], '2013-05')
    expect(lines(may)).toEqual([['plain', 48, '48']])
  })

  test('hears signals before the schedule; the latest event that says something of the moment counts', () => {
    const plan = publish('p', '2013-01-01T00:00Z', { ...DAY_NIGHT, signal: true })
    const first = publish('p', '2013-01-05T00:00Z', { version: 1, kind: 'signal', step: 1800, zones: '0000-7' })
    const later = publish('p', '2013-01-05T00:30Z', { version: 1, kind: 'signal', step: 3600, zones: '1-' })
    const readings = [
      intervals(
        '2013-01-05T00:00Z',
        [1, 2, 4, 8, 16, 32, 64].map((value) => value * 1000),
      ),
    ]
    const energies = (documents: PublishedDocument[]) =>
      bill(documents, readings, '2013-01').lines.map(({ name, energy }) => [name, Number(energy / 10n ** 12n)])
    expect(energies([plan])).toEqual([['night', 127]])
    expect(energies([plan, first])).toEqual([
      ['day', 15],
      ['night', 112],
    ])
    expect(energies([plan, first, later])).toEqual([
      ['day', 9],
      ['night', 118],
    ])
    const deaf = publish('p', '2013-01-01T00:00Z', DAY_NIGHT)
    expect(energies([plan, first, later, deaf])).toEqual([['night', 127]])
  })

  test('by tariff registers takes differences, each with what it began in; an exchanged meter begins anew', () => {
    const plan = publish('p', '2013-01-01T00:00Z', {
      ...{ version: 1, kind: 'register-plan', ...MONEY },
      zones: [1, 2, 3, 4].map((i) => ({ name: `T${i}`, price: i * 10_000, register: `1-0:1.8.${i}*255` })),
    })
    const register = (tariff: number, at: string, value: number, changes: Partial<Register> = {}): Register => ({
      ...{ obis: Buffer.from([1, 0, 1, 8, tariff, 255]), unit: 30, scaler: 3, at: seconds(at), value, ...changes },
    })
    const readings = [
      reading('m', 1, {
        registers: [
          register(1, '2013-01-01T00:00Z', 100),
          register(2, '2013-01-01T00:00Z', 50),
          register(9, '2013-01-01T00:00Z', 1),
        ],
      }),
      reading('m', 2, {
        registers: [register(1, '2013-01-20T00:00Z', 110), register(2, '2013-01-20T00:00Z', 57, { scaler: 3 })],
      }),
      reading('n', 1, { registers: [register(1, '2013-01-20T00:00Z', 0)] }),
      reading('n', 2, { registers: [register(1, '2013-02-03T00:00Z', 4_500, { scaler: 0 })] }),
    ]
    const exchange = seconds('2013-01-20T00:00Z')
    const assignments = [
      assign('m', 'p'),
      assign('m', 'p', exchange, { id: 'store' }, 2),
      assign('n', 'p', 0, { id: 'store' }),
      assign('n', 'p', exchange, {}, 3),
    ]
    expect(lines(bill([plan], readings, '2013-01', assignments))).toEqual([
      ['T1', 2, '145'],
      ['T2', 1, '140'],
    ])
    expect(bill([plan], readings, '2013-02', assignments).lines).toEqual([])
    const fallen = [...readings, reading('n', 3, { registers: [register(1, '2013-02-05T00:00Z', 4_400, { scaler: 0 })] })]
    const [from, to] = [reading('n', 4, { registers: [register(1, '2013-02-06T00:00Z', 9, { unit: 32 })] }), fallen]
    expect(bill([plan], fallen, '2013-02', assignments)).toMatchObject({ problems: ['register-fell'], lines: [] })
    expect(bill([plan], [...to, from], '2013-02', assignments).problems).toEqual(['register-fell', 'wrong-unit'])
  })

  test('takes the newest revision; a correction stands for all that it overlaps; estimated energy is told', () => {
    const plan = publish('p', '2013-01-01T00:00Z', FLAT)
    const first = intervals('2013-01-05T00:00Z', [1000, 1000, 1000, 1000], {
      quality: [
        { code: 8, count: 1 },
        { code: 0, count: 3 },
      ],
    })
    const energy = (...readings: Reading[]) =>
      bill([plan], readings, '2013-01').lines.map((line) => [line.energy / 10n ** 12n, line.estimated / 10n ** 12n])
    expect(energy(first)).toEqual([[4n, 1n]])
    const again = reading('m', 2, { profiles: [profile('2013-01-05T00:30Z', [5000])] })
    expect(energy(first, again)).toEqual([[8n, 1n]])
    expect(energy(again, first)).toEqual([[8n, 1n]])
    const hourly = reading('m', 3, { revises: 1, profiles: [profile('2013-01-05T00:00Z', [7000], { step: 3600 })] })
    expect(energy(first, again, hourly)).toEqual([[9n, 0n]])
  })

  test('follows changes of plan and version, once a day for the standing charge; without a plan there is none', () => {
    const plan = publish('p', '2013-01-11T00:00Z', { ...FLAT, standing: 100_000 })
    const next = publish('p', '2013-01-16T00:00Z', { ...FLAT, standing: 200_000, currency: 'EUR' })
    const other = publish('q', '2013-01-01T00:00Z', { ...FLAT, decimals: 0, standing: 300_000 })
    const assignments = [assign('m', 'p'), assign('m', 'q', seconds('2013-01-21T12:00Z'), {}, 2), assign('n', 'p', 0, {}, 3)]
    const result = bill([plan, next, other], [intervals('2013-01-01T00:00Z', halfHours(31 * 48))], '2013-01', assignments)
    expect(result.lines.map(({ plan: name, event, name: zone, count }) => [name, event, zone, count])).toEqual([
      ['p', plan.index, 'all', 240],
      ['p', next.index, 'all', 264],
      ['q', other.index, 'all', 504],
      ['p', plan.index, 'standing', 5],
      // meter n stays with plan p
      ['p', next.index, 'standing', 16],
      ['q', other.index, 'standing', 10],
    ])
    expect(result.totals).toEqual([
      { currency: 'EUR', amount: '69.56' },
      { currency: 'GBP', amount: '141.15' },
    ])
    expect(bill([], [intervals('2013-01-01T00:00Z', [1])], '2013-01')).toMatchObject({ lines: [], totals: [] })
    expect(() => bill([], [], '2013-13')).toThrow('not a month')
  })

  test('has no amount where the zone is not published or the unit is another', () => {
    const plan = publish('p', '2013-01-01T00:00Z', FLAT)
    const elsewhere = [assign('m', 'p', 0, { zone: 'Asia/Tokyo' })]
    expect(bill([plan], [intervals('2013-01-31T23:30Z', [1000])], '2013-01', elsewhere)).toMatchObject({
      ...{ problems: ['time-zone-not-published'], totals: [{ amount: null }] },
    })
    const utc = [assign('m', 'p', 0, { zone: 'Etc/UTC' })]
    expect(bill([plan], [intervals('2013-01-31T23:30Z', [1000])], '2013-01', utc).problems).toEqual([])
    const reactive = reading('m', 2, { profiles: [profile('2013-01-06T00:00Z', [1], { unit: 32 })] })
    expect(bill([plan], [intervals('2013-01-05T00:00Z', [1000]), reactive], '2013-01').problems).toEqual(['wrong-unit'])
  })
})

describe('days', () => {
  test('of a zone that skipped a date: there is none, and its neighbours are whole', () => {
    const apia = timeZoneDocument('Pacific/Apia', 2011, 2013)
    const spans = offsetSpans('Pacific/Apia', [{ index: 1, validFrom: 0, document: apia }])
    const day = (date: string) => dayBounds(spans, Date.parse(date) / 86_400_000)
    expect(day('2011-12-30')).toBeUndefined()
    expect(day('2011-12-29')).toMatchObject({ seconds: 86_400 })
    expect(day('2011-12-31')).toMatchObject({ seconds: 86_400 })
  })

  test('a later document of a zone holds from its own time on', () => {
    const document = (offset: number): TimeZone => ({ version: 1, kind: 'time-zone', offset, transitions: [] })
    const spans = offsetSpans('X', [
      { index: 1, validFrom: 100, document: document(60) },
      { index: 2, validFrom: 200, document: document(120) },
    ])
    expect(spans.map(({ from, to, offset, isPublished }) => [from, to, offset, isPublished])).toEqual([
      [0, 100, 0, false],
      [100, 200, 60, true],
      [200, Number.POSITIVE_INFINITY, 120, true],
    ])
  })
})
