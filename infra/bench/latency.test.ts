import { describe, expect, test } from '@jest/globals'
import { latenciesOf } from './latency.js'

const leaf = (byte: number) => Buffer.alloc(32, byte)
const place = (byte: number, lane: number, height: number) => [leaf(byte).toString('hex'), { lane, height }] as const
const answered = (at: number, ...sampled: Buffer[]) => ({ request: { contentType: '', body: leaf(0), readings: 9, sampled }, at })

describe('the time after a 202', () => {
  const blocks = [
    { lane: 0, height: 7, counted: 2, finalAt: 1_100, seenAt: 1_150 },
    { lane: 1, height: 7, counted: 1, finalAt: 1_300, seenAt: 1_400 },
  ]

  test('is that from each request to its own readings’ blocks', () => {
    const places = new Map([place(1, 0, 7), place(2, 1, 7), place(3, 0, 7)])
    expect(latenciesOf([answered(1_000, leaf(1), leaf(2)), answered(1_090, leaf(3))], places, blocks)).toEqual({
      finalMillis: { p50: 100, p99: 300 },
      visibleMillis: { p50: 150, p99: 400 },
    })
  })

  test('is never made up for a reading that is in no block', () => {
    expect(() => latenciesOf([answered(1_000, leaf(1))], new Map(), blocks)).toThrow('is in no block')
    expect(() => latenciesOf([answered(1_000, leaf(1))], new Map([place(1, 0, 8)]), blocks)).toThrow('is in no block')
  })
})
