import { describe, expect, test } from '@jest/globals'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { hourOf, SignedMeter } from '../infra/testing/signed-meters.js'
import { ZERO_HASH } from '../schemas/hash.js'
import { LIMITS } from '../schemas/limits.js'
import { leafHash } from '../schemas/merkle.js'
import { laneOf } from '../schemas/murmur2.js'
import { messageBuilder, TAGS } from '../schemas/tags.js'
import { type AcceptContext, accept } from './accept.js'

const chainId = Buffer.alloc(32, 7)
const meter = new SignedMeter('MAC000002', chainId)
const message = messageBuilder(TAGS.reading, chainId)
const context: AcceptContext = {
  lanes: 4,
  facts: (id) =>
    id === meter.id
      ? { keyFor: (sequence) => (sequence < 100 ? meter.keys.publicKey : undefined), isRetired: (sequence) => sequence >= 90 }
      : undefined,
  verify: (signature, bytes, key) => sodiumSignatures.verify(signature, message(bytes), key),
}
const reading = (sequence: number) => hourOf(meter.id, sequence, ZERO_HASH)

test('a signed reading of an enrolled meter is accepted, with its leaf hash and its lane', () => {
  const entry = meter.sign(reading(1))
  expect(accept(entry, context)).toEqual({ ok: true, entry, leaf: leafHash(entry), lane: laneOf(meter.id, 4), meter: meter.id })
})

describe('refused, with the fault', () => {
  const good = meter.sign(reading(1))
  const stranger = new SignedMeter('stranger', chainId)
  const cases: [name: string, entry: Buffer, fault: string, meter: string | undefined][] = [
    ['more than 64 KiB', Buffer.alloc(LIMITS.readingBytes + 1), 'too-large', undefined],
    ['no bytes', Buffer.alloc(0), 'malformed', undefined],
    ['one byte too many', Buffer.concat([good, Buffer.alloc(1)]), 'malformed', undefined],
    ['outside the limits', meter.sign({ ...reading(1), profiles: [] }), 'malformed', undefined],
    ['of a meter that is not enrolled', stranger.next(), 'unknown-meter', 'stranger'],
    ['of a sequence before its first key', meter.sign(reading(100)), 'unknown-meter', meter.id],
    ['of a retired meter', meter.sign(reading(90)), 'retired', meter.id],
    ['signed for another ledger', new SignedMeter(meter.id, Buffer.alloc(32, 8)).next(), 'bad-signature', meter.id],
    ['signed by another key', stranger.sign(reading(1)), 'bad-signature', meter.id],
  ]
  test.each(cases)('%s', (_name, entry, fault, id) => {
    const result = accept(entry, context)
    expect(result).toMatchObject({ ok: false, fault })
    if (!result.ok) expect(result.meter).toBe(id)
  })
  test('any changed byte', () => {
    for (let at = 0; at < good.length; at += 3) {
      const changed = Buffer.from(good)
      changed[at] = (changed[at] ?? 0) ^ 1
      expect(accept(changed, context).ok).toBe(false)
    }
  })
})
