import { createHash, hash } from 'node:crypto'

/** 32 bytes of SHA-256. */
export type Hash = Buffer

/** Length of a hash in bytes. */
export const HASH_BYTES = 32

/** 32 zero bytes: the link of whatever has no predecessor. Not to be written to. */
export const ZERO_HASH: Hash = Buffer.alloc(HASH_BYTES)

/** SHA-256 of the parts, one after the other (none: of the empty string).
 *  The one-shot `crypto.hash` makes 807 k/s of 200 bytes where `createHash` makes 350 k/s, so one part takes that way. */
export function sha256(...parts: Uint8Array[]): Hash {
  const [only] = parts
  if (parts.length === 1 && only !== undefined) return hash('sha256', only, 'buffer')
  const hasher = createHash('sha256')
  for (const part of parts) hasher.update(part)
  return hasher.digest()
}

/** Writes SHA-256 of `bytes` into `target`. A digest as text, written where it belongs, takes 0.4 µs; one in a Buffer of its own 1.2 µs
 *  (200 bytes), and leaves the collector a Buffer. */
export function writeSha256(target: Buffer, at: number, bytes: Uint8Array): void {
  target.write(hash('sha256', bytes, 'binary'), at, 'binary')
}

/** A hash as the key of a Map: 64 lower-case hexadecimal characters. */
export function hashKey(hashed: Hash): string {
  return hashed.toString('hex')
}
