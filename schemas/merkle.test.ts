import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { fromHex, hex } from './bytes.js'
import { sha256 } from './hash.js'
import {
  appendLeaf,
  consistencyProof,
  EMPTY_ROOT,
  inclusionProof,
  leafHash,
  leafHashes,
  MemoryNodeStore,
  merkleRoot,
  nodeHash,
  rootAt,
  treeOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle.js'

interface Vectors {
  entries: string[]
  leafHashes: string[]
  /** Root of the first n entries, n from 0. */
  roots: string[]
  inclusion: { index: number; size: number; proof: string[] }[]
  consistency: { oldSize: number; newSize: number; proof: string[] }[]
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('vectors/merkle.json', import.meta.url), 'utf8'))
const leaves = vectors.entries.map((entry) => leafHash(fromHex(entry)))
const hashes = (texts: string[]) => texts.map((text) => fromHex(text, 32))
const root = (size: number) => rootAt(treeOf(leaves), size)

describe('the test tree of Certificate Transparency (RFC 6962) holds', () => {
  test('for leaf hashes and the root of every size', () => {
    expect(leaves.map(hex)).toEqual(vectors.leafHashes)
    expect(vectors.roots.map((_, size) => hex(root(size)))).toEqual(vectors.roots)
    expect(vectors.roots.map((_, size) => hex(merkleRoot(leaves.slice(0, size))))).toEqual(vectors.roots)
  })

  test.each(vectors.inclusion)('for the path of leaf $index in $size', ({ index, size, proof }) => {
    expect(inclusionProof(treeOf(leaves), index, size).map(hex)).toEqual(proof)
    expect(verifyInclusion(leafHash(fromHex(vectors.entries[index] ?? '?')), index, size, hashes(proof), root(size))).toBe(true)
  })

  test.each(vectors.consistency)('for the consistency of $oldSize with $newSize', ({ oldSize, newSize, proof }) => {
    expect(consistencyProof(treeOf(leaves), oldSize, newSize).map(hex)).toEqual(proof)
    expect(verifyConsistency(oldSize, root(oldSize), newSize, root(newSize), hashes(proof))).toBe(true)
  })
})

test('an entry longer than the reused buffer has the same hash as any other', () => {
  for (const length of [4095, 4096, 4097, 300_000]) {
    const entry = Buffer.alloc(length, 7)
    const expected = sha256(Buffer.concat([Buffer.from([0]), entry]))
    expect(leafHash(entry)).toEqual(expected)
    expect(leafHashes([entry, Buffer.alloc(0)]).subarray(0, 32)).toEqual(expected)
  }
})

test('a tree of no leaves has the hash of nothing for its root', () => {
  expect(hex(EMPTY_ROOT)).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  expect(rootAt(new MemoryNodeStore(), 0)).toEqual(EMPTY_ROOT)
})

test('sizes beyond 2^32 are told apart from smaller ones', () => {
  const perfect = new MemoryNodeStore()
  const left = leafHash(Buffer.from('left'))
  const last = leafHash(Buffer.from('last'))
  perfect.put(40, 0, left)
  expect(appendLeaf(perfect, 2 ** 40, last)).toBe(2 ** 40 + 1)
  const head = rootAt(perfect, 2 ** 40 + 1)
  expect(head).toEqual(nodeHash(left, last))
  expect(inclusionProof(perfect, 2 ** 40, 2 ** 40 + 1)).toEqual([left])
  expect(verifyInclusion(last, 2 ** 40, 2 ** 40 + 1, [left], head)).toBe(true)
  expect(verifyConsistency(2 ** 40, left, 2 ** 40 + 1, head, consistencyProof(perfect, 2 ** 40, 2 ** 40 + 1))).toBe(true)
})

describe('what cannot be asked is refused', () => {
  const tree = treeOf(leaves)

  test('sizes and indexes that are none', () => {
    for (const size of [-1, 1.5, Number.NaN, 2 ** 53]) {
      expect(() => rootAt(tree, size)).toThrow(RangeError)
      expect(() => appendLeaf(tree, size, root(1))).toThrow(RangeError)
    }
    for (const index of [-1, 0.5, 8]) expect(() => inclusionProof(tree, index, 8)).toThrow(RangeError)
    expect(() => consistencyProof(tree, 5, 4)).toThrow(RangeError)
  })

  test('a store that lacks a node, and a hash of another length, is a bug', () => {
    expect(() => rootAt(new MemoryNodeStore(), 3)).toThrow(/lacks its node/)
    expect(() => nodeHash(Buffer.alloc(31), root(1))).toThrow(/31 and 32 bytes/)
    expect(() => merkleRoot([root(1), Buffer.alloc(31)])).toThrow(/a Merkle leaf of 31 bytes/)
    expect(() => nodeHash(root(1), Buffer.alloc(33))).toThrow(/32 and 33 bytes/)
  })
})

describe('a proof is false, and never an exception, where', () => {
  const path = inclusionProof(treeOf(leaves), 2, 8)
  const leaf = leafHash(fromHex('10'))
  const short = Buffer.alloc(31)

  test('index or size is no number of the tree', () => {
    for (const [index, size] of [
      [8, 8],
      [-1, 8],
      [2.5, 8],
      [2, 2 ** 60],
      [0, 0],
      [2, -1],
    ] as const)
      expect(verifyInclusion(leaf, index, size, path, root(8))).toBe(false)
    for (const [oldSize, newSize] of [
      [4, 3],
      [-1, 8],
      [1.5, 8],
      [3, 2 ** 60],
    ] as const)
      expect(verifyConsistency(oldSize, root(3), newSize, root(8), consistencyProof(treeOf(leaves), 3, 8))).toBe(false)
  })

  test('a hash has another length', () => {
    expect(verifyInclusion(short, 2, 8, path, root(8))).toBe(false)
    expect(verifyInclusion(leaf, 2, 8, [short, ...path.slice(1)], root(8))).toBe(false)
    expect(verifyInclusion(leaf, 2, 8, path, short)).toBe(false)
    expect(verifyConsistency(4, short, 8, root(8), consistencyProof(treeOf(leaves), 4, 8))).toBe(false)
    expect(verifyConsistency(4, root(4), 8, root(8), [short])).toBe(false)
    expect(verifyConsistency(4, root(4), 8, short, consistencyProof(treeOf(leaves), 4, 8))).toBe(false)
  })

  test('an empty or equal tree comes with something to prove, or with another root', () => {
    expect(verifyConsistency(0, EMPTY_ROOT, 8, root(8), [])).toBe(true)
    expect(verifyConsistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])).toBe(true)
    expect(verifyConsistency(0, root(1), 0, root(1), [])).toBe(false)
    expect(verifyConsistency(0, root(1), 8, root(8), [])).toBe(false)
    expect(verifyConsistency(0, EMPTY_ROOT, 8, root(8), [root(1)])).toBe(false)
    expect(verifyConsistency(5, root(5), 5, root(5), [])).toBe(true)
    expect(verifyConsistency(5, root(5), 5, root(6), [])).toBe(false)
    expect(verifyConsistency(5, root(5), 5, root(5), [root(1)])).toBe(false)
    expect(verifyConsistency(5, root(5), 8, root(8), [])).toBe(false)
  })
})
