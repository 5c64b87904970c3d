// Tariff documents that can be read and that cannot, bills by every rule of section 18, and the proof of one, whole and changed.

import { ZERO_HASH } from '../../../schemas/hash.js'
import { encodeReading, type Profile, type Reading, type Register } from '../../../schemas/records.js'
import { billOf } from '../../../schemas/tariff/bill.js'
import { type BillProof, figuresOf } from '../../../schemas/tariff/bill-proof-format.js'
import { checkBill } from '../../../schemas/tariff/check-bill.js'
import { readDocument } from '../../../schemas/tariff/document.js'
import type { AssignmentFact, PublishedDocument } from '../../../schemas/tariff/places.js'
import { proveBill } from '../../../schemas/tariff/prove-bill.js'
import { sodiumSignatures } from '../../crypto/sodium.js'
import { billChain, DAY_NIGHT, DIALS, OBIS, secondsAt } from './bill-chain.js'

const SIGNAL = { version: 1, kind: 'signal', step: 1_800, zones: '0123-7' } as const
const UTC_ZONE = { version: 1, kind: 'time-zone', offset: 0, transitions: [] as [number, number][] } as const
/** Summer time of London in 2013; Apia, which left out 30 December 2011; Sao Paulo, whose clocks change at midnight. */
export const ZONES = {
  'Europe/London': {
    ...UTC_ZONE,
    transitions: [
      [1_364_691_600, 3_600],
      [1_382_835_600, 0],
    ] as [number, number][],
  },
  'Pacific/Apia': { ...UTC_ZONE, offset: -36_000, transitions: [[1_325_239_200, 50_400]] as [number, number][] },
  'America/Sao_Paulo': {
    ...UTC_ZONE,
    offset: -10_800,
    transitions: [
      [1_382_238_000, -7_200],
      [1_392_516_000, -10_800],
    ] as [number, number][],
  },
} as const

function documentVectors() {
  const text = JSON.stringify
  const plan = (changes: object) => text({ ...DAY_NIGHT, ...changes })
  const rule = (changes: object) => plan({ schedule: [{ zone: 0, ...changes }] })
  const zone = (changes: object) => plan({ zones: [{ name: 'a', price: 1, ...changes }], schedule: [] })
  const cases: [string, string][] = [
    ...[DAY_NIGHT, DIALS, SIGNAL, ...Object.values(ZONES)].map((each, at): [string, string] => [`good ${at}`, text(each)]),
    ['fields in another order', text(Object.fromEntries(Object.entries(DAY_NIGHT).reverse()))],
    ['no JSON', '{"version":1'],
    ['nothing', ''],
    ['a name twice', '{"version":1,"version":1}'],
    ['white space', `${text(SIGNAL)}\n`],
    ['an escape that need not be', text(SIGNAL).replace('signal', 'sign\\u0061l')],
    ['an integer with a fraction', text(SIGNAL).replace('1800', '1800.0')],
    ['an integer with an exponent', text(SIGNAL).replace('1800', '18e2')],
    ['a zero below 0', text(ZONES['Europe/London']).replace('"offset":0', '"offset":-0')],
    ['an integer beyond what a double holds', text(SIGNAL).replace('1800', '9007199254740993')],
    ['a list', '[]'],
    ['null', 'null'],
    ['a kind that is none', text({ version: 1, kind: 'lottery' })],
    ['no kind', text({ version: 1 })],
    ['another version', plan({ version: 2 })],
    ['a field too many', plan({ more: 1 })],
    ['a field too few', text({ version: 1, kind: 'signal', step: 1 })],
    ['a currency in small letters', plan({ currency: 'eur' })],
    ['five decimals', plan({ decimals: 5 })],
    ['a price scaler above 0', plan({ priceScaler: 1 })],
    ['a price scaler of -10', plan({ priceScaler: -10 })],
    ['a standing charge beyond the limit', plan({ standing: 1_000_000_000_001 })],
    ['a standing charge at the limit', plan({ standing: -1_000_000_000_000 })],
    ['an OBIS code beyond 255', plan({ measures: '1-0:1.8.256*255' })],
    ['an OBIS code with a zero before', plan({ measures: '1-0:01.8.0*255' })],
    ['no zone', plan({ zones: [], schedule: [] })],
    ['nine zones', plan({ zones: [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => ({ name: `z${n}`, price: n })) })],
    ['two zones of one name', plan({ zones: [1, 2].map((price) => ({ name: 'a', price })) })],
    ['a zone without a name', zone({ name: '' })],
    ['a name of 64', zone({ name: 'é'.repeat(64) })],
    ['a name of 65', zone({ name: 'é'.repeat(65) })],
    ['a name of 33 characters outside the basic plane', zone({ name: '😀'.repeat(33) })],
    ['a name with a control character', zone({ name: 'a\u0085' })],
    ['a name with a lone surrogate', zone({ name: '\ud800' })],
    ['a name with quotes and a backslash', zone({ name: '"\\/' })],
    ['a price that is a text', zone({ price: '1' })],
    ['a zone with a field too many', zone({ register: '1-0:1.8.1*255' })],
    ['a rule of a zone that is not there', rule({ zone: 2 })],
    ['a rule with a field too many', rule({ months: '1' })],
    ['days that do not rise', rule({ days: '21' })],
    ['no days', rule({ days: '' })],
    ['a day of 8', rule({ days: '8' })],
    ['holidays as a number', rule({ holidays: 1 })],
    ['a season of a 13th month', rule({ season: { from: '13-01', to: '01-01' } })],
    ['a season to the 31st of February', rule({ season: { from: '01-01', to: '02-31' } })],
    ['hours without end', rule({ hours: { from: '07:00' } })],
    ['hours that are empty', rule({ hours: { from: '07:00', to: '07:00' } })],
    ['hours from 24:00', rule({ hours: { from: '24:00', to: '07:00' } })],
    ['hours to 24:00', rule({ hours: { from: '00:00', to: '24:00' } })],
    ['hours to 24:01', rule({ hours: { from: '00:00', to: '24:01' } })],
    ['64 rules', plan({ schedule: Array.from({ length: 64 }, () => ({ zone: 1 })) })],
    ['65 rules', plan({ schedule: Array.from({ length: 65 }, () => ({ zone: 1 })) })],
    ['a holiday that is no date', plan({ holidays: ['2013-02-29'] })],
    ['a holiday on a leap day', plan({ holidays: ['2012-02-29'] })],
    ['holidays that do not rise', plan({ holidays: ['2013-02-02', '2013-02-02'] })],
    ['a register twice', text({ ...DIALS, zones: DIALS.zones.map((each) => ({ ...each, register: '1-0:1.8.1*255' })) })],
    ['a register plan with a schedule', text({ ...DIALS, schedule: [] })],
    ['a signal of nothing', text({ ...SIGNAL, zones: '' })],
    ['a signal of zone 8', text({ ...SIGNAL, zones: '8' })],
    ['a signal of no step', text({ ...SIGNAL, step: 0 })],
    ['a signal of more than a day', text({ ...SIGNAL, step: 86_401 })],
    [
      'transitions that do not rise',
      text({
        ...UTC_ZONE,
        transitions: [
          [2, 0],
          [2, 1],
        ],
      }),
    ],
    ['a transition of three', text({ ...UTC_ZONE, transitions: [[2, 0, 1]] })],
    ['an offset of more than a day', text({ ...UTC_ZONE, offset: 86_401 })],
    ['501 transitions', text({ ...UTC_ZONE, transitions: Array.from({ length: 501 }, (_, at) => [at, 0]) })],
  ]
  return cases.map(([name, document]) => {
    const read = readDocument(document)
    return { name, document, fault: read.ok ? null : read.fault }
  })
}

export interface BillCase {
  readonly name: string
  readonly point: string
  readonly month: string
  readonly documents: readonly PublishedDocument[]
  readonly assignments: readonly AssignmentFact[]
  readonly readings: readonly Reading[]
}

/** As it stands in the file: each reading as the bytes of its record. */
export function billVector({ readings, ...rest }: BillCase) {
  const byMeter = new Map<string, Reading[]>()
  for (const each of readings) byMeter.set(each.meter, [...(byMeter.get(each.meter) ?? []), each])
  const bill = billOf({ ...rest, readings: byMeter }, rest.point, rest.month)
  return { ...rest, readings: readings.map(encodeReading), covered: bill.covered, ...figuresOf(bill) }
}

const reading = (meter: string, sequence: number, changes: Partial<Reading>): Reading => ({
  ...{ version: 17, meter, sequence, previous: ZERO_HASH, sentAt: 0, profiles: [], registers: [], revises: null },
  ...changes,
})
const profile = (start: string, values: number[], changes: Partial<Profile> = {}): Profile => ({
  ...{ obis: OBIS, unit: 30, scaler: 0, start: secondsAt(start), step: 1_800, values, quality: [] },
  ...changes,
})
const register = (tariff: number, at: string, value: number, changes: Partial<Register> = {}): Register => ({
  ...{ obis: Buffer.from([1, 0, 1, 8, tariff, 255]), unit: 30, scaler: 3, at: secondsAt(at), value },
  ...changes,
})
const halfHours = (count: number) => Array.from({ length: count }, (_, at) => 100 + ((at * 37) % 901))

class Ledger {
  readonly documents: PublishedDocument[] = []
  readonly assignments: AssignmentFact[] = []
  #size = 1

  publish(plan: string, validFrom: string, document: object | string): this {
    const text = typeof document === 'string' ? document : JSON.stringify(document)
    this.documents.push({ index: this.#size++, plan, validFrom: secondsAt(validFrom), document: text })
    return this
  }
  assign(meter: string, id: string, plan: string, zone = 'Europe/London', validFrom?: string): this {
    const from = validFrom === undefined ? 0 : secondsAt(validFrom)
    const usagePoint = { id, zone, feeder: '', region: '', plan }
    this.assignments.push({ index: this.#size++, meter, validFrom: from, usagePoint })
    return this
  }
  zones(): this {
    for (const [zone, document] of Object.entries(ZONES)) this.publish(zone, '1970-01-01T00:00Z', document)
    return this
  }
  bill(name: string, month: string, ...readings: Reading[]): BillCase {
    return { name, point: 'p', month, documents: this.documents, assignments: this.assignments, readings }
  }
}

const FLAT = { ...DAY_NIGHT, zones: [{ name: 'all', price: 1_250 }], schedule: [], holidays: [], standing: 0 }
const RULES = {
  ...DAY_NIGHT,
  zones: ['plain', 'night', 'winter weekend', 'holiday', 'noon'].map((name, at) => ({ name, price: 1_111 * (at + 1) - 3_000 })),
  schedule: [
    { zone: 3, holidays: true, hours: { from: '08:00', to: '20:00' } },
    { zone: 2, days: '67', holidays: false, season: { from: '10-15', to: '03-10' } },
    { zone: 1, hours: { from: '22:30', to: '06:15' } },
    { zone: 4, season: { from: '03-20', to: '03-31' }, hours: { from: '12:00', to: '24:00' } },
  ],
  holidays: ['2013-01-01', '2013-03-29', '2013-04-01'],
}

function billCases(): BillCase[] {
  const ruled = () => new Ledger().zones().publish('plan', '2013-01-01T00:00Z', RULES).assign('m', 'p', 'plan')
  const flat = (changes: object = {}) =>
    new Ledger()
      .zones()
      .publish('plan', '2013-01-01T00:00Z', { ...FLAT, ...changes })
      .assign('m', 'p', 'plan')
  const dials = (changes: object = {}) =>
    new Ledger()
      .zones()
      .publish('plan', '2013-01-01T00:00Z', { ...DIALS, ...changes })
      .assign('m', 'p', 'plan')
  const month = (start: string, days = 31, changes: Partial<Profile> = {}) =>
    reading('m', 1, { profiles: [profile(start, halfHours(48 * days), changes)] })
  const some = (...profiles: Profile[]) => reading('m', 1, { profiles })
  return [
    ruled().bill('rules in March, with the clock going forward', '2013-03', month('2013-03-01T00:00Z')),
    ruled().bill('rules in October, with the clock going back', '2013-10', month('2013-10-01T00:00Z')),
    ruled().bill('a season over the new year', '2013-01', month('2012-12-31T00:00Z')),
    ruled().bill('a month that begins in the day before it', '2013-04', month('2013-03-31T00:00Z')),
    ruled().bill('a month without readings', '2013-07', month('2013-03-01T00:00Z')),
    new Ledger()
      .zones()
      .publish('plan', '2000-01-01T00:00Z', { ...RULES, standing: 7 })
      .assign('m', 'p', 'plan', 'Pacific/Apia')
      .bill('a date that no moment has', '2011-12', month('2011-12-15T00:00Z', 20)),
    new Ledger()
      .zones()
      .publish('plan', '2000-01-01T00:00Z', { ...RULES, standing: 7 })
      .assign('m', 'p', 'plan', 'America/Sao_Paulo')
      .bill('clocks that change at midnight', '2014-02', month('2014-01-30T00:00Z', 33)),
    ruled()
      .publish('plan', '2013-03-15T12:00Z', { ...RULES, decimals: 4, standing: 99, schedule: [] })
      .publish('plan', '2013-03-20T00:00Z', '{}')
      .publish('plan', '2013-03-25T00:00Z', { ...RULES, currency: 'GBP' })
      .publish('plan', '2013-03-25T00:00Z', { ...RULES, currency: 'SEK', decimals: 0 })
      .bill('a plan that changes, to two currencies, and once in no form', '2013-03', month('2013-03-01T00:00Z')),
    new Ledger()
      .zones()
      .assign('m', 'p', 'plan')
      .publish('plan', '2013-03-10T00:00Z', FLAT)
      .bill('a plan that begins in the month', '2013-03', month('2013-03-01T00:00Z')),
    ruled()
      .assign('n', 'q', 'plan')
      .assign('m', 'q', 'plan', 'Europe/London', '2013-03-10T10:00Z')
      .assign('n', 'p', 'plan', 'UTC', '2013-03-10T10:00Z')
      .assign('m', 'p', 'none', 'Europe/London', '2013-03-30T00:00Z')
      .assign('m', 'p', 'plan', 'Europe/London', '2013-03-30T00:00Z')
      .bill('an exchange of meters, into another zone', '2013-03', month('2013-03-01T00:00Z'), {
        ...month('2013-03-01T00:00Z'),
        meter: 'n',
      }),
    flat({ signal: true, zones: FLAT.zones.concat({ name: 'high', price: 9_000 }) })
      .publish('plan', '2013-03-05T00:00Z', SIGNAL)
      .publish('plan', '2013-03-05T00:30Z', { ...SIGNAL, step: 3_600, zones: '1-0' })
      .publish('plan', '2013-03-05T02:30Z', { ...SIGNAL, zones: '7' })
      .publish('else', '2013-03-05T00:00Z', { ...SIGNAL, zones: '1111' })
      .bill(
        'signals, of which the latest that says something counts',
        '2013-03',
        some(
          profile(
            '2013-03-04T23:00Z',
            [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map((n) => n * 1_000),
          ),
        ),
      ),
    ...[500, 1_500, -500, -1_500, 499, 501].map((value) =>
      flat({ zones: [{ name: 'all', price: 100 }] }).bill(
        `rounding of ${value} Wh at 0.01`,
        '2013-03',
        some(profile('2013-03-05T00:00Z', [value])),
      ),
    ),
    ...[500, 1_500, -2_500].map((standing) =>
      flat({ standing, priceScaler: -5, decimals: 1 }).bill(
        `rounding of a standing charge of ${standing}`,
        '2013-03',
        some(profile('2013-03-05T00:00Z', [0])),
      ),
    ),
    ...[-9, 9].map((scaler) =>
      flat().bill(`a scaler of ${scaler}`, '2013-03', some(profile('2013-03-05T00:00Z', [1, 999_999_937, -3], { scaler }))),
    ),
    flat({ decimals: 0, priceScaler: -9 }).bill('no decimals', '2013-03', month('2013-03-01T00:00Z')),
    flat().bill(
      'estimates',
      '2013-03',
      some(
        profile('2013-03-05T00:00Z', halfHours(12), {
          quality: [0, 7, 8, 9, 13, 14, 15, 16, 17, 255].map((code, at) => ({ code, count: at < 2 ? 2 : 1 })),
        }),
      ),
    ),
    flat().bill(
      'another quantity',
      '2013-03',
      some(profile('2013-03-05T00:00Z', [5], { obis: Buffer.from([1, 0, 2, 8, 0, 255]) })),
    ),
    flat().bill(
      'another unit among others',
      '2013-03',
      some(profile('2013-03-05T00:00Z', [5, 6], { unit: 32 }), profile('2013-03-06T00:00Z', [7])),
    ),
    flat().bill('another unit alone', '2013-03', some(profile('2013-03-05T00:00Z', [5, 6], { unit: 32 }))),
    new Ledger()
      .publish('plan', '2013-01-01T00:00Z', RULES)
      .assign('m', 'p', 'plan')
      .bill('a zone that nobody published', '2013-03', month('2013-03-01T00:00Z')),
    new Ledger()
      .publish('Europe/London', '2013-03-20T00:00Z', ZONES['Europe/London'])
      .publish('plan', '2013-01-01T00:00Z', FLAT)
      .assign('m', 'p', 'plan')
      .bill(
        'a zone that was published later',
        '2013-03',
        some(profile('2013-03-25T00:00Z', [5])),
        reading('m', 2, { profiles: [profile('2013-02-25T00:00Z', [7])] }),
      ),
    new Ledger()
      .publish('plan', '2013-01-01T00:00Z', RULES)
      .assign('m', 'p', 'plan', 'Etc/UTC')
      .bill('UTC needs no document', '2013-03', month('2013-03-01T00:00Z')),
    flat().bill(
      'one interval in one message several times',
      '2013-03',
      some(
        profile('2013-03-05T00:00Z', [5]),
        profile('2013-03-05T00:00Z', [6]),
        profile('2013-03-05T00:00Z', [4], { scaler: 1 }),
        profile('2013-03-05T00:00Z', [9], { scaler: 1, step: 900 }),
        profile('2013-03-05T00:00Z', [9], { scaler: 1, quality: [{ code: 8, count: 1 }] }),
      ),
    ),
    flat().bill(
      'the highest sequence holds, whatever is in it',
      '2013-03',
      some(profile('2013-03-05T00:00Z', halfHours(4))),
      reading('m', 9, { profiles: [profile('2013-03-05T00:30Z', [1, 2])] }),
      reading('m', 5, { profiles: [profile('2013-03-05T00:00Z', [7, 8])] }),
    ),
    flat().bill(
      'a correction of another length',
      '2013-03',
      some(profile('2013-03-05T00:00Z', halfHours(8))),
      reading('m', 2, { revises: 1, profiles: [profile('2013-03-05T00:45Z', [50, 60], { step: 3_600 })] }),
      reading('m', 3, { revises: 2, profiles: [profile('2013-03-05T02:30Z', [70], { step: 900 })] }),
    ),
    flat().bill(
      'a correction of another quantity, and one of a later reading',
      '2013-03',
      some(profile('2013-03-05T00:00Z', [1, 2, 3])),
      reading('m', 2, {
        revises: 1,
        profiles: [profile('2013-03-05T00:00Z', [9], { step: 86_400, obis: Buffer.from([1, 0, 2, 8, 0, 255]) })],
      }),
      reading('m', 4, { profiles: [profile('2013-03-05T00:30Z', [11])] }),
      reading('m', 3, { revises: 1, profiles: [profile('2013-03-05T00:15Z', [13])] }),
    ),
    dials().bill(
      'registers',
      '2013-03',
      reading('m', 1, {
        registers: [
          register(1, '2013-02-27T00:00Z', 100),
          register(2, '2013-03-01T00:00Z', 50),
          register(9, '2013-03-02T00:00Z', 1),
        ],
      }),
      reading('m', 2, { registers: [register(1, '2013-03-10T00:00Z', 110), register(2, '2013-03-31T22:59Z', 57)] }),
      reading('m', 3, {
        registers: [register(1, '2013-04-20T00:00Z', 150), register(2, '2013-06-01T00:00Z', 58_000, { scaler: 0 })],
      }),
    ),
    dials().bill(
      'a register that fell, and one of another unit',
      '2013-03',
      reading('m', 1, { registers: [register(1, '2013-03-01T00:00Z', 100), register(2, '2013-03-01T00:00Z', 50)] }),
      reading('m', 2, { registers: [register(1, '2013-03-10T00:00Z', 90), register(2, '2013-03-20T00:00Z', 57, { unit: 32 })] }),
      reading('m', 3, { registers: [register(1, '2013-03-20T00:00Z', 95)] }),
    ),
    dials().bill(
      'a register that was corrected',
      '2013-03',
      reading('m', 1, { registers: [register(1, '2013-03-01T00:00Z', 100), register(1, '2013-03-01T00:00Z', 9, { scaler: 4 })] }),
      reading('m', 2, { registers: [register(1, '2013-03-10T00:00Z', 90)] }),
      reading('m', 3, { revises: 2, registers: [register(1, '2013-03-10T00:00Z', 123)] }),
    ),
    dials()
      .publish('plan', '2013-03-10T00:00Z', FLAT)
      .bill(
        'from registers to intervals',
        '2013-03',
        reading('m', 1, {
          registers: [
            register(1, '2013-03-05T00:00Z', 1),
            register(1, '2013-03-12T00:00Z', 3),
            register(1, '2013-03-20T00:00Z', 9),
          ],
          profiles: [profile('2013-03-09T23:30Z', [4, 5])],
        }),
      ),
  ]
}

/** A place in the proof, as names and numbers from outside; `to` missing: what is there is taken out. */
export interface Change {
  readonly at: readonly (string | number)[]
  readonly to?: unknown
}

/** The proof with its changes made, one after the other. */
export function changedProof(proof: BillProof, changes: readonly Change[]): unknown {
  const copy: unknown = JSON.parse(JSON.stringify(proof))
  for (const { at, to } of changes) {
    const last = at.at(-1) ?? ''
    const inside = at.slice(0, -1).reduce((value, name) => (value as Record<string | number, unknown>)[name], copy) as Record<
      string | number,
      unknown
    >
    if (to !== undefined) inside[last] = to
    else if (Array.isArray(inside)) inside.splice(Number(last), 1)
    else delete inside[last]
  }
  return copy
}

function proofVectors() {
  const chain = billChain()
  const proof = proveBill(chain.held('point', '2026-03', ['new', 'old']))
  const partial = proveBill(chain.held('point', '2026-03', ['new', 'old'], [1, 2, 3, 4, 5, 6, 7]))
  const flip = (text: string) => `${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`
  const [first] = proof.lines
  const old = proof.meters[1]?.readings ?? []
  const fresh = proof.meters[0]?.readings ?? []
  if (first === undefined) throw new Error('a bill without lines')
  const signatures = proof.checkpoint.note.split('\n')
  const short = { ...chain.held('point', '2026-03', ['new', 'old']) }
  const forged = proveBill({
    ...short,
    meters: short.meters.map((each) => ({
      ...each,
      readings: each.readings.filter(({ reading: { meter, sequence } }) => meter !== 'old' || sequence !== 9),
    })),
  })
  const figures = ({ lines, totals }: BillProof): Change[] => [
    { at: ['lines'], to: lines },
    { at: ['totals'], to: totals },
  ]
  const cases: [string, Change[]][] = [
    ['as it is', []],
    ['with some of the events', [{ at: ['registry', 'events'], to: partial.registry.events }]],
    ['a field too many', [{ at: ['more'], to: 1 }]],
    ['another version', [{ at: ['version'], to: 2 }]],
    ['another kind', [{ at: ['kind'], to: 'inclusion' }]],
    ['another chain', [{ at: ['chainId'], to: flip(proof.chainId) }]],
    ['another usage point', [{ at: ['point'], to: 'elsewhere' }]],
    ['another month', [{ at: ['month'], to: '2026-02' }]],
    ['a month that is none', [{ at: ['month'], to: '2026-13' }]],
    ['another price', [{ at: ['lines', 0, 'price'], to: 3_126 }]],
    ['another amount', [{ at: ['lines', 0, 'amount'], to: '57.02' }]],
    ['another energy', [{ at: ['lines', 1, 'kwh'], to: '35.984000000001' }]],
    ['another count', [{ at: ['lines', 1, 'count'], to: 21 }]],
    ['another name of a zone', [{ at: ['lines', 1, 'name'], to: 'Night' }]],
    ['an amount with another digit count', [{ at: ['lines', 0, 'amount'], to: `${first.amount}0` }]],
    ['a line that is missing', [{ at: ['lines', 1] }]],
    ['a line twice', [{ at: ['lines'], to: [...proof.lines, first] }]],
    ['another sum', [{ at: ['totals', 0, 'amount'], to: '111.881' }]],
    ['no sum', [{ at: ['totals'], to: [] }]],
    ['a problem', [{ at: ['problems'], to: ['wrong-unit'] }]],
    [
      'another document',
      [{ at: ['registry', 'events', 2, 'body'], to: proof.registry.events[2]?.body.replace('33313237', '33313236') }],
    ],
    ['an event of a plan left out', [{ at: ['registry', 'events', 7] }]],
    ['an assignment left out', [{ at: ['registry', 'events', 5] }]],
    ['an event in another place', [{ at: ['registry', 'events', 2, 'index'], to: 3 }]],
    ['a meter left out', [{ at: ['meters', 0] }, { at: ['registry', 'enrolments', 0] }]],
    ['an enrolment left out', [{ at: ['registry', 'enrolments', 0] }]],
    ['another enrolment', [{ at: ['registry', 'enrolments', 1, 'meter'], to: flip(proof.registry.enrolments[1]?.meter ?? '') }]],
    ['another registry', [{ at: ['registry', 'block'], to: 39 }]],
    [
      'a reading with another value',
      [
        {
          at: ['meters', 1, 'readings', 4, 'bytes'],
          to: (old[4]?.bytes ?? '').replace(
            /^(.{120})(.)/,
            (_, before: string, digit: string) => before + (digit === '0' ? '1' : '0'),
          ),
        },
      ],
    ],
    ['a reading with another signature', [{ at: ['meters', 1, 'readings', 4, 'bytes'], to: flip(old[4]?.bytes ?? '') }]],
    ['a reading left out', [{ at: ['meters', 1, 'readings', 6] }]],
    ['a reading left out, and the lines made to fit', [{ at: ['meters', 1, 'readings', 6] }, ...figures(forged)]],
    ['a reading that is not about the month left out', [{ at: ['meters', 0, 'readings', 21] }]],
    ['a correction left out', [{ at: ['meters', 0, 'readings', 26] }]],
    ['a reading of the month without its proof', [{ at: ['meters', 1, 'readings', 6], to: { bytes: old[6]?.bytes } }]],
    ['readings in another order', [{ at: ['meters', 1, 'readings'], to: old.toReversed() }]],
    ['a reading of another meter', [{ at: ['meters', 1, 'readings', 0], to: fresh[0] }]],
    ['a reading in another block', [{ at: ['meters', 1, 'readings', 0, 'block'], to: 3 }]],
    ['a reading that does not count', [{ at: ['blocks', 1, 'notCounted'], to: [{ entry: 0, code: 5 }] }]],
    ['another header', [{ at: ['blocks', 1, 'header'], to: flip(proof.blocks[1]?.header ?? '') }]],
    ['another verdict before', [{ at: ['blocks', 1, 'parentVerdict'], to: flip(proof.blocks[1]?.parentVerdict ?? '') }]],
    ['another place in the checkpoint', [{ at: ['blocks', 1, 'index'], to: 0 }]],
    ['two signatures of four', [{ at: ['checkpoint', 'note'], to: `${signatures.slice(0, 6).join('\n')}\n` }]],
    ['a signature twice', [{ at: ['checkpoint', 'note'], to: `${[...signatures.slice(0, 6), signatures[5]].join('\n')}\n` }]],
    [
      'another size of the checkpoint',
      [{ at: ['checkpoint', 'note'], to: proof.checkpoint.note.replace(`\n${signatures[1]}\n`, '\n99\n') }],
    ],
  ]
  return {
    genesis: chain.genesis,
    proof,
    proofs: cases.map(([name, changes]) => {
      const checked = checkBill(changedProof(proof, changes), chain.genesis, sodiumSignatures)
      const hasGaps = checked.ok && checked.proved.meters.some(({ gaps }) => gaps.length > 0)
      return { name, changes, holds: checked.ok && !hasGaps, holdsWithGaps: checked.ok }
    }),
  }
}

export const billVectors = () => ({ documents: documentVectors(), bills: billCases().map(billVector), ...proofVectors() })
