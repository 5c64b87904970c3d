import { describe, expect, test } from '@jest/globals'
import { ZERO_HASH } from '../../schemas/hash.js'
import { leafHash } from '../../schemas/merkle.js'
import { readEntry } from '../../schemas/reading.js'
import { signaturePart, signedPart, splitEntries } from '../../schemas/records.js'
import { messageBuilder, TAGS } from '../../schemas/tags.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { slowTest } from '../testing/thorough.js'
import { Fleet, INTERVALS, type Queue } from './fleet.js'

const CHAIN_ID = Buffer.alloc(32, 5)
const entriesOf = (queue: Queue) =>
  queue.flatMap(({ contentType, body }) => (contentType.endsWith('.readings') ? splitEntries(body) : [body]))

function readingOf(entry: Buffer) {
  const read = readEntry(entry)
  if (!read.ok) throw new Error(read.reason)
  return read.signed.reading
}

describe('the load', () => {
  test('is just as many messages as are asked for, in requests of at most a batch, each household in one connection', () => {
    const queues = new Fleet(CHAIN_ID, 'r', 7).queues(40, 3, 3)
    expect(queues.flat().reduce((sum, { readings }) => sum + readings, 0)).toBe(40)
    expect(Math.max(...queues.flat().map(({ readings }) => readings))).toBe(3)
    const meters = queues.map((queue) => new Set(entriesOf(queue).map((entry) => readingOf(entry).meter)))
    expect(meters.reduce((sum, { size }) => sum + size, 0)).toBe(7)
    expect(new Set(meters.flatMap((each) => [...each])).size).toBe(7)
  })

  test('is hourly messages that hold: signed by the enrolled key, linked without a gap over several loads', () => {
    const fleet = new Fleet(CHAIN_ID, 'r', 3)
    const keys = new Map(fleet.enrolments().map(({ meter, key }) => [meter as string, key]))
    const message = messageBuilder(TAGS.reading, CHAIN_ID)
    const ends = new Map<string, { sequence: number; hash: Buffer }>()
    for (const entry of [...fleet.queues(8, 2, 1), ...fleet.queues(5, 1, 1)].flatMap(entriesOf)) {
      const { meter, sequence, previous, profiles } = readingOf(entry)
      const before = ends.get(meter) ?? { sequence: 0, hash: ZERO_HASH }
      expect([sequence, previous]).toEqual([before.sequence + 1, before.hash])
      expect(profiles.map(({ values }) => values.length)).toEqual([INTERVALS])
      const key = keys.get(meter) ?? Buffer.alloc(0)
      expect(sodiumSignatures.verify(signaturePart(entry), message(signedPart(entry)), key)).toBe(true)
      ends.set(meter, { sequence, hash: leafHash(entry) })
    }
    expect([...ends.values()].map(({ sequence }) => sequence)).toEqual([5, 4, 4])
  })

  test('follows some readings of each request, of single ones each', () => {
    const fleet = new Fleet(CHAIN_ID, 'r', 100)
    const [batch] = fleet.queues(100, 100, 1).flat()
    expect(batch?.sampled.length).toBe(4)
    for (const { body, sampled } of fleet.queues(5, 1, 2).flat()) expect(sampled).toEqual([leafHash(body)])
  })

  slowTest('tells how far signing is', () => {
    const told: number[] = []
    new Fleet(CHAIN_ID, 'r', 2).queues(2_500, 500, 2, (done) => told.push(done))
    expect(told).toEqual([1_000, 2_000])
  })
})
