import { expect, test } from '@jest/globals'
import { asBuffer, equalBytes, fromHex, hex } from './bytes.js'

test('bytes are equal where each is, whatever kind of array holds them', () => {
  expect(equalBytes(Buffer.from([1, 2]), Uint8Array.of(1, 2))).toBe(true)
  expect(equalBytes(Buffer.from([1, 2]), Buffer.from([1, 3]))).toBe(false)
  expect(equalBytes(Buffer.from([1, 2]), Buffer.from([1, 2, 0]))).toBe(false)
  expect(equalBytes(Buffer.alloc(0), Buffer.alloc(0))).toBe(true)
})

test('hexadecimal text comes back as it was', () => {
  expect(hex(Uint8Array.of(0, 0xab, 0xff))).toBe('00abff')
  expect(fromHex('00ABff')).toEqual(Buffer.from([0, 0xab, 0xff]))
  expect(fromHex('', 0)).toEqual(Buffer.alloc(0))
})

test('what is not hexadecimal, or of another length, is refused and not cut short', () => {
  for (const text of ['0', 'zz', '0x00', ' 00', '00\n']) expect(() => fromHex(text)).toThrow(/not hexadecimal/)
  expect(() => fromHex('0011', 3)).toThrow('expected 3 bytes in hexadecimal, found 2')
})

test('a view of an array is a view of the same memory', () => {
  const bytes = Uint8Array.of(1, 2, 3)
  const view = asBuffer(bytes.subarray(1))
  bytes[1] = 9
  expect(view).toEqual(Buffer.from([9, 3]))
  const buffer = Buffer.from([1])
  expect(asBuffer(buffer)).toBe(buffer)
})
