import sodium from 'sodium-native'
import { asBuffer, fromHex } from '../../schemas/bytes.js'
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, type Signatures } from '../../schemas/ed25519.js'
import { ED25519_VECTORS, type Ed25519Vector } from '../../schemas/ed25519-vectors.js'
import { BugError } from '../../schemas/errors.js'

/** A signing key in libsodium's form. */
export interface KeyPair {
  /** 32 bytes. */
  publicKey: Buffer
  /** 64 bytes: seed ‖ public key. */
  secretKey: Buffer
}

/** Length of a seed in bytes: the secret that RFC 8032 calls the private key. */
export const SEED_BYTES = sodium.crypto_sign_SEEDBYTES

/** The pinned profile (schemas/ed25519.ts) on libsodium: its own checks are the profile's.
 *  73 µs a signature, where node:crypto needs 137 µs and accepts more. */
export const sodiumSignatures: Signatures = {
  verify(signature, message, publicKey) {
    // sodium-native throws on another key length, and takes a longer signature.
    if (signature.length !== SIGNATURE_BYTES || publicKey.length !== PUBLIC_KEY_BYTES) return false
    return sodium.crypto_sign_verify_detached(asBuffer(signature), asBuffer(message), asBuffer(publicKey))
  },
  isValidKey(publicKey) {
    return publicKey.length === PUBLIC_KEY_BYTES && sodium.crypto_core_ed25519_is_valid_point(asBuffer(publicKey))
  },
}

/** A new key pair, from `seed` (32 bytes) or at random. */
export function newKeyPair(seed?: Buffer): KeyPair {
  const publicKey = Buffer.alloc(sodium.crypto_sign_PUBLICKEYBYTES)
  const secretKey = Buffer.alloc(sodium.crypto_sign_SECRETKEYBYTES)
  if (seed === undefined) sodium.crypto_sign_keypair(publicKey, secretKey)
  else sodium.crypto_sign_seed_keypair(publicKey, secretKey, seed)
  return { publicKey, secretKey }
}

/** Ed25519 signature (64 bytes) of `message` with a secret key of `newKeyPair`; the same each time. */
export function sign(message: Buffer, secretKey: Buffer): Buffer {
  const signature = Buffer.alloc(SIGNATURE_BYTES)
  sodium.crypto_sign_detached(signature, message, secretKey)
  return signature
}

/** Runs the frozen vectors at process start (some 10 ms), so that a library that judges otherwise stops the process, not the ledger.
 *  Throws BugError with the vector's name. */
export function selfTest(signatures: Signatures, vectors: readonly Ed25519Vector[] = ED25519_VECTORS): void {
  for (const { name, publicKey, message, signature, valid, validKey } of vectors) {
    const key = fromHex(publicKey)
    if (signatures.verify(fromHex(signature), fromHex(message), key) !== valid)
      throw new BugError(
        `the Ed25519 library ${valid ? 'rejects' : 'accepts'} the signature of vector "${name}": see schemas/ed25519.ts`,
      )
    if (signatures.isValidKey(key) !== validKey)
      throw new BugError(
        `the Ed25519 library ${validKey ? 'rejects' : 'accepts'} the key of vector "${name}": see schemas/ed25519.ts`,
      )
  }
}
