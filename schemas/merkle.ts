// The Merkle tree of RFC 6962 section 2.1 (RFC 9162 section 2.1): one for blocks, registry and checkpoints.
// Leaf SHA-256(0x00 ‖ entry), node SHA-256(0x01 ‖ left ‖ right), no leaves SHA-256 of nothing.
import { createHash } from 'node:crypto'
import { equalBytes } from './bytes.js'
import { BugError } from './errors.js'
import { HASH_BYTES, type Hash, sha256, writeSha256 } from './hash.js'

/** Hashes of perfect subtrees: (level, index) covers the leaves index × 2^level up to, not including, (index + 1) × 2^level.
 *  They never change once written, so a store is append-only and answers for every earlier size too. */
export interface NodeStore {
  get(level: number, index: number): Hash | undefined
  put(level: number, index: number, hash: Hash): void
}

/** A NodeStore in memory: one array for each level. */
export class MemoryNodeStore implements NodeStore {
  readonly #levels: Hash[][] = []

  get(level: number, index: number): Hash | undefined {
    return this.#levels[level]?.[index]
  }

  put(level: number, index: number, hash: Hash): void {
    let nodes = this.#levels[level]
    if (nodes === undefined) {
      nodes = []
      this.#levels[level] = nodes
    }
    nodes[index] = hash
  }
}

/** Root of no leaves: SHA-256 of nothing. Not to be written to. */
export const EMPTY_ROOT: Hash = sha256()

const LEAF_PREFIX = Buffer.from([0])
/** Entries up to here are hashed from one reused buffer, in one call; larger ones (rare) in two, so that the buffer stays small. */
const LEAF_SCRATCH_BYTES = 4096
const leafScratch = Buffer.alloc(1 + LEAF_SCRATCH_BYTES)
const nodeScratch = Buffer.alloc(1 + 2 * HASH_BYTES, 1)

/** SHA-256(0x00 ‖ entry). */
export function leafHash(entry: Uint8Array): Hash {
  if (entry.length > LEAF_SCRATCH_BYTES) return createHash('sha256').update(LEAF_PREFIX).update(entry).digest()
  leafScratch.set(entry, 1)
  return sha256(leafScratch.subarray(0, 1 + entry.length))
}

/** Leaf hashes of the entries, one after the other. */
export function leafHashes(entries: readonly Uint8Array[]): Buffer {
  const leaves = Buffer.allocUnsafeSlow(entries.length * HASH_BYTES)
  for (const [index, entry] of entries.entries()) {
    const at = index * HASH_BYTES
    if (entry.length > LEAF_SCRATCH_BYTES) leafHash(entry).copy(leaves, at)
    else {
      leafScratch.set(entry, 1)
      writeSha256(leaves, at, leafScratch.subarray(0, 1 + entry.length))
    }
  }
  return leaves
}

/** SHA-256(0x01 ‖ left ‖ right). */
export function nodeHash(left: Hash, right: Hash): Hash {
  if (!isHash(left) || !isHash(right)) throw new BugError(`a Merkle node of ${left.length} and ${right.length} bytes`)
  nodeScratch.set(left, 1)
  nodeScratch.set(right, 1 + HASH_BYTES)
  return sha256(nodeScratch)
}

/** Adds the hash of the leaf number `size` to a tree of `size` leaves; gives the new size. At most log2(size) + 1 writes. */
export function appendLeaf(store: NodeStore, size: number, leaf: Hash): number {
  assertSize(size)
  assertSize(size + 1)
  let hash = leaf
  let index = size
  let level = 0
  store.put(level, index, hash)
  while (index % 2 === 1) {
    hash = nodeHash(nodeAt(store, level, index - 1), hash)
    index = (index - 1) / 2
    level += 1
    store.put(level, index, hash)
  }
  return size + 1
}

/** Root of the first `size` leaves; any size up to the present one. */
export function rootAt(store: NodeStore, size: number): Hash {
  assertSize(size)
  return size === 0 ? EMPTY_ROOT : subtree(store, 0, size)
}

/** PATH of RFC 6962: the audit path of leaf `index` in the tree of the first `size` leaves, from the leaf upward. */
export function inclusionProof(store: NodeStore, index: number, size: number): Hash[] {
  assertSize(size)
  if (!Number.isInteger(index) || index < 0 || index >= size) throw new RangeError(`no leaf ${index} in a tree of ${size}`)
  const proof: Hash[] = []
  let begin = 0
  let end = size
  while (end - begin > 1) {
    const middle = begin + splitOf(end - begin)
    if (index < middle) {
      proof.push(subtree(store, middle, end))
      end = middle
    } else {
      proof.push(subtree(store, begin, middle))
      begin = middle
    }
  }
  return proof.reverse()
}

/** PROOF of RFC 6962: that the tree of `newSize` leaves begins with that of `oldSize`. Empty where either is trivial (0, or the same size). */
export function consistencyProof(store: NodeStore, oldSize: number, newSize: number): Hash[] {
  assertSize(oldSize)
  assertSize(newSize)
  if (oldSize > newSize) throw new RangeError(`a tree of ${oldSize} leaves is not the beginning of one of ${newSize}`)
  if (oldSize === 0) return []
  const proof: Hash[] = []
  let begin = 0
  let end = newSize
  while (end !== oldSize) {
    const middle = begin + splitOf(end - begin)
    if (oldSize <= middle) {
      proof.push(subtree(store, middle, end))
      end = middle
    } else {
      proof.push(subtree(store, begin, middle))
      begin = middle
    }
  }
  // The old tree's own root need not be sent where it is a node of the new tree: then the verifier has it.
  if (begin !== 0) proof.push(subtree(store, begin, end))
  return proof.reverse()
}

/** Root of `leaves` (hashes) at once, no store: what a block needs. */
export function merkleRoot(leaves: readonly Hash[]): Hash {
  const odd = leaves.find((leaf) => !isHash(leaf))
  if (odd !== undefined) throw new BugError(`a Merkle leaf of ${odd.length} bytes`)
  return rootOfLeaves(Buffer.concat(leaves))
}

/** The same of hashes that stand one after the other (`leafHashes`). */
export function rootOfLeaves(leaves: Buffer): Hash {
  if (leaves.length === 0) return EMPTY_ROOT
  const level = Buffer.from(leaves)
  for (let count = level.length / HASH_BYTES; count > 1; ) count = levelAbove(level, count)
  return Buffer.from(level.subarray(0, HASH_BYTES))
}

/** Pairs become nodes, in their own place; what is left over at the end goes up as it is. Gives how many there are. */
function levelAbove(level: Buffer, count: number): number {
  const pairs = Math.floor(count / 2)
  for (let pair = 0; pair < pairs; pair++) {
    const from = pair * 2 * HASH_BYTES
    // of so few bytes a copy takes longer
    for (let i = 0; i < 2 * HASH_BYTES; i++) nodeScratch[1 + i] = level[from + i] ?? 0
    writeSha256(level, pair * HASH_BYTES, nodeScratch)
  }
  if (count % 2 === 1) level.copyWithin(pairs * HASH_BYTES, (count - 1) * HASH_BYTES, count * HASH_BYTES)
  return pairs + (count % 2)
}

/** The whole tree of `leaves` (hashes), for proofs within one block. */
export function treeOf(leaves: readonly Hash[]): MemoryNodeStore {
  const store = new MemoryNodeStore()
  let size = 0
  for (const leaf of leaves) size = appendLeaf(store, size, leaf)
  return store
}

/** Whether `proof` leads from the leaf hash at `index` to `root` (RFC 9162 section 2.1.3.2).
 *  Take size and root from one head: a proof alone does not bind the size (leaf 0 has the same path in a tree of 3 and of 4). */
export function verifyInclusion(leaf: Hash, index: number, size: number, proof: readonly Hash[], root: Hash): boolean {
  if (!isSize(size) || !isSize(index) || index >= size || !isHash(leaf) || !proof.every(isHash)) return false
  let hash = leaf
  let at = index
  let last = size - 1
  for (const sibling of proof) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash)
      while (at % 2 === 0 && at !== 0) {
        at /= 2
        last = half(last)
      }
    } else {
      hash = nodeHash(hash, sibling)
    }
    at = half(at)
    last = half(last)
  }
  return last === 0 && equalBytes(hash, root)
}

/** Whether `proof` shows that the tree (newSize, newRoot) begins with the tree (oldSize, oldRoot) (RFC 9162 section 2.1.4.2).
 *  Size and root of each belong together, as in `verifyInclusion`. */
export function verifyConsistency(
  oldSize: number,
  oldRoot: Hash,
  newSize: number,
  newRoot: Hash,
  proof: readonly Hash[],
): boolean {
  if (!isSize(oldSize) || !isSize(newSize) || oldSize > newSize || !isHash(oldRoot) || !proof.every(isHash)) return false
  if (oldSize === 0 && !equalBytes(oldRoot, EMPTY_ROOT)) return false
  if (oldSize === newSize) return proof.length === 0 && equalBytes(oldRoot, newRoot)
  if (oldSize === 0) return proof.length === 0
  const [seed, ...path] = isPowerOfTwo(oldSize) ? [oldRoot, ...proof] : proof
  return seed !== undefined && climb(seed, path, oldSize, oldRoot, newSize, newRoot)
}

function climb(seed: Hash, path: readonly Hash[], oldSize: number, oldRoot: Hash, newSize: number, newRoot: Hash): boolean {
  let at = oldSize - 1
  let last = newSize - 1
  while (at % 2 === 1) {
    at = half(at)
    last = half(last)
  }
  let oldHash = seed
  let newHash = seed
  for (const sibling of path) {
    if (last === 0) return false
    if (at % 2 === 1 || at === last) {
      oldHash = nodeHash(sibling, oldHash)
      newHash = nodeHash(sibling, newHash)
      while (at % 2 === 0 && at !== 0) {
        at /= 2
        last = half(last)
      }
    } else {
      newHash = nodeHash(newHash, sibling)
    }
    at = half(at)
    last = half(last)
  }
  return last === 0 && equalBytes(oldHash, oldRoot) && equalBytes(newHash, newRoot)
}

/** Hash of the leaves [begin, end): the subtrees that the RFC's splitting meets, so `begin` is aligned to the left part of each. */
function subtree(store: NodeStore, begin: number, end: number): Hash {
  const count = end - begin
  if (isPowerOfTwo(count)) return nodeAt(store, Math.log2(count), begin / count)
  const middle = begin + splitOf(count)
  return nodeHash(subtree(store, begin, middle), subtree(store, middle, end))
}

/** The largest power of two below `count` (count > 1). */
function splitOf(count: number): number {
  let split = 1
  while (split * 2 < count) split *= 2
  return split
}

function nodeAt(store: NodeStore, level: number, index: number): Hash {
  const hash = store.get(level, index)
  if (hash === undefined) throw new BugError(`the Merkle tree lacks its node ${index} on level ${level}`)
  return hash
}

function assertSize(size: number): void {
  if (!isSize(size)) throw new RangeError(`not the size of a Merkle tree: ${size}`)
}

function isSize(number: number): boolean {
  return Number.isSafeInteger(number) && number >= 0
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === HASH_BYTES
}

function isPowerOfTwo(size: number): boolean {
  return 2 ** Math.floor(Math.log2(size)) === size
}

/** Sizes may pass 2^32, so no shifts. */
function half(number: number): number {
  return Math.floor(number / 2)
}
