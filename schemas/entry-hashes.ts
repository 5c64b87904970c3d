/** Leaf hashes of a block's entries, made once. The fold needs them for the root, and whoever makes rows of the block needs them again:
 *  a third of all that a replay hashes. They are kept with the list of entries as 32 bytes each, and go when it goes. */
import { HASH_BYTES, type Hash } from './hash.js'
import { leafHash, leafHashes, rootOfLeaves } from './merkle.js'

const made = new WeakMap<readonly Buffer[], Buffer>()

/** Merkle root of the entries. The list and its bytes must not change afterwards. */
export function entriesRoot(entries: readonly Buffer[]): Hash {
  const leaves = leafHashes(entries)
  made.set(entries, leaves)
  return rootOfLeaves(leaves)
}

/** Leaf hash of one of them. Throws RangeError where there is none. */
export function entryHash(entries: readonly Buffer[], index: number): Hash {
  const entry = entries[index]
  if (entry === undefined) throw new RangeError(`no entry ${index} of ${entries.length}`)
  return made.get(entries)?.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES) ?? leafHash(entry)
}
