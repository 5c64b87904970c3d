import fc from 'fast-check'
import { sha256 } from '../../schemas/hash.js'
import type { EnrolledMeter, EventContent, RegistryEvent } from '../../schemas/records.js'
import { enrolmentRoot } from '../../schemas/registry/meter-rules.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { testAuthorityKey, testEvent, testKeyPair, testMeter } from './registry.js'

// Random registries: few ids and keys, so that events often meet.

export interface Step {
  readonly content: EventContent
  readonly meters: readonly EnrolledMeter[]
  /** Which of the four keys sign, and whether the meter’s own does. */
  readonly signers: readonly number[]
  readonly isSignedByMeter: boolean
}

export const METERS = ['m1', 'm2', 'm3', 'm4']
const meter = fc.constantFrom(...METERS)
const authority = fc.constantFrom('authority-1', 'authority-2', 'authority-3', 'authority-4')
const key = fc.constantFrom(...['m1', 'm2', 'spare-1', 'spare-2'].map((name) => testKeyPair(name).publicKey), Buffer.alloc(32, 2))
const small = fc.integer({ min: -1, max: 12 })
const usagePoint = fc
  .constantFrom('Europe/London', 'Asia/Tokyo', 'no zone')
  .map((zone) => ({ ...testMeter('m').usagePoint, zone }))

const plain: fc.Arbitrary<EventContent> = fc.oneof(
  fc.record({ kind: fc.constant('RotateMeterKey' as const), meter, fromSequence: small, key }),
  fc.record({
    kind: fc.constant('ResetMeter' as const),
    meter,
    sequence: small,
    previous: small.map((n) => sha256(Buffer.from([n & 255]))),
  }),
  fc.record({ kind: fc.constant('RetireMeter' as const), meter, fromSequence: small }),
  fc.record({ kind: fc.constant('AssignUsagePoint' as const), meter, validFrom: small, usagePoint }),
  fc.record({ kind: fc.constant('AddAuthority' as const), authority: fc.record({ id: authority, key, weight: small }) }),
  fc.record({ kind: fc.constant('RemoveAuthority' as const), authority }),
  fc.record({ kind: fc.constant('RotateAuthorityKey' as const), authority, key }),
  fc.record({ kind: fc.constant('SetStake' as const), authority, weight: small }),
  fc.record({
    kind: fc.constant('SlashStake' as const),
    authority,
    amount: small,
    evidence: fc.array(fc.constant(Buffer.alloc(32))),
  }),
  fc.record({ kind: fc.constant('SetConsensus' as const), consensus: fc.constantFrom('poa' as const, 'pos' as const) }),
  fc.record({ kind: fc.constant('SetRules' as const), rules: small }),
  fc.record({ kind: fc.constant('SetSourceEpoch' as const), lane: small, epoch: fc.integer({ min: 0, max: 3 }) }),
  fc.record({
    kind: fc.constant('PublishTariff' as const),
    plan: fc.constantFrom('', 'flat'),
    validFrom: small,
    document: fc.string(),
  }),
)

const enrolment = fc.uniqueArray(meter, { minLength: 1 }).map((ids) => {
  const meters = ids.map((id) => testMeter(id))
  const content: EventContent = { kind: 'EnrolMeters', count: meters.length, root: enrolmentRoot(meters) }
  return { content, meters }
})

export const step: fc.Arbitrary<Step> = fc
  .tuple(
    fc.oneof({ arbitrary: plain.map((content) => ({ content, meters: [] })), weight: 4 }, { arbitrary: enrolment, weight: 1 }),
    fc.uniqueArray(fc.integer({ min: 1, max: 4 }), { minLength: 2 }),
    fc.boolean(),
  )
  .map(([what, signers, isSignedByMeter]) => ({ ...what, signers, isSignedByMeter }))

/** The step as a record on the present state: it may count, or break a rule. */
export function eventOf(state: RegistryState, { content, meters, signers, isSignedByMeter }: Step): RegistryEvent {
  const keys = signers.map((n) => testAuthorityKey(`authority-${n}`))
  const own = isSignedByMeter && 'meter' in content ? [{ id: '', secretKey: testKeyPair(content.meter).secretKey }] : []
  return testEvent(state, content, [...keys, ...own], meters)
}

/** All that can be asked of a state, for comparisons. */
export function everythingOf(state: RegistryState): unknown {
  const sizes = Array.from({ length: state.size }, (_, index) => index + 1)
  return {
    size: state.size,
    roots: sizes.map((size) => state.rootAt(size)?.toString('hex')),
    governance: sizes.map((size) => state.governanceAt(size)),
    meterCount: state.store.meterCount(),
    meters: METERS.map((id) => state.store.meter(id) ?? null),
    events: sizes.map((size) => state.store.eventBytes(size - 1)?.toString('hex')),
  }
}
