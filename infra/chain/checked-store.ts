/** Values of a derived store carry a checksum: what was altered is found, and made again from the log. */
import { sha256 } from '../../schemas/hash.js'

/** A value in a derived store is not what was written. The store can be deleted: it is rebuilt from the log. */
export class CorruptStateError extends Error {
  override readonly name = 'CorruptStateError'
}

export const CHECKSUM_BYTES = 8

/** Over the key and the value, in one piece: SHA-256 of one part costs half of that of two. */
export const checksumOf = (key: string, bytes: Buffer): Buffer =>
  sha256(Buffer.concat([Buffer.from(`${key}\0`), bytes])).subarray(0, CHECKSUM_BYTES)

/** LMDB itself says what it cannot read (MDB_CORRUPTED, MDB_PAGE_NOTFOUND): the same fault, a layer below. */
export function stored<T>(get: () => T): T {
  try {
    return get()
  } catch (cause) {
    throw new CorruptStateError(`the stored states cannot be read: ${String(cause)}`, { cause })
  }
}
