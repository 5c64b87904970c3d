import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cases } from '../infra/testing/thorough.js'
import { entriesRoot, entryHash } from './entry-hashes.js'
import { leafHash, merkleRoot } from './merkle.js'

test('the hash of each entry is its leaf hash, whether the root was asked for before or not', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (bytes) => {
      const entries = bytes.map((each) => Buffer.from(each))
      const each = () => entries.map((_, index) => entryHash(entries, index))
      const leaves = entries.map(leafHash)
      expect(each()).toEqual(leaves)
      expect(entriesRoot(entries)).toEqual(merkleRoot(leaves))
      expect(each()).toEqual(leaves)
      expect(() => entryHash(entries, entries.length)).toThrow(RangeError)
    }),
    cases(100),
  )
})
