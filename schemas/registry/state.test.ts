import { describe, expect, test } from '@jest/globals'
import { newKeyPair, sign, sodiumSignatures } from '../../infra/crypto/sodium.js'
import { type EventSigner, newBody, placeEvent, signBody } from '../../infra/registry/sign-event.js'
import {
  applyEvent,
  enrolTestMeters,
  testAuthorityKey,
  testEvent,
  testKeyPair,
  testMeter,
  testRegistry,
} from '../../infra/testing/registry.js'
import { turnOrder } from '../consensus/turns.js'
import { BugError } from '../errors.js'
import { LIMITS } from '../limits.js'
import { EMPTY_ROOT, leafHash, merkleRoot, verifyInclusion } from '../merkle.js'
import {
  decodeEnrolledMeter,
  decodeEventBody,
  decodeRegistryEvent,
  type EventContent,
  encodeEnrolledMeter,
  encodeEventBody,
  encodeRegistryEvent,
} from '../records.js'
import { sourceEpochOf } from './governance-rules.js'
import { MemoryRegistryStore } from './memory-store.js'
import { keyFor, presentKey } from './meter-facts.js'
import { enrolmentRoot } from './meter-rules.js'
import { bodyProof, enrolmentProof } from './proofs.js'
import { RegistryState } from './state.js'

const NOT_A_KEY = Buffer.alloc(32, 2)
const outsider = { id: 'outsider', ...testKeyPair('outsider') }
const asMeter = (id: string): EventSigner => ({ id: '', secretKey: testKeyPair(id).secretKey })
const enrol = (...meters: ReturnType<typeof testMeter>[]) =>
  [{ kind: 'EnrolMeters', count: meters.length, root: enrolmentRoot(meters) }, meters] as const

describe('every event', () => {
  test('counts only under the size and root that it names', () => {
    const { state, authorityKeys } = testRegistry()
    const event = testEvent(state, { kind: 'SetRules', rules: 2 }, authorityKeys)
    expect(state.apply({ ...event, sizeBefore: 2 })).toEqual({ counted: false, reason: expect.stringMatching(/^other-state:/) })
    expect(state.apply({ ...event, rootBefore: EMPTY_ROOT })).toMatchObject({ counted: false })
    expect(state.check(event)).toBeUndefined()
    expect(state.apply(event)).toMatchObject({ counted: true, index: 1 })
    expect(state.check(event)).toMatch(/^other-state:/)
  })

  test('counts once, though it is placed again', () => {
    const { state, authorityKeys } = testRegistry()
    const event = testEvent(state, { kind: 'SetRules', rules: 2 }, authorityKeys)
    state.apply(event)
    const again = { ...event, sizeBefore: state.size, rootBefore: state.root }
    expect(state.apply(again)).toEqual({ counted: false, reason: expect.stringMatching(/^repeated:/) })
  })

  test('counts only before it expires', () => {
    const { state, authorityKeys } = testRegistry()
    const bodyBytes = newBody({ kind: 'SetRules', rules: 2 }, 1)
    const signatures = signBody(bodyBytes, state.chainId, authorityKeys)
    const late = decodeRegistryEvent(placeEvent(state, { bodyBytes, signatures, meters: [] }))
    expect(state.apply(late)).toEqual({ counted: false, reason: expect.stringMatching(/^expired:/) })
  })

  test('that is no event does not count', () => {
    const { state } = testRegistry()
    expect(state.apply(undefined)).toEqual({ counted: false, reason: expect.stringMatching(/^malformed:/) })
    expect(state.size).toBe(1)
  })

  test('carries meters only where it enrols them', () => {
    const { state, authorityKeys } = testRegistry()
    const stray = testEvent(state, { kind: 'SetRules', rules: 2 }, authorityKeys, [testMeter('m')])
    expect(state.apply(stray)).toEqual({ counted: false, reason: expect.stringMatching(/^stray-meters:/) })
  })

  test('may have as many signatures as there can be signers', () => {
    const { state, authorityKeys } = testRegistry()
    const many = Array.from({ length: LIMITS.authorities + 2 }, () => authorityKeys[0] ?? outsider)
    expect(applyEvent(state, { kind: 'SetRules', rules: 2 }, many)).toEqual({
      counted: false,
      reason: expect.stringMatching(/^too-many-signatures:/),
    })
  })

  test('is a leaf of the tree, and every earlier root can still be had', () => {
    const { state, authorityKeys } = testRegistry({ meters: 3 })
    for (const rules of [2, 3, 4]) applyEvent(state, { kind: 'SetRules', rules }, authorityKeys)
    const leaves = Array.from({ length: state.size }, (_, index) => leafHash(state.eventAt(index)?.bodyBytes ?? Buffer.alloc(0)))
    for (let size = 0; size <= state.size; size++) expect(state.rootAt(size)).toEqual(merkleRoot(leaves.slice(0, size)))
    expect(state.rootAt(state.size + 1)).toBeUndefined()
    expect(state.rootAt(-1)).toBeUndefined()
    expect(state.eventAt(99)).toBeUndefined()
  })
})

describe('signatures', () => {
  const rules = { kind: 'SetRules', rules: 2 } as const

  test('of more than 2/3 of the weight, each authority once, are needed to govern', () => {
    const { state, authorityKeys } = testRegistry({ authorities: 3, weights: [1, 1, 1] })
    const [a, b, c] = authorityKeys
    if (a === undefined || b === undefined || c === undefined) throw new Error('three were asked for')
    for (const signers of [[], [a], [a, b], [a, b, b, a], [a, b, outsider], [a, b, { ...c, secretKey: outsider.secretKey }]])
      expect(applyEvent(state, rules, signers)).toEqual({ counted: false, reason: expect.stringMatching(/^not-signed:/) })
    expect(applyEvent(state, rules, [outsider, { ...a, secretKey: outsider.secretKey }, a, b, c])).toMatchObject({
      counted: true,
    })
  })

  test('count by weight, not by heads', () => {
    const { state, authorityKeys } = testRegistry({ authorities: 3, weights: [7, 2, 1] })
    expect(applyEvent(state, rules, authorityKeys.slice(1))).toMatchObject({ counted: false })
    expect(applyEvent(state, rules, authorityKeys.slice(0, 1))).toMatchObject({ counted: true })
  })

  test('of one present authority are enough to enrol, assign and retire', () => {
    const { state, authorityKeys } = testRegistry({ authorities: 4 })
    const [content, meters] = enrol(testMeter('m'))
    expect(applyEvent(state, content, [outsider], meters)).toMatchObject({ counted: false })
    expect(applyEvent(state, content, authorityKeys.slice(3), meters)).toMatchObject({ counted: true })
    const { usagePoint } = testMeter('m')
    const assign = { kind: 'AssignUsagePoint', meter: 'm', validFrom: 5, usagePoint } as const
    expect(applyEvent(state, assign, [asMeter('m')])).toMatchObject({ counted: false })
    expect(applyEvent(state, assign, authorityKeys.slice(1, 2))).toMatchObject({ counted: true })
    expect(applyEvent(state, { kind: 'RetireMeter', meter: 'm', fromSequence: 9 }, authorityKeys.slice(2, 3))).toMatchObject({
      counted: true,
    })
  })

  test('of an authority without weight count for nothing', () => {
    const { state, authorityKeys } = testRegistry({ authorities: 4 })
    const slash: EventContent = { kind: 'SlashStake', authority: 'authority-4', amount: 1, evidence: [leafHash(Buffer.alloc(1))] }
    expect(applyEvent(state, slash, authorityKeys)).toMatchObject({ counted: true })
    const [content, meters] = enrol(testMeter('m'))
    expect(applyEvent(state, content, authorityKeys.slice(3), meters)).toMatchObject({ counted: false })
    expect(applyEvent(state, rules, authorityKeys.slice(0, 2))).toMatchObject({ counted: false })
    expect(applyEvent(state, rules, authorityKeys.slice(0, 3))).toMatchObject({ counted: true })
  })

  test('of the meter’s present key, or of more than 2/3, rotate and reset', () => {
    const { state, authorityKeys } = testRegistry({ authorities: 4, meters: 1 })
    const rotateTo = (name: string, fromSequence: number) =>
      ({ kind: 'RotateMeterKey', meter: 'meter-1', fromSequence, key: testKeyPair(name).publicKey }) as const
    expect(applyEvent(state, rotateTo('second', 10), [asMeter('meter-2')])).toMatchObject({ counted: false })
    expect(applyEvent(state, rotateTo('second', 10), authorityKeys.slice(0, 2))).toMatchObject({ counted: false })
    expect(applyEvent(state, rotateTo('second', 10), [asMeter('meter-1')])).toMatchObject({ counted: true })
    expect(applyEvent(state, rotateTo('third', 5), [asMeter('meter-1')])).toMatchObject({ counted: false })
    expect(applyEvent(state, rotateTo('third', 5), authorityKeys.slice(0, 3))).toMatchObject({ counted: true })
    const reset = { kind: 'ResetMeter', meter: 'meter-1', sequence: 7, previous: leafHash(Buffer.alloc(3)) } as const
    expect(applyEvent(state, reset, [asMeter('second')])).toMatchObject({ counted: false })
    expect(applyEvent(state, reset, [asMeter('third')])).toMatchObject({ counted: true })
  })

  test('of a meter that nobody enrolled hold for nothing', () => {
    const { state } = testRegistry()
    const reset = { kind: 'ResetMeter', meter: 'meter-1', sequence: 7, previous: leafHash(Buffer.alloc(3)) } as const
    expect(applyEvent(state, reset, [asMeter('meter-1')])).toMatchObject({ counted: false })
  })
})

describe('an enrolment', () => {
  const enrolled = (...meters: ReturnType<typeof testMeter>[]) => {
    const { state, authorityKeys } = testRegistry({ meters: 1 })
    const [content, list] = enrol(...meters)
    return applyEvent(state, content, authorityKeys, list)
  }
  const point = testMeter('m').usagePoint

  test('gives each meter its number over the whole registry', () => {
    const { state, authorityKeys } = testRegistry({ meters: 3 })
    const [content, meters] = enrol(testMeter('x'), testMeter('y'))
    expect(applyEvent(state, content, authorityKeys, meters)).toMatchObject({ counted: true })
    expect(['meter-1', 'meter-3', 'x', 'y'].map((id) => state.meterAt(id, 3)?.ordinal)).toEqual([1, 3, 4, 5])
    expect(state.meterAt('y', 3)?.signer).toBe('device')
    expect(state.meterAt('y', 3)?.assignments).toEqual([{ validFrom: 0, usagePoint: testMeter('y').usagePoint, since: 3 }])
    expect(state.meterAt('y', 2)).toBeUndefined()
    expect(state.meterAt('z', 3)).toBeUndefined()
  })

  test.each([
    ['no meter', [], /^bad-count/],
    ['an id of another form', [testMeter('a b')], /^bad-meter-id/],
    ['an id twice', [testMeter('m'), testMeter('m', testKeyPair('n').publicKey)], /^enrolled-twice/],
    ['an id of the registry', [testMeter('m'), testMeter('meter-1')], /^already-enrolled/],
    ['a key that is none', [testMeter('m', NOT_A_KEY)], /^bad-key/],
    ['a zone of another form', [{ ...testMeter('m'), usagePoint: { ...point, zone: 'Europe London' } }], /^bad-zone/],
    ['no zone', [{ ...testMeter('m'), usagePoint: { ...point, zone: '' } }], /^bad-zone/],
    ['a usage point without id', [{ ...testMeter('m'), usagePoint: { ...point, id: '' } }], /^bad-usage-point/],
    ['too long a text', [{ ...testMeter('m'), usagePoint: { ...point, feeder: 'é'.repeat(513) } }], /^bad-usage-point/],
    ['a character that a database refuses', [{ ...testMeter('m'), usagePoint: { ...point, plan: 'a\0' } }], /^bad-usage-point/],
  ])('with %s does not count', (_name, meters, reason) => {
    expect(enrolled(...meters)).toEqual({ counted: false, reason: expect.stringMatching(reason) })
  })

  test('whose body does not bind its meters does not count', () => {
    const { state, authorityKeys } = testRegistry()
    const [content] = enrol(testMeter('m'))
    expect(applyEvent(state, content, authorityKeys, [testMeter('n')])).toMatchObject({
      reason: expect.stringMatching(/^bad-root/),
    })
    expect(applyEvent(state, { ...content, count: 2 }, authorityKeys, [testMeter('m')])).toMatchObject({
      reason: expect.stringMatching(/^bad-count/),
    })
    expect(state.meterAt('m', 99)).toBeUndefined()
  })

  test('of more than 10,000 meters does not count', () => {
    const { state, authorityKeys } = testRegistry()
    const meters = Array.from({ length: LIMITS.metersPerEnrolment + 1 }, (_, index) => testMeter(`m${index}`, NOT_A_KEY))
    const [content, list] = enrol(...meters)
    expect(applyEvent(state, content, authorityKeys, list)).toMatchObject({ reason: expect.stringMatching(/^bad-count/) })
  })

  test('can be proved, meter by meter, under every later root', () => {
    const { state, authorityKeys } = testRegistry({ meters: 5 })
    applyEvent(state, { kind: 'SetRules', rules: 2 }, authorityKeys)
    for (const size of [2, 3]) {
      const proof = enrolmentProof(state, 'meter-4', size)
      if (proof === undefined) throw new Error('meter-4 is enrolled')
      const { meterBytes, leafIndex, count, meterPath, body } = proof
      expect(decodeEnrolledMeter(meterBytes)).toMatchObject({ meter: 'meter-4' })
      const content = decodeEventBody(body.bodyBytes)?.content
      if (content?.kind !== 'EnrolMeters') throw new Error('the body enrols')
      expect(verifyInclusion(leafHash(meterBytes), leafIndex, count, meterPath, content.root)).toBe(true)
      const root = state.rootAt(size) ?? EMPTY_ROOT
      expect(verifyInclusion(leafHash(body.bodyBytes), body.index, body.size, body.path, root)).toBe(true)
      expect(bodyProof(state, body.index, size)).toEqual(body)
    }
    expect(enrolmentProof(state, 'meter-4', 1)).toBeUndefined()
    expect(enrolmentProof(state, 'meter-4', 4)).toBeUndefined()
    expect(enrolmentProof(state, 'nobody', 3)).toBeUndefined()
    expect(bodyProof(state, 3, 3)).toBeUndefined()
    expect(bodyProof(state, 3, 4)).toBeUndefined()
  })
})

describe('a fact about a meter', () => {
  const first = testKeyPair('meter-1').publicKey
  const [second, third, fourth] = ['second', 'third', 'fourth'].map((name) => testKeyPair(name).publicKey)

  test('holds from the size after its event, and from its sequence', () => {
    const { state, authorityKeys } = testRegistry({ meters: 1 })
    const rotate = (key: Buffer | undefined, fromSequence: number) =>
      applyEvent(state, { kind: 'RotateMeterKey', meter: 'meter-1', fromSequence, key: key ?? NOT_A_KEY }, authorityKeys)
    rotate(second, 100)
    rotate(third, 50)
    rotate(fourth, 100)
    const keyAt = (sequence: number, size: number) => state.meterAt('meter-1', size)?.keyFor(sequence)
    expect(keyAt(100, 2)).toEqual(first)
    expect([1, 99, 100].map((sequence) => keyAt(sequence, 3))).toEqual([first, first, second])
    expect([49, 50, 99, 100].map((sequence) => keyAt(sequence, 4))).toEqual([first, third, third, second])
    expect([49, 50, 99, 100].map((sequence) => keyAt(sequence, 5))).toEqual([first, third, third, fourth])
    const record = state.store.meter('meter-1')
    if (record === undefined) throw new Error('meter-1 is enrolled')
    expect(presentKey(record)).toEqual(fourth)
    expect(keyFor(record, 1, 1)).toBeUndefined()
  })

  test('retires it from a sequence', () => {
    const { state, authorityKeys } = testRegistry({ meters: 1 })
    applyEvent(state, { kind: 'RetireMeter', meter: 'meter-1', fromSequence: 20 }, authorityKeys)
    applyEvent(state, { kind: 'RetireMeter', meter: 'meter-1', fromSequence: 10 }, authorityKeys)
    const isRetired = (sequence: number, size: number) => state.meterAt('meter-1', size)?.isRetired(sequence)
    expect([isRetired(20, 2), isRetired(19, 3), isRetired(20, 3), isRetired(9, 4), isRetired(10, 4)]).toEqual([
      false,
      false,
      true,
      false,
      true,
    ])
  })

  test('resets it: the latest as of a size', () => {
    const { state, authorityKeys } = testRegistry({ meters: 1 })
    const previous = leafHash(Buffer.from('somewhere'))
    applyEvent(state, { kind: 'ResetMeter', meter: 'meter-1', sequence: 8, previous }, authorityKeys)
    applyEvent(state, { kind: 'ResetMeter', meter: 'meter-1', sequence: 6, previous }, authorityKeys)
    expect([2, 3, 4].map((size) => state.meterAt('meter-1', size)?.reset)).toEqual([
      undefined,
      { sequence: 8, previous, since: 3 },
      { sequence: 6, previous, since: 4 },
    ])
  })

  test.each<[string, EventContent, RegExp]>([
    ['a key that is none', { kind: 'RotateMeterKey', meter: 'meter-1', fromSequence: 1, key: NOT_A_KEY }, /^bad-key/],
    ['a rotation from 0', { kind: 'RotateMeterKey', meter: 'meter-1', fromSequence: 0, key: first }, /^bad-sequence/],
    ['a reset to 0', { kind: 'ResetMeter', meter: 'meter-1', sequence: 0, previous: EMPTY_ROOT }, /^bad-sequence/],
    ['a retirement from -1', { kind: 'RetireMeter', meter: 'meter-1', fromSequence: -1 }, /^bad-sequence/],
    ['a meter that nobody enrolled', { kind: 'RetireMeter', meter: 'nobody', fromSequence: 1 }, /^unknown-meter/],
    [
      'a point from before 1970',
      { kind: 'AssignUsagePoint', meter: 'meter-1', validFrom: -1, usagePoint: testMeter('m').usagePoint },
      /^bad-time/,
    ],
    [
      'a zone of another form',
      { kind: 'AssignUsagePoint', meter: 'meter-1', validFrom: 1, usagePoint: { ...testMeter('m').usagePoint, zone: '?' } },
      /^bad-zone/,
    ],
  ])('does not count with %s', (_name, content, reason) => {
    const { state, authorityKeys } = testRegistry({ meters: 1 })
    expect(applyEvent(state, content, authorityKeys)).toEqual({ counted: false, reason: expect.stringMatching(reason) })
  })
})

describe('governance', () => {
  const newcomer = { id: 'newcomer', key: testKeyPair('newcomer').publicKey, weight: 3 }

  test('is the same whatever is enrolled, so turns do not depend on it', () => {
    const { state, authorityKeys } = testRegistry({ authorities: 2 })
    const before = state.governanceAt(state.size)
    enrolTestMeters(state, authorityKeys, [testMeter('m1'), testMeter('m2')])
    expect(state.size).toBeGreaterThan(1)
    const after = state.governanceAt(state.size)
    expect(after.hash).toEqual(before.hash)
    const turn = { chainId: state.chainId, lane: 0 }
    for (let height = 1n; height <= 50n; height++)
      expect(turnOrder(after, { ...turn, height })).toEqual(turnOrder(before, { ...turn, height }))
  })

  test('is a history: each state from the size after its event', () => {
    const { state, authorityKeys } = testRegistry({ authorities: 2 })
    const apply = (content: EventContent) => expect(applyEvent(state, content, authorityKeys)).toMatchObject({ counted: true })
    apply({ kind: 'SetConsensus', consensus: 'pos' })
    apply({ kind: 'SetRules', rules: 2 })
    apply({ kind: 'PublishTariff', plan: 'flat', validFrom: 0, document: '{\n}' })
    apply({ kind: 'SetSourceEpoch', lane: 3, epoch: 1 })
    apply({ kind: 'SetSourceEpoch', lane: 3, epoch: 2 })
    apply({ kind: 'SetStake', authority: 'authority-2', weight: 5 })
    apply({ kind: 'RotateAuthorityKey', authority: 'authority-2', key: newcomer.key })
    expect(state.governanceAt(1)).toMatchObject({ consensus: 'poa', rules: 1, since: 1 })
    expect(state.governanceAt(2)).toMatchObject({ consensus: 'pos', rules: 1, since: 2 })
    expect(state.governanceAt(4)).toBe(state.governanceAt(3))
    expect(sourceEpochOf(state.governanceAt(4), 3)).toBe(0)
    expect(sourceEpochOf(state.governanceAt(6), 3)).toBe(2)
    expect(state.governanceAt(7).authorities.map(({ weight }) => weight)).toEqual([1, 5])
    expect(state.governanceAt(8).authorities[1]?.key).toEqual(newcomer.key)
    expect(state.governanceAt(8).hash).toEqual(leafHash(state.eventAt(7)?.bodyBytes ?? EMPTY_ROOT))
    expect(() => state.governanceAt(9)).toThrow(RangeError)
    expect(() => state.governanceAt(0)).toThrow(RangeError)
  })

  test('takes authorities in, sorted by id, and lets them go', () => {
    const { state, authorityKeys } = testRegistry({ authorities: 2 })
    applyEvent(state, { kind: 'AddAuthority', authority: { ...newcomer, id: 'a' } }, authorityKeys)
    expect(state.governanceAt(2).authorities.map(({ id }) => id)).toEqual(['a', 'authority-1', 'authority-2'])
    const signers = [...authorityKeys, { ...testKeyPair('newcomer'), id: 'a' }]
    applyEvent(state, { kind: 'RemoveAuthority', authority: 'authority-1' }, signers)
    expect(state.governanceAt(3).authorities.map(({ id }) => id)).toEqual(['a', 'authority-2'])
    expect(applyEvent(state, { kind: 'SetRules', rules: 2 }, authorityKeys.slice(1))).toMatchObject({ counted: false })
  })

  test.each<[string, EventContent, RegExp]>([
    ['an authority of a known id', { kind: 'AddAuthority', authority: { ...newcomer, id: 'authority-1' } }, /^bad-auth/],
    [
      'an authority of a known key',
      { kind: 'AddAuthority', authority: { ...newcomer, key: testAuthorityKey('authority-1').publicKey } },
      /^bad-auth/,
    ],
    ['an id of another form', { kind: 'AddAuthority', authority: { ...newcomer, id: ' ' } }, /^bad-authorities/],
    ['a key that is none', { kind: 'AddAuthority', authority: { ...newcomer, key: NOT_A_KEY } }, /^bad-key/],
    ['no weight', { kind: 'AddAuthority', authority: { ...newcomer, weight: 0 } }, /^bad-weight/],
    ['too much weight', { kind: 'AddAuthority', authority: { ...newcomer, weight: LIMITS.totalWeight } }, /^bad-weight/],
    ['an authority that is none', { kind: 'RemoveAuthority', authority: 'nobody' }, /^unknown-authority/],
    ['the last one’s removal', { kind: 'RemoveAuthority', authority: 'authority-1' }, /^bad-authorities/],
    ['a new key that is none', { kind: 'RotateAuthorityKey', authority: 'authority-1', key: NOT_A_KEY }, /^bad-key/],
    [
      'the key it has',
      { kind: 'RotateAuthorityKey', authority: 'authority-1', key: testAuthorityKey('authority-1').publicKey },
      /^no-change/,
    ],
    ['a stake below 0', { kind: 'SetStake', authority: 'authority-1', weight: -1 }, /^bad-weight/],
    ['all stake gone', { kind: 'SetStake', authority: 'authority-1', weight: 0 }, /^bad-weight/],
    ['more slashed than there is', { kind: 'SlashStake', authority: 'authority-1', amount: 2, evidence: [] }, /^bad-amount/],
    ['nothing slashed', { kind: 'SlashStake', authority: 'authority-1', amount: 0, evidence: [] }, /^bad-amount/],
    ['the consensus it has', { kind: 'SetConsensus', consensus: 'poa' }, /^no-change/],
    ['the rules it has', { kind: 'SetRules', rules: 1 }, /^no-change/],
    ['rules 0', { kind: 'SetRules', rules: 0 }, /^bad-rules/],
    ['an epoch left out', { kind: 'SetSourceEpoch', lane: 0, epoch: 2 }, /^bad-epoch/],
    ['a lane that is none', { kind: 'SetSourceEpoch', lane: 4, epoch: 1 }, /^bad-lane/],
    ['a tariff without a plan', { kind: 'PublishTariff', plan: '', validFrom: 0, document: '' }, /^bad-tariff/],
    ['a tariff from before 1970', { kind: 'PublishTariff', plan: 'p', validFrom: -1, document: '' }, /^bad-tariff/],
    ['a tariff with U+0000', { kind: 'PublishTariff', plan: 'p', validFrom: 0, document: '\0' }, /^bad-tariff/],
    [
      'a tariff of more than 256 KiB',
      { kind: 'PublishTariff', plan: 'p', validFrom: 0, document: 'x'.repeat(LIMITS.tariffBytes + 1) },
      /^bad-tariff/,
    ],
  ])('does not change with %s', (_name, content, reason) => {
    const { state, authorityKeys } = testRegistry()
    expect(applyEvent(state, content, authorityKeys)).toEqual({ counted: false, reason: expect.stringMatching(reason) })
  })

  test('has at most 100 authorities', () => {
    const { state, authorityKeys } = testRegistry({ authorities: LIMITS.authorities })
    expect(applyEvent(state, { kind: 'AddAuthority', authority: newcomer }, authorityKeys)).toMatchObject({
      reason: expect.stringMatching(/^bad-authorities/),
    })
  })
})

describe('the genesis', () => {
  const { genesis, chainId } = testRegistry({ authorities: 2 })
  const event = decodeRegistryEvent(genesis)
  const content = event?.body.content
  if (event === undefined || content?.kind !== 'Genesis') throw new Error('the genesis is canonical')
  const fresh = () => new RegistryState(new MemoryRegistryStore(), sodiumSignatures)
  const made = (change: Partial<typeof content>) => {
    const bodyBytes = encodeEventBody({ id: Buffer.alloc(16), expiresAtSize: 1, content: { ...content, ...change } })
    return decodeRegistryEvent(
      encodeRegistryEvent({ bodyBytes, sizeBefore: 0, rootBefore: EMPTY_ROOT, signatures: [], meters: [] }),
    )
  }

  test('gives the chain its id, lanes and first authorities', () => {
    const state = fresh()
    expect(state.hasGenesis).toBe(false)
    expect(() => state.chainId).toThrow(BugError)
    expect(state.apply(event)).toMatchObject({ counted: true, index: 0 })
    expect([state.chainId, state.lanes, state.genesis.network]).toEqual([chainId, 4, 'test'])
    expect(state.governanceAt(1).authorities.map(({ id }) => id)).toEqual(['authority-1', 'authority-2'])
  })

  test('needs every founder’s signature', () => {
    for (const signatures of [
      [],
      event.signatures.slice(1),
      event.signatures.map((each) => ({ ...each, signer: 'authority-1' })),
    ])
      expect(fresh().apply({ ...event, signatures })).toEqual({ counted: false, reason: expect.stringMatching(/^not-signed/) })
  })

  test('comes first, and once', () => {
    const { state, authorityKeys } = testRegistry()
    const bodyBytes = newBody(content, 99)
    const second = { bodyBytes, signatures: signBody(bodyBytes, chainId, authorityKeys), meters: [] }
    expect(state.apply(decodeRegistryEvent(placeEvent(state, second)))).toMatchObject({
      reason: expect.stringMatching(/^second-g/),
    })
    const early = testEvent(state, { kind: 'SetRules', rules: 2 }, authorityKeys)
    expect(fresh().apply({ ...early, sizeBefore: 0, rootBefore: EMPTY_ROOT })).toMatchObject({
      reason: expect.stringMatching(/^no-genesis/),
    })
  })

  test.each<[string, Partial<typeof content>, RegExp]>([
    ['no network', { network: '' }, /^bad-genesis/],
    ['no lane', { lanes: 0 }, /^bad-genesis/],
    ['too many lanes', { lanes: LIMITS.lanes + 1 }, /^bad-genesis/],
    ['a date before 1970', { createdAt: -1 }, /^bad-genesis/],
    ['another profile of signatures', { signatureProfile: 2 }, /^bad-genesis/],
    ['rules 0', { rules: 0 }, /^bad-genesis/],
    ['a predecessor with U+0000', { predecessor: '\0' }, /^bad-genesis/],
    ['no authority', { authorities: [] }, /^bad-authorities/],
    ['one authority twice', { authorities: [...content.authorities, ...content.authorities] }, /^bad-authorities/],
    ['an authority without weight', { authorities: content.authorities.map((each) => ({ ...each, weight: 0 })) }, /^bad-weight/],
    ['a founder’s key that is none', { authorities: [{ id: 'a', key: NOT_A_KEY, weight: 1 }] }, /^bad-key/],
  ])('with %s does not count', (_name, change, reason) => {
    expect(fresh().apply(made(change))).toEqual({ counted: false, reason: expect.stringMatching(reason) })
  })
})

test('a signature over another chain’s body does not hold', () => {
  const { state, authorityKeys } = testRegistry()
  const { secretKey } = newKeyPair()
  const bodyBytes = newBody({ kind: 'SetRules', rules: 2 }, 99)
  const elsewhere = signBody(bodyBytes, EMPTY_ROOT, authorityKeys)
  const bare = [{ signer: 'authority-1', signature: sign(bodyBytes, authorityKeys[0]?.secretKey ?? secretKey) }]
  for (const signatures of [elsewhere, bare]) {
    const event = decodeRegistryEvent(placeEvent(state, { bodyBytes, signatures, meters: [] }))
    expect(state.apply(event)).toMatchObject({ reason: expect.stringMatching(/^not-signed/) })
  }
})

test('an enrolled meter’s bytes can be had again from its event', () => {
  const { state } = testRegistry({ meters: 2 })
  expect(state.eventAt(1)?.meters.map(encodeEnrolledMeter)).toEqual(
    ['meter-1', 'meter-2'].map((id) => encodeEnrolledMeter(testMeter(id))),
  )
})
