import { describe, expect, test } from '@jest/globals'
import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { cases } from '../infra/testing/thorough.js'
import { hex } from './bytes.js'
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  type MemoryNodeStore,
  merkleRoot,
  rootAt,
  treeOf,
  verifyConsistency,
  verifyInclusion,
} from './merkle.js'

// The definitions of RFC 6962 section 2.1, word for word, on another library's SHA-256.
const sha256 = (...parts: Uint8Array[]) => Buffer.from(nobleSha256(Buffer.concat(parts)))
const splitOf = (n: number) => 2 ** Math.ceil(Math.log2(n) - 1)
const naiveLeaf = (entry: Uint8Array) => sha256(Buffer.from([0]), entry)

function mth(entries: readonly Buffer[]): Buffer {
  const [first] = entries
  if (first === undefined) return sha256()
  if (entries.length === 1) return naiveLeaf(first)
  const k = splitOf(entries.length)
  return sha256(Buffer.from([1]), mth(entries.slice(0, k)), mth(entries.slice(k)))
}

function path(m: number, entries: readonly Buffer[]): Buffer[] {
  if (entries.length === 1) return []
  const k = splitOf(entries.length)
  return m < k
    ? [...path(m, entries.slice(0, k)), mth(entries.slice(k))]
    : [...path(m - k, entries.slice(k)), mth(entries.slice(0, k))]
}

function subproof(m: number, entries: readonly Buffer[], isWhole: boolean): Buffer[] {
  if (m === entries.length) return isWhole ? [] : [mth(entries)]
  const k = splitOf(entries.length)
  return m <= k
    ? [...subproof(m, entries.slice(0, k), isWhole), mth(entries.slice(k))]
    : [...subproof(m - k, entries.slice(k), false), mth(entries.slice(0, k))]
}

const MOST = 70
const entries = Array.from({ length: MOST }, (_, number) => Buffer.from(`entry ${number}`))
const leaves = entries.map(leafHash)
const leafAt = (index: number) => leafHash(Buffer.from(`entry ${index}`))
const tree = treeOf(leaves)
const roots = Array.from({ length: MOST + 1 }, (_, size) => rootAt(tree, size))
const root = (size: number, of: MemoryNodeStore = tree) => rootAt(of, size)
const flipped = (bytes: Buffer, bit: number) => {
  const copy = Buffer.from(bytes)
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  return copy
}

describe('the tree is the one that RFC 6962 defines', () => {
  test(`for the root of each size up to ${MOST}, from a store and at once`, () => {
    for (let size = 0; size <= MOST; size += 1) {
      const expected = hex(mth(entries.slice(0, size)))
      expect(hex(root(size))).toBe(expected)
      expect(hex(merkleRoot(leaves.slice(0, size)))).toBe(expected)
    }
  })

  test(`for each inclusion proof up to ${MOST} leaves, and the verifier takes it`, () => {
    for (let size = 1; size <= MOST; size += size < 20 ? 1 : 7) {
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(tree, index, size)
        expect(proof.map(hex)).toEqual(path(index, entries.slice(0, size)).map(hex))
        expect(verifyInclusion(leafAt(index), index, size, proof, root(size))).toBe(true)
      }
    }
  })

  test(`for each consistency proof up to ${MOST} leaves, and the verifier takes it`, () => {
    for (let newSize = 1; newSize <= MOST; newSize += newSize < 20 ? 1 : 7) {
      for (let oldSize = 1; oldSize <= newSize; oldSize += 1) {
        const proof = consistencyProof(tree, oldSize, newSize)
        expect(proof.map(hex)).toEqual(subproof(oldSize, entries.slice(0, newSize), true).map(hex))
        expect(verifyConsistency(oldSize, root(oldSize), newSize, root(newSize), proof)).toBe(true)
      }
    }
  })

  test('for any entries', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 80 }), { maxLength: 40 }), (list) => {
        const buffers = list.map((bytes) => Buffer.from(bytes))
        expect(hex(merkleRoot(buffers.map(leafHash)))).toBe(hex(mth(buffers)))
        expect(hex(root(list.length, treeOf(buffers.map(leafHash))))).toBe(hex(mth(buffers)))
      }),
      cases(50),
    )
  })
})

describe('a changed proof is rejected', () => {
  const place = fc.integer({ min: 2, max: MOST }).chain((size) => fc.record({ size: fc.constant(size), index: fc.nat(size - 1) }))
  const bit = fc.nat(255)

  test('of inclusion: any bit of leaf, root or path, a node more, less or elsewhere', () => {
    fc.assert(
      fc.property(place, bit, fc.nat(), ({ size, index }, at, pick) => {
        const proof = inclusionProof(tree, index, size)
        const [leaf, head] = [leafAt(index), root(size)]
        const node = pick % proof.length
        const touched = proof.map((hash, number) => (number === node ? flipped(hash, at) : hash))
        expect(verifyInclusion(leaf, index, size, touched, head)).toBe(false)
        expect(verifyInclusion(flipped(leaf, at), index, size, proof, head)).toBe(false)
        expect(verifyInclusion(leaf, index, size, proof, flipped(head, at))).toBe(false)
        expect(verifyInclusion(leaf, index, size, proof.toSpliced(node, 1), head)).toBe(false)
        expect(verifyInclusion(leaf, index, size, proof.toSpliced(node, 0, head), head)).toBe(false)
        if (proof.length > 1) expect(verifyInclusion(leaf, index, size, [...proof].reverse(), head)).toBe(false)
      }),
      cases(100),
    )
  })

  test('of inclusion: any other index, any other head (size and root)', () => {
    for (const size of [2, 3, 7, 8, 20, 70]) {
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(tree, index, size)
        const takenAt = leaves.flatMap((_, other) =>
          verifyInclusion(leafAt(index), other, size, proof, root(size)) ? [other] : [],
        )
        expect(takenAt).toEqual([index])
        const takenIn = roots.flatMap((head, other) => (verifyInclusion(leafAt(index), index, other, proof, head) ? [other] : []))
        expect(takenIn).toEqual([size])
      }
    }
  })

  test('of consistency: any bit of a root or node, a node more or less', () => {
    const pair = fc
      .integer({ min: 2, max: MOST })
      .chain((size) => fc.record({ size: fc.constant(size), old: fc.integer({ min: 1, max: size - 1 }) }))
    fc.assert(
      fc.property(pair, bit, fc.nat(), ({ size, old }, at, pick) => {
        const proof = consistencyProof(tree, old, size)
        const node = pick % proof.length
        const touched = proof.map((hash, number) => (number === node ? flipped(hash, at) : hash))
        expect(verifyConsistency(old, root(old), size, root(size), touched)).toBe(false)
        expect(verifyConsistency(old, flipped(root(old), at), size, root(size), proof)).toBe(false)
        expect(verifyConsistency(old, root(old), size, flipped(root(size), at), proof)).toBe(false)
        expect(verifyConsistency(old, root(old), size, root(size), proof.toSpliced(node, 1))).toBe(false)
        expect(verifyConsistency(old, root(old), size, root(size), proof.toSpliced(node, 0, root(old)))).toBe(false)
      }),
      cases(100),
    )
  })

  test('of consistency: any other old or new head (size and root), and any other old size', () => {
    for (const size of [2, 3, 7, 8, 20, 70]) {
      for (let old = 1; old < size; old += 1) {
        const proof = consistencyProof(tree, old, size)
        const taken = (accepts: (head: Buffer, other: number) => boolean) =>
          roots.flatMap((head, other) => (accepts(head, other) ? [other] : []))
        // No proof is needed from the empty tree, and from a tree to itself, so those accept the empty proof only.
        expect(taken((head, other) => verifyConsistency(other, head, size, root(size), proof))).toEqual([old])
        expect(taken((head, other) => verifyConsistency(old, root(old), other, head, proof))).toEqual([size])
        expect(taken((_, other) => verifyConsistency(other, root(old), size, root(size), proof))).toEqual([old])
      }
    }
  })
})
