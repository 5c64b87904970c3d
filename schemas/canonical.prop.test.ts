import { describe, expect, test } from '@jest/globals'
import avro from 'avsc'
import fc from 'fast-check'
import { mutated, valuesOf } from '../infra/testing/avro-arbitraries.js'
import { cases } from '../infra/testing/thorough.js'
import { AVRO_SCHEMAS, type Avro, PART_SCHEMAS } from './avsc.js'
import { sliceItems, walkOf } from './canonical.js'

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
      cases(60),
    )
  })

  test('bytes with a change in them encode again to the same bytes, or are refused', () => {
    const changed = valuesOf(schema).chain((value) => mutated(type.toBuffer(value)))
    fc.assert(
      fc.property(changed, (bytes) => {
        if (isCanonical(bytes)) expect(again(bytes).equals(bytes)).toBe(true)
      }),
      cases(300),
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
      cases(100),
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
      cases(100),
    )
  })
})

describe('items of an array of bytes, as slices', () => {
  const type = avro.Type.forSchema({ type: 'array', items: 'bytes' })
  const isCanonical = walkOf({ type: 'array', items: 'bytes' } as unknown as Avro)
  const items = fc.array(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    { maxLength: 20 },
  )
  const before = Buffer.from([7, 7, 7])

  test('are those that avsc reads', () => {
    fc.assert(
      fc.property(items, (each) => {
        expect(sliceItems(Buffer.concat([before, type.toBuffer(each)]), before.length)).toEqual(each)
      }),
      cases(100),
    )
  })

  test('are none where a change made the bytes another encoding, or none', () => {
    const changed = items.chain((each) => mutated(type.toBuffer(each)))
    fc.assert(
      fc.property(changed, (bytes) => {
        const found = sliceItems(bytes, 0)
        expect(found !== undefined).toBe(isCanonical(bytes, 0) === bytes.length)
        if (found !== undefined) expect(type.toBuffer(found).equals(bytes)).toBe(true)
      }),
      cases(500),
    )
  })
})
