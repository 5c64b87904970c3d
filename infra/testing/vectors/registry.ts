// A log of the registry with events that count and events that break each rule, and what holds after them.
import type { Hash } from '../../../schemas/hash.js'
import { sha256 } from '../../../schemas/hash.js'
import { LIMITS } from '../../../schemas/limits.js'
import { EMPTY_ROOT } from '../../../schemas/merkle.js'
import {
  decodeRegistryEvent,
  type EnrolledMeter,
  type EventContent,
  encodeRegistryEvent,
  type Genesis,
} from '../../../schemas/records.js'
import { MemoryRegistryStore } from '../../../schemas/registry/memory-store.js'
import { enrolmentRoot } from '../../../schemas/registry/meter-rules.js'
import { bodyProof, enrolmentProof } from '../../../schemas/registry/proofs.js'
import { RegistryState } from '../../../schemas/registry/state.js'
import { sodiumSignatures } from '../../crypto/sodium.js'
import { testKeyPair, testMeter } from '../registry.js'
import { eventOf, METERS, type Step } from '../registry-arbitraries.js'
import { type EventPlan, prefixed, registryRecord } from './sealed.js'

export const A = [1, 2, 3, 4].map((n) => `authority-${n}`)
const keyOf = (name: string) => testKeyPair(name).publicKey
const authority = (n: number, weight = 1) => ({ id: `authority-${n}`, key: keyOf(`authority-${n}`), weight })
const SMALL_ORDER = Buffer.concat([Buffer.from([1]), Buffer.alloc(31)])

export function genesisOf(lanes: number, changes: Partial<Genesis> = {}): Genesis {
  return {
    ...{ kind: 'Genesis', network: 'vectors', createdAt: 1_767_225_600_000, lanes, signatureProfile: 1, rules: 1 },
    ...{ consensus: 'poa', authorities: [authority(3), authority(1), authority(2), authority(4)], predecessor: '' },
    ...changes,
  }
}

/** The registry as its records come, with the outcome of each. */
export class VectorRegistry {
  readonly state = new RegistryState(new MemoryRegistryStore(), sodiumSignatures)
  readonly records: { name: string; value: Buffer | null; counted: boolean; code?: string; size: number; root: Hash }[] = []

  add(name: string, content: EventContent, signers: readonly string[], changes: Partial<EventPlan> = {}): void {
    const { size, root } = this.state
    const chainId = size === 0 ? undefined : this.state.chainId
    const plan = { content, signers, sizeBefore: size, rootBefore: size === 0 ? EMPTY_ROOT : root, ...changes }
    this.append(name, prefixed(1, registryRecord(chainId, plan)))
  }

  enrol(
    name: string,
    meters: readonly EnrolledMeter[],
    changes: Partial<EventPlan> & { count?: number; root?: Hash } = {},
  ): void {
    const { count = meters.length, root = enrolmentRoot(meters), ...rest } = changes
    this.add(name, { kind: 'EnrolMeters', count, root }, A.slice(0, 1), { meters, id: name, ...rest })
  }

  append(name: string, value: Buffer | null): void {
    const applied = this.state.apply(decodeRegistryEvent(value))
    const { size, root } = this.state
    const code = applied.counted ? {} : { code: applied.reason.split(':')[0] ?? '' }
    this.records.push({ name, value, counted: applied.counted, ...code, size, root })
  }
}

function addGenesis(registry: VectorRegistry): void {
  const founders = genesisOf(4)
  registry.append('nothing', null)
  registry.append('no event', Buffer.from('garbage'))
  registry.add('before the genesis', { kind: 'SetRules', rules: 2 }, A)
  registry.add('too many lanes', genesisOf(1025), A)
  registry.add('another signature profile', genesisOf(4, { signatureProfile: 2 }), A)
  registry.add('no name', genesisOf(4, { network: '' }), A)
  registry.add('a name of two lines', genesisOf(4, { network: 'a\nb' }), A)
  registry.add('no authorities', genesisOf(4, { authorities: [] }), A)
  registry.add('an authority twice', genesisOf(4, { authorities: [authority(1), authority(1)] }), A)
  registry.add('a key of small order', genesisOf(4, { authorities: [{ ...authority(1), key: SMALL_ORDER }] }), A)
  registry.add('a founder without weight', genesisOf(4, { authorities: [authority(1), authority(2, 0)] }), A)
  registry.add('a founder did not sign', founders, A.slice(0, 3))
  registry.add('the genesis', founders, A)
}

function addEnvelopes(registry: VectorRegistry): void {
  const rules: EventContent = { kind: 'SetRules', rules: 2 }
  registry.add('a second genesis', genesisOf(4, { network: 'other' }), A)
  registry.add('another size before it', rules, A, { sizeBefore: 2 })
  registry.add('another root before it', rules, A, { rootBefore: sha256() })
  registry.add('expired', rules, A, { expiresAtSize: 1 })
  registry.add('102 signatures', rules, new Array<string>(LIMITS.authorities + 2).fill('authority-1'))
  registry.add('meters beside another event', rules, A, { meters: [testMeter('meter-1')] })
  registry.add('half of the weight', rules, A.slice(0, 2))
  registry.add('one authority signs twice', rules, ['authority-1', 'authority-1', 'authority-1'])
  registry.add('an outsider signs', rules, ['authority-1', 'authority-2', 'outsider'])
  registry.add('rules, by three of four', rules, A.slice(0, 3))
  registry.add('the same event again', rules, A.slice(0, 3))
  registry.add('rules that hold already', rules, A, { id: 'again' })
  registry.add('rules of version 0', { kind: 'SetRules', rules: 0 }, A)
}

function addMeters(registry: VectorRegistry): void {
  const meters = [1, 2, 3].map((n) => testMeter(`meter-${n}`))
  const point = testMeter('meter-4').usagePoint
  registry.enrol('fewer meters than said', meters, { count: 4 })
  registry.enrol('no meters', [], { count: 0 })
  registry.enrol('another root', meters, { root: sha256() })
  registry.enrol('a meter twice', [...meters, testMeter('meter-1')])
  registry.enrol('a meter id that is none', [testMeter('-x')])
  registry.enrol('a zone that is none', [{ ...testMeter('meter-4'), usagePoint: { ...point, zone: 'Not a zone' } }])
  registry.enrol('a usage point without an id', [{ ...testMeter('meter-4'), usagePoint: { ...point, id: '' } }])
  registry.enrol('a control character', [{ ...testMeter('meter-4'), usagePoint: { ...point, feeder: 'a\u0085' } }])
  registry.enrol('a key that is none', [testMeter('meter-4', Buffer.alloc(32, 2))])
  registry.enrol('an outsider enrols', meters, { signers: ['outsider'] })
  registry.enrol('three meters', meters)
  registry.enrol('a meter that is enrolled', [testMeter('meter-4'), testMeter('meter-2')])
  registry.enrol('one more', [testMeter('meter-4')])
  const rotate: EventContent = { kind: 'RotateMeterKey', meter: 'meter-1', fromSequence: 10, key: keyOf('spare') }
  registry.add('a key change that another meter signs', rotate, ['meter:meter-2'])
  registry.add('a key change by one authority', rotate, A.slice(0, 1))
  registry.add('a key change that the meter signs', rotate, ['meter:meter-1'])
  registry.add('a key change by the key that was replaced', { ...rotate, fromSequence: 20 }, ['meter:meter-1'])
  registry.add('a key change by authorities', { ...rotate, fromSequence: 20, key: keyOf('meter-1') }, A)
  registry.add('a key change from sequence 0', { ...rotate, fromSequence: 0 }, A)
  registry.add('a key change of nobody', { ...rotate, meter: 'nobody' }, A)
  registry.add('a reset', { kind: 'ResetMeter', meter: 'meter-2', sequence: 50, previous: sha256() }, ['meter:meter-2'])
  registry.add('a later reset', { kind: 'ResetMeter', meter: 'meter-2', sequence: 40, previous: sha256(sha256()) }, A)
  registry.add('a reset to 0', { kind: 'ResetMeter', meter: 'meter-2', sequence: 0, previous: sha256() }, A)
  registry.add('a retirement', { kind: 'RetireMeter', meter: 'meter-3', fromSequence: 7 }, ['authority-4'])
  registry.add('an assignment', { kind: 'AssignUsagePoint', meter: 'meter-3', validFrom: 1_700_000_000, usagePoint: point }, A)
  registry.add('an assignment before 1970', { kind: 'AssignUsagePoint', meter: 'meter-3', validFrom: -1, usagePoint: point }, A)
}

function addGovernance(registry: VectorRegistry): void {
  const all = [...A, 'authority-5']
  registry.add('another authority', { kind: 'AddAuthority', authority: authority(5, 6) }, A)
  registry.add('an authority that is there', { kind: 'AddAuthority', authority: { ...authority(5), key: keyOf('spare') } }, all)
  registry.add('a key that is in use', { kind: 'AddAuthority', authority: { ...authority(5), id: 'six' } }, all)
  registry.add('the old majority alone', { kind: 'SetConsensus', consensus: 'pos' }, A)
  registry.add('proof of stake', { kind: 'SetConsensus', consensus: 'pos' }, all)
  registry.add('proof of stake again', { kind: 'SetConsensus', consensus: 'pos' }, all, { id: 'again' })
  registry.add('a stake of 0', { kind: 'SetStake', authority: 'authority-4', weight: 0 }, all)
  registry.add('a stake below 0', { kind: 'SetStake', authority: 'authority-3', weight: -1 }, all)
  registry.add('a stake of nobody', { kind: 'SetStake', authority: 'nobody', weight: 1 }, all)
  registry.add('a retirement by an authority without weight', { kind: 'RetireMeter', meter: 'meter-3', fromSequence: 6 }, [
    'authority-4',
  ])
  registry.add('slashed', { kind: 'SlashStake', authority: 'authority-5', amount: 2, evidence: [sha256()] }, all)
  registry.add('slashed by more than there is', { kind: 'SlashStake', authority: 'authority-5', amount: 5, evidence: [] }, all)
  registry.add('a new key of an authority', { kind: 'RotateAuthorityKey', authority: 'authority-2', key: keyOf('outsider') }, all)
  registry.add('the key that it has', { kind: 'RotateAuthorityKey', authority: 'authority-1', key: keyOf('authority-1') }, all)
  registry.add('a source epoch', { kind: 'SetSourceEpoch', lane: 2, epoch: 1 }, all)
  registry.add('a source epoch left out', { kind: 'SetSourceEpoch', lane: 2, epoch: 3 }, all)
  registry.add('a lane that is none', { kind: 'SetSourceEpoch', lane: 4, epoch: 1 }, all)
  registry.add('a tariff', { kind: 'PublishTariff', plan: 'flat', validFrom: 0, document: '{}' }, all)
  registry.add('a tariff without a name', { kind: 'PublishTariff', plan: '', validFrom: 0, document: '{}' }, all)
  registry.add('an authority leaves', { kind: 'RemoveAuthority', authority: 'authority-4' }, all)
}

export function registryVectors() {
  const registry = new VectorRegistry()
  for (const add of [addGenesis, addEnvelopes, addMeters, addGovernance]) add(registry)
  const { state } = registry
  return {
    ...whatHolds(registry, ['meter-1', 'meter-2', 'meter-3']),
    bodyProofs: [bodyProof(state, 0, state.size), bodyProof(state, state.size - 1, state.size), bodyProof(state, 2, 3)],
    enrolmentProofs: ['meter-1', 'meter-3', 'meter-4'].map((meter) => ({ meter, ...enrolmentProof(state, meter, state.size) })),
  }
}

/** The same of a registry to which `steps` were tried. */
export function randomRegistryVectors(steps: readonly Step[]) {
  const registry = new VectorRegistry()
  registry.add('the genesis', genesisOf(4), A)
  for (const step of steps) registry.append(step.content.kind, encodeRegistryEvent(eventOf(registry.state, step)))
  const { state } = registry
  return { ...whatHolds(registry, METERS), bodyProofs: [bodyProof(state, 0, state.size)], enrolmentProofs: [] }
}

/** The records, and what holds as of each size. */
function whatHolds(registry: VectorRegistry, meters: readonly string[]) {
  const { state, records } = registry
  const sizes = Array.from({ length: state.size }, (_, index) => index + 1)
  return {
    chainId: state.chainId,
    records,
    governance: sizes.map((size) => ({ size, ...state.governanceAt(size) })),
    meters: sizes.flatMap((size) => meters.map((meter) => meterAt(state, meter, size))),
  }
}

function meterAt(state: RegistryState, meter: string, size: number): object {
  const view = state.meterAt(meter, size)
  if (view === undefined) return { size, meter, ordinal: null }
  const at = [1, 9, 10, 19, 20].map((sequence) => ({
    sequence,
    key: view.keyFor(sequence),
    isRetired: view.isRetired(sequence),
  }))
  return { size, meter, ordinal: view.ordinal, signer: view.signer, at, reset: view.reset ?? null, assignments: view.assignments }
}
