import { describe, expect, test } from '@jest/globals'
import avro from 'avsc'
import fc from 'fast-check'
import { mutated, valuesOf } from '../infra/testing/avro-arbitraries.js'
import { AVRO_SCHEMAS, type Avro, PART_SCHEMAS } from './avsc.js'
import { walkOf } from './canonical.js'

const schemas: [string, Avro][] = Object.entries<Avro>({ ...AVRO_SCHEMAS, ...PART_SCHEMAS })

describe.each(schemas)('%s', (_, schema) => {
  const walk = walkOf(schema)
  const type = avro.Type.forSchema(schema as avro.Schema)
  const isCanonical = (bytes: Buffer) => walk(bytes, 0) === bytes.length
  const again = (bytes: Buffer) => type.toBuffer(type.fromBuffer(bytes))

  test('every value within the limits has a canonical encoding', () => {
    fc.assert(
      fc.property(valuesOf(schema), (value) => {
        const bytes = type.toBuffer(value)
        expect(isCanonical(bytes)).toBe(true)
        expect(again(bytes).equals(bytes)).toBe(true)
      }),
      { numRuns: 60 },
    )
  })

  test('bytes with a change in them encode again to the same bytes, or are refused', () => {
    const changed = valuesOf(schema).chain((value) => mutated(type.toBuffer(value)))
    fc.assert(
      fc.property(changed, (bytes) => {
        if (isCanonical(bytes)) expect(again(bytes).equals(bytes)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test('any bytes at all encode again to the same bytes, or are refused', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
        (bytes) => {
          if (isCanonical(bytes)) expect(again(bytes).equals(bytes)).toBe(true)
        },
      ),
      { numRuns: 100 },
    )
  })

  test('a walk never goes beyond the bytes that it was given', () => {
    const cut = fc.tuple(valuesOf(schema), fc.nat()).map(([value, at]) => {
      const bytes = type.toBuffer(value)
      return bytes.subarray(0, at % (bytes.length + 1))
    })
    fc.assert(
      fc.property(cut, (bytes) => {
        expect(walk(bytes, 0)).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 100 },
    )
  })
})
