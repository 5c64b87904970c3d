import { expect, test } from '@jest/globals'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { cases } from '../infra/testing/thorough.js'
import { hashKey, sha256, ZERO_HASH } from './hash.js'

test('SHA-256 of parts is that of another library of the whole, however it is cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), (parts) => {
      expect([...sha256(...parts)]).toEqual([...nobleSha256(Buffer.concat(parts))])
    }),
    cases(100),
  )
})

test('a hash as a key is its hexadecimal text', () => {
  expect(hashKey(ZERO_HASH)).toBe('0'.repeat(64))
})
