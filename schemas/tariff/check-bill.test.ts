import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { type Json, mutate, placesOf, replaceAt } from '../../infra/testing/json-mutation.js'
import { cases, isThorough } from '../../infra/testing/thorough.js'
import { BillVectorChain, billChain, DIALS, sixHours, usagePoint } from '../../infra/testing/vectors/bill-chain.js'
import type { BillProof } from './bill-proof-format.js'
import { checkBill } from './check-bill.js'
import { dayOfDate } from './civil.js'
import { proveBill } from './prove-bill.js'

const chain = billChain()
const METERS = ['new', 'old']
const check = (proof: unknown, genesis = chain.genesis) => checkBill(proof, genesis, sodiumSignatures)
const proof = proveBill(chain.held('point', '2026-03', METERS))
const proved = (each: unknown) => {
  const checked = check(each)
  if (!checked.ok) throw new Error(checked.reason)
  return checked.proved
}
const reasonOf = (each: unknown, genesis = chain.genesis) => {
  const checked = check(each, genesis)
  return checked.ok ? 'it holds' : checked.reason
}
/** The proof with one value changed. */
const changed = (place: string, change: (old: Json) => Json) =>
  replaceAt(proof as unknown as Json, place.split('.'), change) as unknown as BillProof
const without = (place: string) => {
  const names = place.split('.')
  const at = Number(names.pop())
  return changed(names.join('.'), (list) => (list as Json[]).toSpliced(at, 1))
}
const readingsOf = (meter: string, each = proof) => each.meters.find((one) => one.meter === meter)?.readings ?? []
const flipped = (text: Json) => `${String(text).slice(0, -1)}${String(text).endsWith('0') ? '1' : '0'}`

describe('the proof of a bill', () => {
  test('shows a bill over an exchange of meters, a change of plan, and a correction', () => {
    const { bill, meters, registry, monthSeconds } = proved(proof)
    expect(bill.lines.map(({ name, event, count, decimals }) => [name, event, count, decimals])).toEqual([
      ['day', 2, 54, 2],
      ['night', 2, 22, 2],
      ['day', 7, 32, 3],
      ['night', 7, 16, 3],
      ['standing', 2, 20, 2],
      ['standing', 7, 11, 3],
    ])
    expect([bill.covered, monthSeconds]).toEqual([124 * 21_600, 31 * 86_400 - 3_600])
    expect(registry).toMatchObject({ size: 8, events: 8, isWhole: true })
    expect(meters).toEqual([
      { meter: 'new', isHere: true, sequences: { from: 1, to: 27 }, counted: 19, linked: 8, gaps: [] },
      { meter: 'old', isHere: true, sequences: { from: 3, to: 21 }, counted: 19, linked: 0, gaps: [] },
    ])
  })

  test('with some events alone holds too, and says that it does not have all', () => {
    const some = proveBill(chain.held('point', '2026-03', METERS, [1, 2, 3, 4, 5, 6, 7]))
    expect(proved(some).registry).toMatchObject({ size: 8, events: 7, isWhole: false })
  })

  test('of a month in which nothing was measured has no lines', () => {
    const empty = proved(proveBill(chain.held('point', '2025-03', [...METERS])))
    expect(empty.bill.lines).toEqual([])
  })
})

describe('refused, with a reason that a person can follow, is', () => {
  const firstOf = (meter: string, from: number) =>
    `meters.${METERS.indexOf(meter)}.readings.${readingsOf(meter).findIndex((each, at) => at >= from && 'block' in each)}`

  test.each<[string, BillProof, RegExp]>([
    [
      'a price in a line',
      changed('lines.1.price', () => 1_950),
      /^line 1, ‘night’ of plan day and night \(event 2\): its price is 1950, and the entries and the plan give 1951$/,
    ],
    [
      'an amount',
      changed('lines.0.amount', flipped),
      /^line 0, ‘day’ .*: its amount is \d+\.\d\d, and the entries and the plan give/,
    ],
    ['energy', changed('lines.3.kwh', flipped), /^line 3, ‘night’ of plan day and night \(event 7\): its kwh is/],
    [
      'a line that is missing',
      without('lines.2'),
      /^line 2 should be ‘day’ of plan day and night \(event 7\), which is missing$/,
    ],
    [
      'a line in another place',
      changed('lines', (all) => (all as Json[]).toReversed()),
      /^line 0 should be ‘day’.*, which is in another place$/,
    ],
    [
      'a line too many',
      changed('lines', (all) => [...(all as Json[]), { ...(all as { [name: string]: Json }[])[0], event: 99 }]),
      /^line 6, .* is not in the bill/,
    ],
    ['the sum', changed('totals.0.amount', () => '1.000'), /^the bill is 1\.000 EUR, and its lines give \d+\.\d{3} EUR$/],
    ['a problem', changed('problems', () => ['wrong-unit']), /^the bill is .* EUR, wrong-unit, and its lines give/],
    ['another month', changed('month', () => '2026-04'), /^reading 19 of meter new is about the month, and it is not shown/],
    ['a month that is none', changed('month', () => '2026-13'), /^'2026-13' is no month \(YYYY-MM\)$/],
    ['another usage point', changed('point', () => 'elsewhere'), /^line 0 should be|^line 0, ‘day’ .* is not in the bill/],
    [
      'another plan’s document',
      changed('registry.events.2.body', (body) => String(body).replace('33313237', '33313236')),
      /^event 2 is not in the registry of 8 events that block 0 names$/,
    ],
    [
      'a plan’s event left out',
      without('registry.events.7'),
      /^line 0, ‘day’ of plan day and night \(event 2\): its count is 54,/,
    ],
    [
      'an event twice',
      changed('registry.events', (all) => [...(all as Json[]), ...(all as Json[]).slice(-1)]),
      /^event 7 of the registry is out of order$/,
    ],
    [
      'the assignment of a meter that is left out',
      changed('meters', (all) => (all as Json[]).slice(1)),
      /^there is not one enrolment for each meter$/,
    ],
    [
      'a meter left out with its enrolment',
      { ...without('meters.0'), registry: { ...proof.registry, enrolments: proof.registry.enrolments.slice(1) } },
      /^event 6 puts meter new at the usage point, and that meter is missing$/,
    ],
    ['another enrolment', changed('registry.enrolments.1.meter', flipped), /^meter old is not enrolled by event 3 as it says$/],
    [
      'an enrolment by another event',
      changed('registry.enrolments.1.event', () => 2),
      /^event 2, which is to enrol meter old, is not here, or enrols nobody$/,
    ],
    [
      'a changed value in a reading',
      changed(`${firstOf('new', 3)}.bytes`, (text) =>
        String(text).replace(
          /(..)(.{128})$/,
          (_, byte: string, signature: string) => `${byte === '00' ? '02' : '00'}${signature}`,
        ),
      ),
      /^reading .* of meter new is (no canonical reading|not in block)/,
    ],
    ['a changed signature', changed(`${firstOf('new', 3)}.bytes`, flipped), /^reading \d+ of meter new is not in block \d+/],
    [
      'a reading of another meter',
      changed('meters.1.readings', (all) => [...readingsOf('new').slice(0, 1), ...(all as Json[])] as Json),
      /^reading 0 of meter old is of new$/,
    ],
    [
      'readings out of order',
      changed('meters.1.readings', (all) => (all as Json[]).toReversed()),
      /^readings of meter old are out of order: sequence 20 follows 21$/,
    ],
    [
      'a reading of the month without its proof',
      changed(firstOf('old', 6), (each) => ({ bytes: (each as { bytes: string }).bytes })),
      /^reading 9 of meter old is about the month, and it is not shown that it counts$/,
    ],
    [
      'a reading that the next does not name',
      changed('meters.0.readings.21.bytes', () => readingsOf('new')[22]?.bytes ?? ''),
      /out of order|not the one that the reading after it names/,
    ],
    [
      'a reading in a block where it is not',
      changed(`${firstOf('new', 3)}.index`, (at) => Number(at) + 1),
      /^reading \d+ of meter new is not in block \d+ \(lane 0, height \d+\)$/,
    ],
    [
      'a block that is not there',
      changed(`${firstOf('new', 3)}.block`, () => 39),
      /^there is no block 39, in which reading \d+ of meter new is to be$/,
    ],
    [
      'a verdict that leaves out a reading',
      changed('blocks.1.notCounted', () => [{ entry: 0, code: 5 }]),
      /^block 1 \(lane 0, height \d+\) is not in the checkpoint with that verdict$/,
    ],
    ['another header', changed('blocks.0.header', flipped), /^(block 0 .* is not in the checkpoint|the header of block 0)/],
    ['a registry of an older block', changed('registry.block', () => 0), /names a larger registry than block 0|it holds/],
    ['a registry of no block', changed('registry.block', () => 40), /^there is no block 40, which is to name the registry$/],
    [
      'too few signatures under the checkpoint',
      changed('checkpoint.note', (note) => `${String(note).split('\n').slice(0, 6).join('\n')}\n`),
      /^signatures of the checkpoint weigh 2 of 4: not more than 2\/3$/,
    ],
    [
      'another root in the checkpoint',
      changed('checkpoint.note', (note) => String(note).replace(/\n(\d+)\n/, (_, size: string) => `\n${Number(size) + 1}\n`)),
      /^a signature of the checkpoint does not hold$/,
    ],
    ['another chain', changed('chainId', flipped), /^it is of chain .*, and the genesis of chain/],
    ['a field too many', { ...proof, more: 1 } as unknown as BillProof, /^not of the form of a proof of a bill/],
  ])('%s', (_what, each, reason) => expect(reasonOf(each)).toMatch(reason))

  test('a bill of another genesis', () => {
    const other = new BillVectorChain()
    other.add('x', { kind: 'SetRules', rules: 2 })
    expect(reasonOf(proof, Buffer.alloc(3))).toMatch(/^the genesis itself does not hold/)
  })
})

describe('readings that were left out', () => {
  const last = readingsOf('old').length - 1

  test('in the middle are told as a gap, even where the lines are made to fit', () => {
    const short = without('meters.1.readings.8')
    expect(reasonOf(short)).toMatch(/^line 1, ‘night’ .*: its count is 22, and the entries and the plan give 18$/)
    const held = chain.held('point', '2026-03', METERS)
    const forged = proveBill({
      ...held,
      meters: held.meters.map((each) => ({
        ...each,
        readings: each.readings.filter(({ reading }) => each.meter !== 'old' || reading.sequence !== 9),
      })),
    })
    expect(proved(forged).meters[1]?.gaps).toEqual([{ from: 9, to: 9 }])
  })

  test('at an end change the lines; where these are made to fit, less of the month is measured', () => {
    expect(reasonOf(without(`meters.1.readings.${last}`))).toBe('it holds')
    expect(reasonOf(without('meters.0.readings.26'))).toBe(
      'reading 26 of meter new is not the one that the reading after it names',
    )
    const held = chain.held('point', '2026-03', METERS)
    const forged = proveBill({ ...held, meters: held.meters.map((each) => ({ ...each, readings: each.readings.slice(0, 12) })) })
    expect(proved(forged).bill.covered).toBeLessThan(proved(proof).bill.covered)
  })
})

/** Registers whose last difference ends long after the month; corrections; a gap that was never filled; a meter with a new key. */
function registerChain(): BillVectorChain {
  const made = new BillVectorChain()
  const march = dayOfDate('2026-03-01') ?? 0
  made.publish('Europe/Berlin', '2000-01-01T00:00Z', { version: 1, kind: 'time-zone', offset: 3_600, transitions: [] })
  made.publish('dials', '2026-01-01T00:00Z', DIALS)
  made.enrol([{ meter: 'dial', usagePoint: usagePoint('point', 'dials') }])
  const register = (tariff: number, day: number, value: number) => ({
    ...{ obis: Buffer.from([1, 0, 1, 8, tariff, 255]), unit: 30, scaler: 3, at: day * 86_400, value },
  })
  made.send('dial', { registers: [register(1, march - 10, 5), register(2, march - 10, 7)] })
  made.send('dial', { registers: [register(1, march + 3, 9), register(2, march + 3, 8)] })
  made.send('dial', { registers: [register(1, march + 20, 12)] }, 2)
  made.seal()
  // nothing of the month until August
  for (let day = march + 60; day < march + 65; day++) made.send('dial', { profiles: [sixHours(day, [1, 1, 1, 1])] })
  made.send('dial', { registers: [register(1, march + 160, 30), register(2, march + 160, 31)] })
  made.send('dial', { registers: [register(1, march + 190, 40)] })
  made.send('dial', { registers: [register(1, march + 191, 50)] })
  made.seal()
  return made
}

describe('a bill by registers', () => {
  const registers = registerChain()
  const of = (each: unknown) => checkBill(each, registers.genesis, sodiumSignatures)
  const made = proveBill(registers.held('point', '2026-03', ['dial']))

  test('needs the readings with which its last differences end, and no others after the month', () => {
    const checked = of(made)
    if (!checked.ok) throw new Error(checked.reason)
    const { bill, meters } = checked.proved
    expect(bill.lines.map(({ name, count, energy }) => [name, count, Number(energy / 10n ** 12n)])).toEqual([
      ['dial 1', 2, 21],
      ['dial 2', 1, 23],
      ['standing', 31, 0],
    ])
    expect(meters).toMatchObject([{ sequences: { from: 2, to: 11 }, counted: 3, linked: 5, gaps: [{ from: 3, to: 4 }] }])
  })

  test('is refused where the end of a difference is passed over', () => {
    const readings = made.meters[0]?.readings ?? []
    const at = readings.findLastIndex((each) => 'block' in each)
    const bytes = readings[at]?.bytes ?? ''
    const passed = { ...made, meters: [{ meter: 'dial', readings: readings.with(at, { bytes }) }] }
    expect(of(passed)).toEqual({
      ok: false,
      reason: 'reading 11 of meter dial is about the month, and it is not shown that it counts',
    })
  })
})

test('whatever is changed in the proof of a bill, it fails or proves the same bill', () => {
  const places = placesOf(proof as unknown as Json)
  let refused = 0
  let runs = 0
  const { bill } = proved(proof)
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.nat(), (place, seed) => {
      const checked = check(replaceAt(proof as unknown as Json, place, (value) => mutate(value, seed)))
      runs++
      if (checked.ok) {
        const { lines, totals } = checked.proved.bill
        expect({ lines, totals }).toEqual({ lines: bill.lines, totals: bill.totals })
      } else refused++
    }),
    cases(150),
  )
  if (isThorough) expect(refused / runs).toBeGreaterThan(0.9)
})
