import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cases } from '../../infra/testing/thorough.js'
import type { BlockRows, Series } from '../project.js'
import type { ReadingRow } from '../rows/tables.js'
import { ARRIVALS } from './arrivals.js'

const DAY = 86_400
const T0 = 20_000 * DAY

interface Sent {
  readonly start: number
  readonly step: number
  readonly count: number
  readonly isCorrection: boolean
}

/** A block with an entry of one profile each. */
function blockOf(sent: readonly Sent[]): BlockRows {
  const readings = sent.map(({ isCorrection }, entry): ReadingRow => {
    return [0, 7n, entry, 1, entry + 1, 0, isCorrection ? 1 : null, Buffer.alloc(32)]
  })
  const series = sent.map(({ start, step, count }, entry): Series => {
    const profile = { obis: Buffer.alloc(6), unit: 30, scaler: 0, start, step, values: Array<number>(count).fill(1), quality: [] }
    return { place: [0, 7n, entry], meter: 1, sequence: entry + 1, channel: Buffer.alloc(8), profile }
  })
  const block = [0, 7n] as unknown as BlockRows['block']
  return {
    block,
    votes: [],
    readings,
    series,
    registers: [],
    rejections: [],
    evidence: [],
    evidenceRecords: [],
    channels: new Map(),
  }
}

const rowsOf = (sent: readonly Sent[]) => [...ARRIVALS.rowsOf(blockOf(sent))]

test('intervals are counted by the day in which they begin; those of corrections apart', () => {
  const quarters = { start: T0 + 20 * 3_600, step: 900, count: 20, isCorrection: false }
  expect(rowsOf([quarters, { ...quarters, isCorrection: true }, quarters])).toEqual([
    [0, 7n, T0 * 1000, 32, 16],
    [0, 7n, (T0 + DAY) * 1000, 8, 4],
  ])
  expect(rowsOf([])).toEqual([])
  expect(rowsOf([{ start: T0, step: 400 * DAY, count: 2, isCorrection: false }])).toHaveLength(2)
})

test('any profiles: the same as counting interval by interval', () => {
  const sent = fc.record({
    start: fc.integer({ min: 0, max: 3 * DAY }),
    step: fc.integer({ min: 1, max: 3 * DAY }),
    count: fc.integer({ min: 0, max: 60 }),
    isCorrection: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(sent, { maxLength: 4 }), (all) => {
      const counted = new Map<number, [number, number]>()
      for (const { start, step, count, isCorrection } of all)
        for (let i = 0; i < count; i++) {
          const day = Math.floor((start + i * step) / DAY) * DAY * 1000
          const [first, again] = counted.get(day) ?? [0, 0]
          counted.set(day, isCorrection ? [first, again + 1] : [first + 1, again])
        }
      expect(rowsOf(all)).toEqual([...counted].map(([day, numbers]) => [0, 7n, day, ...numbers]))
    }),
    cases(100),
  )
})
