import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cases } from '../infra/testing/thorough.js'
import { fromHex } from './bytes.js'
import { laneOf, murmur2 } from './murmur2.js'

interface Vector {
  text?: string
  bytes: string
  murmur2: number
  lanes: Record<string, number>
}

const vectors: Vector[] = JSON.parse(readFileSync(new URL('vectors/murmur2.json', import.meta.url), 'utf8'))
const kafkaMurmur2: (key: Buffer) => number = createRequire(import.meta.url)(
  'kafkajs/src/producer/partitioners/default/murmur2.js',
)

describe('a meter has the lane that Kafka gives it', () => {
  test('in the frozen vectors, Apache Kafka’s own test values among them', () => {
    for (const vector of vectors) {
      expect(murmur2(fromHex(vector.bytes))).toBe(vector.murmur2)
      if (vector.text === undefined) continue
      for (const [lanes, lane] of Object.entries(vector.lanes)) expect(laneOf(vector.text, Number(lanes))).toBe(lane)
    }
  })

  test('for any bytes, as KafkaJS computes it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
        expect(murmur2(bytes)).toBe(kafkaMurmur2(Buffer.from(bytes)))
      }),
      cases(1000),
    )
  })

  test('for any text, beyond ASCII too', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 64 }), fc.integer({ min: 1, max: 200 }), (text, lanes) => {
        expect(laneOf(text, lanes)).toBe((kafkaMurmur2(Buffer.from(text)) & 0x7fffffff) % lanes)
      }),
      cases(100),
    )
  })
})

test('there is no lane among none', () => {
  for (const lanes of [0, -1, 1.5, Number.NaN]) expect(() => laneOf('a', lanes)).toThrow(/not a number of lanes/)
})
