// How schemas/vectors/ed25519.json was made: keys from fixed seeds, edge cases built from the curve's own points.
import { Point } from '@noble/ed25519'
import { sha512 } from '@noble/hashes/sha2.js'
import type { Ed25519Vector } from '../../schemas/ed25519-vectors.js'
import { sha256 } from '../../schemas/hash.js'

const { p: P, n: L } = Point.CURVE()
/** A point of order 8: times L, only the torsion part of a point is left. */
const T8 = torsionOf(8)

interface Signer {
  a: bigint
  key: Buffer
}

interface Parts {
  key: Buffer
  message: Buffer
  r: Buffer
  s: bigint
}

const verdicts = (valid: boolean, validKey: boolean) => ({ valid, validKey })
const GOOD = verdicts(true, true)
const BAD = verdicts(false, true)
const BAD_KEY = verdicts(false, false)

/** All vectors, in order. */
export function ed25519Vectors(): Ed25519Vector[] {
  return [...ordinary(), ...changed(), ...scalars(), ...points(), ...torsion(), ...lengths()]
}

function ordinary(): Ed25519Vector[] {
  return [0, 1, 32, 111, 112, 200, 1000].map((length) => {
    const message = Buffer.alloc(length, seedOf(`message ${length}`))
    return vector(`valid: message of ${length} bytes`, signed(signerOf(`ordinary ${length}`), message), GOOD)
  })
}

function changed(): Ed25519Vector[] {
  const signer = signerOf('changed')
  const other = signerOf('other')
  const good = signed(signer, Buffer.from('a reading'))
  const { key, message, r, s } = good
  return [
    vector('message: first bit changed', { ...good, message: flipped(message, 0) }, BAD),
    vector('message: last bit changed', { ...good, message: flipped(message, message.length * 8 - 1) }, BAD),
    vector('message: one byte more', { ...good, message: Buffer.concat([message, Buffer.alloc(1)]) }, BAD),
    vector('message: empty', { ...good, message: Buffer.alloc(0) }, BAD),
    vector('S: lowest bit changed', { ...good, s: s ^ 1n }, BAD),
    vector('S: negated', { ...good, s: L - s }, BAD),
    vector('R: of another signature', { ...good, r: signed(signer, Buffer.from('another')).r }, BAD),
    vector('R: sign bit changed', { ...good, r: flipped(r, 255) }, BAD),
    vector('key: sign bit changed', { ...good, key: flipped(key, 255) }, BAD),
    vector('key: of another signer', { ...good, key: other.key }, BAD),
    raw('R and S exchanged', { key, message, signature: Buffer.concat([bytesOf(s), r]) }, BAD),
    raw('signature: all zero', { key, message, signature: Buffer.alloc(64) }, BAD),
    raw('signature: all ones', { key, message, signature: Buffer.alloc(64, 0xff) }, BAD),
  ]
}

function scalars(): Ed25519Vector[] {
  const good = signed(signerOf('scalars'), Buffer.from('malleable'))
  return [
    vector('S: plus L', { ...good, s: good.s + L }, BAD),
    vector('S: plus 8 L', { ...good, s: good.s + 8n * L }, BAD),
    vector('S: highest bit set', { ...good, s: good.s + 2n ** 255n }, BAD),
    vector('S: zero', { ...good, s: 0n }, BAD),
    vector('S: L', { ...good, s: L }, BAD),
    vector('S: L - 1', { ...good, s: L - 1n }, BAD),
  ]
}

function points(): Ed25519Vector[] {
  const signer = signerOf('points')
  const message = Buffer.from('points')
  const good = signed(signer, message)
  const offCurve = bytesOf(smallestY(false))
  const beyond = bytesOf(P + smallestY(true))
  return [
    vector('R: not on the curve', { ...good, r: offCurve }, BAD),
    vector('R: y not below p', { ...good, r: beyond }, BAD),
    vector('key: not on the curve', { ...good, key: offCurve }, BAD_KEY),
    vector('key: y not below p', { ...good, key: beyond }, BAD_KEY),
    // S = k a and R of small order: the equation holds, for the identity always, for others where the cofactor is multiplied in.
    ...smallOrderEncodings().map(([name, r]) =>
      vector(`R: ${name}`, { key: signer.key, message, r, s: mod(challenge(r, signer.key, message) * signer.a) }, BAD),
    ),
    ...smallOrderEncodings().map(([name, key]) => vector(`key: ${name}`, smallOrderKey(key), BAD_KEY)),
  ]
}

/** A signature that holds without any secret: k is a multiple of 8, so that [k]A vanishes. */
function smallOrderKey(key: Buffer): Parts {
  return search((message) => {
    const nonce = 5n
    const r = encode(Point.BASE.multiply(nonce))
    return challenge(r, key, message) % 8n === 0n ? { key, message, r, s: nonce } : undefined
  })
}

function torsion(): Ed25519Vector[] {
  const signer = signerOf('torsion')
  const key = encode(Point.BASE.multiply(signer.a).add(T8))
  const nonce = 7n
  const respond = (r: Buffer, of: Buffer, message: Buffer) => mod(nonce + challenge(r, of, message) * signer.a)
  const plainR = encode(Point.BASE.multiply(nonce))
  const mixedR = encode(Point.BASE.multiply(nonce).add(T8))
  const message = Buffer.from('torsion')
  const plainKey = (remainder: bigint) =>
    search((tried) =>
      challenge(plainR, key, tried) % 8n === remainder
        ? { key, message: tried, r: plainR, s: respond(plainR, key, tried) }
        : undefined,
    )
  const bothMixed = search((tried) =>
    challenge(mixedR, key, tried) % 8n === 7n ? { key, message: tried, r: mixedR, s: respond(mixedR, key, tried) } : undefined,
  )
  return [
    vector(
      'R: mixed order, holds only with the cofactor',
      { key: signer.key, message, r: mixedR, s: respond(mixedR, signer.key, message) },
      BAD,
    ),
    vector('key: mixed order, k = 4 mod 8, holds only with the cofactor', plainKey(4n), BAD_KEY),
    vector('key: mixed order, k = 1 mod 8, holds only with the cofactor', plainKey(1n), BAD_KEY),
    vector('key: mixed order, k = 0 mod 8, holds: only registration refuses it', plainKey(0n), verdicts(true, false)),
    vector('key and R: mixed order, holds: only registration refuses it', bothMixed, verdicts(true, false)),
  ]
}

function lengths(): Ed25519Vector[] {
  const { key, message, r, s } = signed(signerOf('lengths'), Buffer.from('lengths'))
  const signature = Buffer.concat([r, bytesOf(s)])
  const longer = (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)])
  return [
    raw('signature: empty', { key, message, signature: Buffer.alloc(0) }, BAD),
    raw('signature: 63 bytes', { key, message, signature: signature.subarray(0, 63) }, BAD),
    raw('signature: 65 bytes', { key, message, signature: longer(signature) }, BAD),
    raw('key: empty', { key: Buffer.alloc(0), message, signature }, BAD_KEY),
    raw('key: 31 bytes', { key: key.subarray(0, 31), message, signature }, BAD_KEY),
    raw('key: 33 bytes', { key: longer(key), message, signature }, BAD_KEY),
  ]
}

/** The orders 1, 2, 4 and 8, and the encodings of such points that are not canonical. */
function smallOrderEncodings(): [string, Buffer][] {
  return [
    ['identity', encode(Point.ZERO)],
    ['order 2', encode(torsionOf(2))],
    ['order 4', encode(torsionOf(4))],
    ['order 8', encode(T8)],
    ['order 8, negated', encode(T8.negate())],
    ['identity with y = p + 1', bytesOf(P + 1n)],
    ['identity with a sign', flipped(encode(Point.ZERO), 255)],
    ['order 2 with a sign', flipped(encode(torsionOf(2)), 255)],
    ['order 4 with y = p', bytesOf(P)],
  ]
}

function torsionOf(order: 2 | 4 | 8): Point {
  for (let y = 2n; ; y += 1n) {
    const point = pointAt(y)
    const torsionPart = point?.multiply(L - 1n, false).add(point)
    if (torsionPart === undefined || torsionPart.double().double().is0()) continue
    return order === 8 ? torsionPart : order === 4 ? torsionPart.double() : torsionPart.double().double()
  }
}

function smallestY(onCurve: boolean): bigint {
  for (let y = 2n; ; y += 1n) if ((pointAt(y) !== undefined) === onCurve) return y
}

function pointAt(y: bigint): Point | undefined {
  try {
    return Point.fromBytes(bytesOf(y))
  } catch {
    return undefined // not on the curve
  }
}

function search(attempt: (message: Buffer) => Parts | undefined): Parts {
  for (let tried = 0; ; tried += 1) {
    const found = attempt(Buffer.from(`torsion ${tried}`))
    if (found !== undefined) return found
  }
}

/** RFC 8032 section 5.1.6, with a nonce of our own: fixed, for secrets that are public. */
function signed({ a, key }: Signer, message: Buffer): Parts {
  const nonce = mod(littleEndian(sha512(Buffer.concat([key, message]))))
  const r = encode(Point.BASE.multiply(nonce))
  return { key, message, r, s: mod(nonce + challenge(r, key, message) * a) }
}

function signerOf(name: string): Signer {
  const a = mod(littleEndian(sha512(seedOf(name))))
  return { a, key: encode(Point.BASE.multiply(a)) }
}

function challenge(r: Buffer, key: Buffer, message: Buffer): bigint {
  return mod(littleEndian(sha512(Buffer.concat([r, key, message]))))
}

function vector(name: string, { key, message, r, s }: Parts, verdict: { valid: boolean; validKey: boolean }): Ed25519Vector {
  return raw(name, { key, message, signature: Buffer.concat([r, bytesOf(s)]) }, verdict)
}

function raw(
  name: string,
  { key, message, signature }: { key: Buffer; message: Buffer; signature: Buffer },
  verdict: { valid: boolean; validKey: boolean },
): Ed25519Vector {
  return {
    name,
    publicKey: key.toString('hex'),
    message: message.toString('hex'),
    signature: signature.toString('hex'),
    ...verdict,
  }
}

function seedOf(name: string): Buffer {
  return sha256(Buffer.from(`meterchain vectors ${name}`))
}

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
  return copy
}

function encode(point: Point): Buffer {
  return Buffer.from(point.toBytes())
}

function mod(number: bigint): bigint {
  return number % L
}

function bytesOf(number: bigint): Buffer {
  return Buffer.from(number.toString(16).padStart(64, '0'), 'hex').reverse()
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
}
