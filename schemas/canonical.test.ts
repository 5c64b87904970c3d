import { describe, expect, test } from '@jest/globals'
import type { Avro } from './avsc.js'
import { fromHex } from './bytes.js'
import { itemEnds, walkOf } from './canonical.js'

const ends = (schema: Avro, text: string) => walkOf(schema)(fromHex(text), 0)
const array = { type: 'array', items: 'int' }

describe('a number', () => {
  const good: [Avro, string][] = [
    ['int', '00'],
    ['int', '7f'],
    ['int', '8001'],
    ['int', 'feffffff0f'], // 2^31 - 1
    ['int', 'ffffffff0f'], // -2^31
    ['long', 'feffffffffffff0f'], // 2^52 - 1
    ['long', 'fdffffffffffff0f'], // -(2^52 - 1)
  ]
  test.each(good)('%s %s is canonical', (schema, text) => {
    expect(ends(schema, text)).toBe(text.length / 2)
  })

  const bad: [Avro, string][] = [
    ['int', ''],
    ['int', '80'],
    ['int', '8000'], // 0 in two bytes
    ['int', '818000'],
    ['int', '8080808010'], // 2^31
    ['int', '8180808010'], // -2^31 - 1
    ['int', 'ffffffffff00'],
    ['long', 'ffffffffffffff0f'], // -2^52
    ['long', '8080808080808010'], // 2^52
    ['long', 'ffffffffffffff7f'],
    ['long', 'ffffffffffffffff01'], // -2^62 in nine bytes
    ['long', '80808080808080808001'],
  ]
  test.each(bad)('%s %s is not', (schema, text) => {
    expect(ends(schema, text)).toBe(-1)
  })
})

test('text is valid UTF-8 of the length that it states', () => {
  expect(ends('string', '04c3a4')).toBe(3)
  expect(ends('string', '06efbbbf')).toBe(4)
  // Overlong, cut off, a surrogate, beyond U+10FFFF, negative length, longer than what is there
  for (const text of ['04c0af', '02c3', '06eda080', '08f4908080', '01', '0461']) expect(ends('string', text)).toBe(-1)
  expect(ends('bytes', '04c0af')).toBe(3)
})

test('an array is one block with a positive count, or a zero byte', () => {
  expect(ends(array, '00')).toBe(1)
  expect(ends(array, '04020400')).toBe(4)
  // Negative count with a size, two blocks, no end, a count beyond the bytes, not an item
  for (const text of ['0304020400', '0202020400', '040204', 'feffffff0f02', '02ffffffffffff00'])
    expect(ends(array, text)).toBe(-1)
})

test('a union’s branch and an enum’s symbol are known ones', () => {
  expect([ends(['null', 'int'], '00'), ends(['null', 'int'], '0202')]).toEqual([1, 2])
  for (const text of ['04', '01', '02', '8000']) expect(ends(['null', 'int'], text)).toBe(-1)
  const signer = { type: 'enum', name: 'S', namespace: 'n', symbols: ['a', 'b'] }
  expect([ends(signer, '00'), ends(signer, '02'), ends(signer, '04'), ends(signer, '01')]).toEqual([1, 1, -1, -1])
})

test('fixed bytes are there in full', () => {
  const hash = { type: 'fixed', name: 'H', namespace: 'n', size: 3 }
  expect([ends(hash, '010203'), ends(hash, '0102')]).toEqual([3, -1])
  expect(ends({ type: 'record', name: 'R', namespace: 'n', fields: [{ type: hash }, { type: 'n.H' }] }, '010203040506')).toBe(6)
})

test('a schema of a kind that our records do not use is a mistake', () => {
  expect(() => walkOf('double')).toThrow("'double'")
  expect(() => walkOf({ type: 'map', values: 'int' })).toThrow("'map'")
})

test('items of an array are told apart only where it is all that there is', () => {
  const ints = walkOf('int')
  expect(itemEnds(fromHex('0402800100'), 0, ints, 2)).toEqual([1, 2, 4])
  expect(itemEnds(fromHex('0402800100'), 0, ints, 1)).toBeUndefined()
  for (const text of ['00', '', '03020400', '040200', '0402800100ff', '04028001', '0402800102'])
    expect(itemEnds(fromHex(text), 0, ints, 2)).toBeUndefined()
})
