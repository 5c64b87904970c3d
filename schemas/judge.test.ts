import { describe, expect, test } from '@jest/globals'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { applyEvent, testKeyPair, testRegistry } from '../infra/testing/registry.js'
import { hourOf, SignedMeter } from '../infra/testing/signed-meters.js'
import { ENTRY_FAULTS, faultCode } from './faults.js'
import { sha256, ZERO_HASH } from './hash.js'
import { type JudgeContext, type Judged, judgeEntries } from './judge.js'
import { leafHash } from './merkle.js'
import { type MeterState, NEW_METER } from './meter-chain.js'
import { laneOf } from './murmur2.js'
import { signedMessage, TAGS } from './tags.js'

const registry = testRegistry({ authorities: 1, meters: 3, lanes: 2 })
const { state, chainId, authorityKeys } = registry
const lane = laneOf('meter-1', 2)
const elsewhere = ['meter-2', 'meter-3', 'a', 'b', 'c', 'd'].find((id) => laneOf(id, 2) !== lane) ?? ''

function contextAt(size: number, states = new Map<string, MeterState>()): JudgeContext {
  return {
    lane,
    lanes: 2,
    facts: (meter) => state.meterAt(meter, size),
    meterState: (meter) => states.get(meter) ?? NEW_METER,
    keep: (meter, next) => states.set(meter, next),
    verify: (signature, bytes, key) => sodiumSignatures.verify(signature, signedMessage(TAGS.reading, chainId, bytes), key),
  }
}
const codes = (entries: readonly Buffer[], context = contextAt(2)) => judgeEntries(entries, context)
const meter = () => new SignedMeter('meter-1', chainId)
const only = (entry: Buffer, context = contextAt(2)) => codes([entry], context)[0]?.code
const spoilt = (entry: Buffer) => Buffer.concat([entry.subarray(0, -1), Buffer.from([(entry.at(-1) ?? 0) ^ 1])])

describe('an entry does not count', () => {
  test('malformed: when its bytes are not one canonical reading within the limits', () => {
    const entry = meter().next()
    const bad = [Buffer.alloc(0), Buffer.from('garbage'), Buffer.concat([entry, Buffer.alloc(1)]), entry.subarray(1)]
    expect(bad.map((each) => only(each))).toEqual([1, 1, 1, 1])
    expect(only(meter().next({ profiles: [] }))).toBe(1)
  })

  test('wrong-lane: before anything is asked of the registry', () => {
    expect(only(new SignedMeter(elsewhere, chainId).next())).toBe(faultCode('wrong-lane'))
  })

  test('unknown-meter: when it was not enrolled at the size that the block names', () => {
    const stranger = ['x1', 'x2', 'x3', 'x4'].find((id) => laneOf(id, 2) === lane) ?? ''
    expect(only(new SignedMeter(stranger, chainId).next())).toBe(faultCode('unknown-meter'))
    expect(only(meter().next(), contextAt(1))).toBe(faultCode('unknown-meter'))
  })

  test('unknown-meter too where the registry knows no key for the sequence', () => {
    const keyless = { ...contextAt(2), facts: () => ({ keyFor: () => undefined, isRetired: () => false, reset: undefined }) }
    expect(only(meter().next(), keyless)).toBe(faultCode('unknown-meter'))
  })

  test('bad-signature: of another key, another chain, or with a bit changed', () => {
    const other = new SignedMeter('meter-1', sha256()).next()
    const bytes = hourOf('meter-1', 1, ZERO_HASH)
    const otherKey = new SignedMeter('meter-2', chainId).sign(bytes)
    expect([other, otherKey, spoilt(meter().next())].map((entry) => only(entry))).toEqual([5, 5, 5])
  })

  test('sequence-taken, broken-link, out-of-order: by its meter’s chain', () => {
    const sender = meter()
    const [one, two, three, four, five] = [1, 2, 3, 4, 5].map(() => sender.next())
    if (!one || !two || !three || !four || !five) throw new Error('no entries')
    expect(codes([one, one, five, three, two, four, three, four])).toEqual([
      { entry: 1, code: 6 },
      { entry: 3, code: 8 },
      { entry: 5, code: 8 },
    ])
    expect(codes([one, sender.sign(hourOf('meter-1', 2, sha256()))])).toEqual([{ entry: 1, code: 7 }])
  })
})

test('only a counted entry takes its sequence', () => {
  const sender = meter()
  const one = sender.next()
  expect(codes([spoilt(one), one])).toEqual([{ entry: 0, code: 5 }])
})

test('what each entry did is told: its reading, its leaf, gaps opened and closed', () => {
  const sender = meter()
  const [one, two, three] = [sender.next(), sender.next(), sender.next()]
  const judged: Judged[] = []
  judgeEntries([one, three, two, Buffer.from('x')], contextAt(2), (each, index) => {
    expect(index).toBe(judged.length)
    judged.push(each)
  })
  expect(judged).toMatchObject([
    { counted: true, leaf: leafHash(one), signed: { reading: { sequence: 1 } } },
    { counted: true, step: { opened: { from: 2, to: 2 } } },
    { counted: true, step: { closed: { from: 2, to: 2 } } },
    { counted: false, fault: 'malformed', reason: expect.stringContaining('canonical') },
  ])
})

test('the registry’s facts hold from the size of their event: key, retirement, reset', () => {
  const spare = testKeyPair('spare')
  applyEvent(state, { kind: 'RotateMeterKey', meter: 'meter-1', fromSequence: 2, key: spare.publicKey }, authorityKeys)
  applyEvent(state, { kind: 'ResetMeter', meter: 'meter-1', sequence: 10, previous: sha256() }, authorityKeys)
  applyEvent(state, { kind: 'RetireMeter', meter: 'meter-1', fromSequence: 11 }, authorityKeys)
  const old = meter()
  const [one, two] = [old.next(), old.next()]
  const ten = old.sign(hourOf('meter-1', 10, sha256()))
  expect([only(two), only(two, contextAt(3)), only(one, contextAt(3))]).toEqual([undefined, 5, undefined])
  Object.assign(old, { keys: spare })
  const resigned = old.sign(hourOf('meter-1', 10, sha256()))
  const states = new Map<string, MeterState>()
  expect(codes([ten, resigned], contextAt(4, states))).toEqual([{ entry: 0, code: 5 }])
  expect(states.get('meter-1')).toMatchObject({ sequence: 10, gaps: [], reset: 4 })
  const eleven = old.sign(hourOf('meter-1', 11, leafHash(resigned)))
  expect([only(eleven, contextAt(4, new Map(states))), only(eleven, contextAt(5, new Map(states)))]).toEqual([undefined, 4])
})

test('an entry with several faults has the one that is looked at first', () => {
  const retiredAndForged = spoilt(meter().sign(hourOf('meter-1', 11, ZERO_HASH)))
  expect(only(retiredAndForged, contextAt(5))).toBe(faultCode('retired'))
  expect(ENTRY_FAULTS.map(({ code }) => code)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
})
