import { describe, expect, test } from '@jest/globals'
import { SignedMeter } from '../infra/testing/signed-meters.js'
import { leafHash } from '../schemas/merkle.js'
import { type MeterState, NEW_METER, type Reset } from '../schemas/meter-chain.js'
import { countedEntries, HeadFold, mergeRanges, stillMissing } from './head.js'

const fresh = () => new SignedMeter('m-1', Buffer.alloc(32))
const foldOf = (state: MeterState = NEW_METER, reset?: Reset) => new HeadFold({ head: () => state, reset: () => reset })

describe('the fold of a block’s counted entries', () => {
  test('goes on where the head was, and opens and closes gaps', () => {
    const meter = fresh()
    const [one, two, three] = [meter.next(), meter.next(), meter.next()] as const
    const first = foldOf()
    first.take(one)
    first.take(three)
    const state = first.changed.get('m-1') ?? NEW_METER
    expect(state).toMatchObject({ sequence: 3, hash: leafHash(three), gaps: [{ from: 2, to: 2 }] })
    const second = foldOf(state)
    second.take(two)
    expect(second.changed.get('m-1')).toMatchObject({ sequence: 3, gaps: [] })
    expect(first.differing + second.differing).toBe(0)
  })
  test('takes a reset of the registry into account', () => {
    const meter = fresh()
    meter.sequence = 9
    const previous = Buffer.alloc(32, 4)
    meter.previous = previous
    const entry = meter.next()
    const fold = foldOf(NEW_METER, { sequence: 10, previous, since: 5 })
    fold.take(entry)
    expect(fold.changed.get('m-1')).toEqual({ sequence: 10, hash: leafHash(entry), gaps: [], reset: 5 })
    expect(fold.differing).toBe(0)
  })
  test('follows the verdict where the head would say otherwise, and says so', () => {
    const meter = fresh()
    const [one, two] = [meter.next(), meter.next()] as const
    const lost = foldOf({ ...NEW_METER, sequence: 1, hash: Buffer.alloc(32, 9) })
    lost.take(two)
    expect(lost.changed.get('m-1')).toMatchObject({ sequence: 2, hash: leafHash(two) })
    const gap = { from: 1, to: 1, lower: Buffer.alloc(32, 9), upper: Buffer.alloc(32, 9) }
    const ahead = foldOf({ ...NEW_METER, sequence: 7, gaps: [gap, { ...gap, from: 3, to: 4 }] })
    ahead.take(one)
    expect(ahead.changed.get('m-1')).toMatchObject({ sequence: 7, gaps: [{ from: 3, to: 4 }] })
    lost.take(Buffer.from('no reading'))
    expect(lost.differing).toBe(2)
    expect(ahead.differing).toBe(1)
  })
})

test('what does not count is left out', () => {
  const entries = ['a', 'b', 'c'].map((text) => Buffer.from(text))
  expect(countedEntries(entries, [{ entry: 1, code: 5 }])).toEqual([entries[0], entries[2]])
})

test('missing is what was asked for and lies in a gap or above the head', () => {
  const border = { lower: Buffer.alloc(32), upper: Buffer.alloc(32) }
  const state = { ...NEW_METER, sequence: 10, gaps: [{ from: 3, to: 5, ...border }] }
  expect(stillMissing(state, [{ from: 1, to: 4 }])).toEqual([{ from: 3, to: 4 }])
  expect(stillMissing(state, [{ from: 4, to: 12 }])).toEqual([
    { from: 4, to: 5 },
    { from: 11, to: 12 },
  ])
  expect(stillMissing(state, [{ from: 6, to: 10 }])).toEqual([])
})

test('ranges are merged where they overlap or touch', () => {
  const ranges = [
    { from: 7, to: 9 },
    { from: 1, to: 2 },
    { from: 3, to: 4 },
    { from: 8, to: 8 },
  ]
  expect(mergeRanges(ranges)).toEqual([
    { from: 1, to: 4 },
    { from: 7, to: 9 },
  ])
})
