// Ed25519 under one pinned profile, because libraries disagree on edge cases (of the 12 of "Taming the many EdDSAs",
// ia.cr/2020/1244, Node 24.18 accepts five, Node 24.19 one). A signature is valid where:
// - it is 64 bytes R ‖ S, the key is 32 bytes, and S < L;
// - R and the key A are canonical encodings, and not of small order;
// - [S]B = R + [k]A, without the cofactor, k = SHA-512(R ‖ A ‖ message) mod L over the bytes as received.
// That A is also torsion-free is checked once, when a key is registered (`isValidKey`); R then is too, by the equation.
import { Point } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'

/** Length of a signature in bytes. */
export const SIGNATURE_BYTES = 64
/** Length of a public key in bytes. */
export const PUBLIC_KEY_BYTES = 32

/** An implementation of the profile. Both functions answer false, and never throw, whatever the bytes and lengths. */
export interface Signatures {
  /** Whether `signature` (64 bytes) of `message` holds under `publicKey` (32 bytes). */
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  /** Whether a key may be registered: canonical, on the curve, not of small order, torsion-free. */
  isValidKey(publicKey: Uint8Array): boolean
}

const { n: L } = Point.CURVE()

/** `Signatures.verify` on @noble/ed25519's curve arithmetic: 20 times slower than native code, independent of it. */
export function verifyNoble(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false
  const s = littleEndian(signature.subarray(32))
  if (s >= L) return false
  const r = decodePoint(signature.subarray(0, 32))
  const a = decodePoint(publicKey)
  if (r === undefined || a === undefined || r.isSmallOrder() || a.isSmallOrder()) return false
  const digest = sha512.create().update(signature.subarray(0, 32)).update(publicKey).update(message).digest()
  const k = littleEndian(digest) % L
  return Point.BASE.multiply(s, false).subtract(a.multiply(k, false)).equals(r)
}

/** `Signatures.isValidKey` on @noble/ed25519. */
export function isValidKeyNoble(publicKey: Uint8Array): boolean {
  const point = decodePoint(publicKey)
  return point !== undefined && !point.isSmallOrder() && point.isTorsionFree()
}

/** The profile without native code: for differential tests, and where none runs. */
export const nobleSignatures: Signatures = { verify: verifyNoble, isValidKey: isValidKeyNoble }

function decodePoint(bytes: Uint8Array): Point | undefined {
  try {
    return Point.fromBytes(bytes)
  } catch {
    return undefined // what noble says of bytes that are not 32, not canonical or not on the curve
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}
