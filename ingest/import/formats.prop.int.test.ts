import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { isFull } from '../../infra/testing/full.js'
import { readContent } from '../../infra/testing/read-import.js'
import { isThorough } from '../../infra/testing/thorough.js'
import { ZERO_HASH } from '../../schemas/hash.js'
import { LIMITS } from '../../schemas/limits.js'
import { checkReading } from '../../schemas/reading.js'
import { encodeReading } from '../../schemas/records.js'
import { FORMATS } from './formats.js'
import { type Marks, PendingMarks } from './piece.js'
import { seriesPiece } from './plan-series.js'

const runs = (daily: number) => ({ numRuns: (isFull ? 10 : isThorough ? 3 : 1) * daily })

const VALUES = Array.from({ length: 48 }, (_each, n) => `${n}.25`).join(',')
const NEM12 = `100,NEM12,202003051200,A,B\n200,NMI0000001,E1B1,1,E1,,S,kWh,30,\n300,20200301,${VALUES},V,,,20200302120000,\n400,1,20,F14,76,\n400,21,48,A,,\n200,NMI0000001,E1B1,1,B1,,S,Wh,30,\n300,20200301,${VALUES},A,,,,\n500,O,,,\n900\n`
const GREEN_BUTTON = `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xmlns:e="http://naesb.org/espi">
<updated>2020-03-01T00:00:00Z</updated>
<entry><id>urn:uuid:1</id><link rel="self" href="U/1"/><link rel="related" href="U/1/MeterReading"/><content><e:UsagePoint/></content></entry>
<entry><link rel="self" href="U/1/MeterReading/1"/><link rel="related" href="T"/><content><e:MeterReading/></content></entry>
<entry><link rel="self" href="T"/><content><e:ReadingType><e:uom>72</e:uom><e:accumulationBehaviour>4</e:accumulationBehaviour>
<e:intervalLength>900</e:intervalLength><e:powerOfTenMultiplier>-3</e:powerOfTenMultiplier></e:ReadingType></content></entry>
<entry><link rel="self" href="U/1/MeterReading/1/IntervalBlock/1"/><content><e:IntervalBlock>
<e:interval><e:start>1583560800</e:start><e:duration>7200</e:duration></e:interval>
<e:IntervalReading><e:ReadingQuality><e:quality>8</e:quality></e:ReadingQuality><e:timePeriod><e:start>1583560800</e:start>
<e:duration>900</e:duration></e:timePeriod><e:value>41</e:value></e:IntervalReading>
<e:IntervalReading><e:value>42</e:value></e:IntervalReading></e:IntervalBlock></content></entry></feed>`
const LCL = 'LCLid,tstp,energy(kWh/hh)\nMAC1,2013-01-01 00:00:00, 0.5 \nMAC1,2013-01-01 00:30:00,Null\n'

/** Parts that mean something to one format or another. */
const TOKENS = [
  '100,NEM12,',
  '\n200,NMI0000001,E1,1,E1,,,kWh,5,',
  '\n300,20200301,',
  '400,',
  ',',
  '\n',
  '\r',
  'V',
  '-',
  '1e9',
  '.',
  '0',
  '99999999999999999',
  'N',
  '"',
  '\u0000',
  '<',
  '>',
  '<e:',
  '</e:',
  '&',
  '&#x0;',
  '<!DOCTYPE',
  '<![CDATA[',
  ']]>',
  '<!--',
  '<?',
  'xmlns:e=""',
  'href="',
  '__proto__',
  'constructor',
  '\uFEFF',
  '\uD800',
  '𝟙',
]

/** A good file of which parts are cut out, repeated, or replaced. */
const damaged = (text: string) =>
  fc
    .array(fc.tuple(fc.nat(text.length), fc.nat(40), fc.oneof(fc.constantFrom(...TOKENS), fc.string({ maxLength: 6 }))), {
      minLength: 1,
      maxLength: 6,
    })
    .map((changes) => changes.reduce((now, [at, length, part]) => now.slice(0, at) + part + now.slice(at + length), text))

/** Whatever comes of a file, a meter can sign it. */
async function canBeSigned(content: string | Buffer, format: (typeof FORMATS)[number]): Promise<void> {
  const { messages, told } = await readContent(content, format)
  for (const text of told) expect(text).toMatch(/^[1-9]\d*: \S.*$/)
  for (const {
    meter,
    content: { sentAt, profiles, registers = [], revises = null },
  } of messages) {
    const reading = { version: 17, meter, sequence: LIMITS.long, previous: ZERO_HASH, sentAt, profiles, registers, revises }
    expect(checkReading(reading)).toBeUndefined()
    expect(encodeReading(reading).length + 64).toBeLessThanOrEqual(LIMITS.readingBytes)
  }
}

describe('no file ends an import but by a reason with a line', () => {
  test('damaged files of every format', async () => {
    const files = fc.oneof(damaged(NEM12), damaged(GREEN_BUTTON), damaged(LCL))
    await fc.assert(
      fc.asyncProperty(files, fc.constantFrom(...FORMATS), async (content, format) => canBeSigned(content, format)),
      runs(400),
    )
  }, 60_000)

  test('bytes that are nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 200 }),
        fc.boolean(),
        fc.constantFrom(...FORMATS),
        async (bytes, isPacked, format) =>
          canBeSigned(isPacked ? Buffer.from([0x1f, 0x8b, ...bytes]) : Buffer.from(bytes), format),
      ),
      runs(100),
    )
  }, 60_000)
})

test('a NEM12 day of any numbers comes in with their sum, to the last digit', async () => {
  const number = fc
    .tuple(fc.nat(999_999), fc.nat(9_999), fc.nat(4))
    .map(([whole, part, places]) => (places === 0 ? String(whole) : `${whole}.${String(part).padStart(4, '0').slice(0, places)}`))
  const unit = fc.constantFrom(['Wh', 0], ['kWh', 3], ['MWh', 6]) as fc.Arbitrary<[string, number]>
  await fc.assert(
    fc.asyncProperty(fc.array(number, { minLength: 288, maxLength: 288 }), unit, async (numbers, [uom, prefix]) => {
      const { messages, told } = await readContent(`200,NMI0000001,E1,1,E1,,,${uom},5,\n300,20200301,${numbers.join(',')},A\n`)
      expect(told).toEqual([])
      // in units of 10^-9 Wh
      const written = numbers.reduce((sum, text) => {
        const [whole = '', part = ''] = text.split('.')
        return sum + BigInt(whole + part.padEnd(9, '0')) * 10n ** BigInt(prefix)
      }, 0n)
      const read = messages.flatMap(({ content: { profiles } }) =>
        profiles.flatMap(({ scaler, values }) => values.map((value) => BigInt(value) * 10n ** BigInt(scaler + 9))),
      )
      expect(read.reduce((sum, value) => sum + value, 0n)).toBe(written)
    }),
    runs(50),
  )
}, 60_000)

/** Hours of one channel in two days: a small world in which much collides. */
const HOUR = 3_600
const series = fc
  .record({
    version: fc.nat(3),
    scaler: fc.constantFrom(0, -1),
    step: fc.constantFrom(HOUR, HOUR / 2, 2 * HOUR),
    places: fc.uniqueArray(fc.nat(30), { minLength: 1, maxLength: 12 }),
    value: fc.nat(2),
    quality: fc.constantFrom(0, 8),
  })
  .map(({ version, scaler, step, places, value, quality }) => ({
    ...{
      meter: 'm',
      zone: 'UTC',
      obis: Buffer.from([1, 0, 1, 29, 0, 255]),
      unit: 30,
      scaler,
      version,
    },
    values: places
      .sort((a, b) => a - b)
      .map((place) => ({ start: 10 * HOUR + place * step, step, value: scaler === 0 ? value : value * 10, quality })),
  }))

test('whatever versions come in whatever order, the last message about an interval says what the best one said', () => {
  fc.assert(
    fc.property(fc.array(series, { minLength: 1, maxLength: 8 }), (all) => {
      const kept = new Map<string, unknown>()
      const store = { mark: (key: readonly (string | number)[]) => kept.get(JSON.stringify(key)) }
      /** What a reader of the messages holds: a correction stands for all that it overlaps. */
      const read = new Map<number, { step: number; tenths: number; quality: number }>()
      /** What the versions say, by themselves. */
      const told = new Map<number, { step: number; tenths: number; quality: number; version: number }>()
      let sequence = 0
      const overlaps = <T extends { step: number }>(of: Map<number, T>, start: number, step: number) =>
        [...of].filter(([at, each]) => at < start + step && at + each.step > start)
      for (const each of all) {
        const marks: PendingMarks & Marks = new PendingMarks(store)
        const { contents } = seriesPiece(each).plan(marks, sequence + 1)
        for (const [key, value] of marks.take()) kept.set(JSON.stringify(key), JSON.parse(JSON.stringify(value)))
        for (const { profiles, revises } of contents) {
          sequence++
          if (revises !== undefined) expect(revises).toBeLessThan(sequence)
          for (const { start, step, values, scaler, quality } of profiles)
            values.forEach((value, n) => {
              const at = start + n * step
              for (const [old] of overlaps(read, at, step)) {
                expect(revises).toBeDefined()
                read.delete(old)
              }
              read.set(at, { step, tenths: scaler === 0 ? value * 10 : value, quality: quality[0]?.code ?? 0 })
            })
        }
        const takes = each.values.filter(({ start, step }) =>
          overlaps(told, start, step).every(([, old]) => old.version <= each.version),
        )
        const gone = takes.flatMap(({ start, step }) => overlaps(told, start, step).map(([at]) => at))
        for (const at of gone) told.delete(at)
        for (const { start, step, value, quality } of takes)
          told.set(start, { step, tenths: each.scaler === 0 ? value * 10 : value, quality, version: each.version })
      }
      expect([...read].sort(([a], [b]) => a - b)).toEqual(
        [...told].sort(([a], [b]) => a - b).map(([at, { version: _version, ...value }]) => [at, value]),
      )
      // again, nothing is new: each is known, or older than what is
      for (const each of all.slice(-1)) expect(seriesPiece(each).plan(new PendingMarks(store), sequence + 1).contents).toEqual([])
    }),
    runs(500),
  )
})
