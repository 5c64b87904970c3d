import { expect, test } from '@jest/globals'
import { sha256 } from '../../schemas/hash.js'
import { asAuthorityId } from '../../schemas/ids.js'
import { laneGenesis } from '../../schemas/lane-fold.js'
import { leafHash, merkleRoot } from '../../schemas/merkle.js'
import { type Ground, WRONG_KINDS, type Wrong, wrongBlock } from './wrong-block.js'

const entries = [Buffer.from('one'), Buffer.from('two')]
const { final } = laneGenesis(sha256(Buffer.from('chain')), 1)
const ground: Ground = {
  ...{ lane: 1, final, registrySize: 3, proposer: asAuthorityId('authority-4'), now: 1_000 },
  pending: [{ offset: 0n, timestamp: 1, entries, bytes: 6 }],
  rootAt: (size) => (size <= 3 ? sha256(Buffer.from([size])) : undefined),
}
const right = wrongBlock('too-early', ground)

test('a block that is early alone is right in all else', () => {
  expect(right.entries).toEqual(entries)
  expect(right.header).toMatchObject({ height: 1n, firstOffset: 0n, lastOffset: 0n, count: 2, registrySize: 3, sealedAt: 1_000 })
  expect(right.header.root).toEqual(merkleRoot(entries.map(leafHash)))
})

test.each(WRONG_KINDS.filter((how) => how !== 'too-early'))('%s: the block is another one', (how: Wrong) => {
  const wrong = wrongBlock(how, ground)
  expect(wrong).not.toEqual(right)
  if (how !== 'bad-root') expect(wrong.header.root).toEqual(merkleRoot(wrong.entries.map(leafHash)))
  expect(wrong.header.count).toBe(wrong.entries.length)
})

test('a registry state that is not known here cannot be named', () => {
  expect(() => wrongBlock('too-early', { ...ground, registrySize: 4 })).toThrow(RangeError)
})
