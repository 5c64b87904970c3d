import { createPublicKey, verify as platformVerify } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import * as noble from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'
import { newKeyPair, sign, sodiumSignatures } from '../infra/crypto/sodium.js'
import { cases } from '../infra/testing/thorough.js'
import { nobleSignatures } from './ed25519.js'

noble.hashes.sha512 = sha512

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array))
const message = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array))

/** node:crypto with the profile's precheck (R and key canonical, not small): its verdict on the rest is the platform's. */
function platform(signature: Buffer, signed: Buffer, publicKey: Buffer): boolean {
  if (signature.length !== 64 || !isOrdinary(publicKey) || !isOrdinary(signature.subarray(0, 32))) return false
  const spki = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), publicKey])
  return platformVerify(null, signed, createPublicKey({ key: spki, format: 'der', type: 'spki' }), signature)
}

function isOrdinary(encoded: Buffer): boolean {
  try {
    return !noble.Point.fromBytes(encoded).isSmallOrder()
  } catch {
    return false // not canonical, or not on the curve
  }
}

function verdicts(signature: Buffer, signed: Buffer, publicKey: Buffer): boolean[] {
  return [sodiumSignatures, nobleSignatures, { verify: platform }].map((library) => library.verify(signature, signed, publicKey))
}

describe('libsodium, noble and node:crypto agree', () => {
  test('on keys and signatures that each makes', () => {
    fc.assert(
      fc.property(bytes(32), message, (seed, signed) => {
        const { publicKey, secretKey } = newKeyPair(seed)
        const signature = sign(signed, secretKey)
        expect(publicKey.equals(noble.getPublicKey(seed))).toBe(true)
        expect(signature.equals(noble.sign(signed, seed))).toBe(true)
        expect(verdicts(signature, signed, publicKey)).toEqual([true, true, true])
        expect([sodiumSignatures.isValidKey(publicKey), nobleSignatures.isValidKey(publicKey)]).toEqual([true, true])
      }),
      cases(30),
    )
  })

  test('that one changed bit anywhere makes a signature false', () => {
    fc.assert(
      fc.property(bytes(32), message, fc.nat(), (seed, signed, bit) => {
        const { publicKey, secretKey } = newKeyPair(seed)
        const all = Buffer.concat([publicKey, sign(signed, secretKey), signed])
        const at = bit % (all.length * 8)
        all.writeUInt8(all.readUInt8(at >> 3) ^ (1 << (at & 7)), at >> 3)
        expect(verdicts(all.subarray(32, 96), all.subarray(96), all.subarray(0, 32))).toEqual([false, false, false])
      }),
      cases(100),
    )
  })

  test('on random bytes as key and signature, of any length', () => {
    fc.assert(
      fc.property(fc.oneof(bytes(64), message), message, fc.oneof(bytes(32), message), (signature, signed, publicKey) => {
        expect(verdicts(signature, signed, publicKey)).toEqual([false, false, false])
        expect(sodiumSignatures.isValidKey(publicKey)).toBe(nobleSignatures.isValidKey(publicKey))
      }),
      cases(200),
    )
  })
})
