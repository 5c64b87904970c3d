import type { Hash } from '../../schemas/hash.js'
import { sha256 } from '../../schemas/hash.js'
import { asAuthorityId } from '../../schemas/ids.js'
import {
  type ConsensusKind,
  decodeRegistryEvent,
  type EnrolledMeter,
  type EventContent,
  type RegistryEvent,
} from '../../schemas/records.js'
import { MemoryRegistryStore } from '../../schemas/registry/memory-store.js'
import { enrolmentRoot } from '../../schemas/registry/meter-rules.js'
import { type Applied, RegistryState } from '../../schemas/registry/state.js'
import type { RegistryStore } from '../../schemas/registry/store.js'
import { type KeyPair, newKeyPair, sodiumSignatures } from '../crypto/sodium.js'
import type { AuthorityKey } from '../keys.js'
import { createGenesis } from '../registry/genesis.js'
import { type EventSigner, newBody, placeEvent, signBody } from '../registry/sign-event.js'

export interface TestRegistryPlan {
  readonly authorities?: number
  /** By the order of ids; 1 each if not given. */
  readonly weights?: readonly number[]
  readonly meters?: number
  readonly lanes?: number
  readonly consensus?: ConsensusKind
  readonly store?: RegistryStore
}

export interface TestRegistry {
  readonly state: RegistryState
  readonly chainId: Hash
  /** The record of the genesis, without the registry prefix. */
  readonly genesis: Buffer
  /** `authority-1`, `authority-2`, … */
  readonly authorityKeys: AuthorityKey[]
  /** `meter-1`, `meter-2`, …, by id. */
  readonly meterKeys: Map<string, KeyPair>
}

/** The same pair for the same name, in every test. */
export const testKeyPair = (name: string): KeyPair => newKeyPair(sha256(Buffer.from(`meterchain test key ${name}`)))

export function testAuthorityKey(id: string): AuthorityKey {
  return { id: asAuthorityId(id), ...testKeyPair(id) }
}

export function testMeter(meter: string, key: Buffer = testKeyPair(meter).publicKey): EnrolledMeter {
  const usagePoint = { id: `point-of-${meter}`, zone: 'Europe/London', feeder: 'feeder-1', region: 'london', plan: 'flat' }
  return { meter, key, signer: 'device', usagePoint }
}

export function testGenesis({ authorities = 1, weights = [], lanes = 4, consensus = 'poa' }: TestRegistryPlan = {}): Buffer {
  const founders = Array.from({ length: authorities }, (_, index) => {
    return { ...testAuthorityKey(`authority-${index + 1}`), weight: weights[index] ?? 1 }
  })
  return createGenesis({
    network: 'test',
    lanes,
    consensus,
    authorities: founders,
    createdAt: Date.UTC(2026, 0, 1),
    id: Buffer.alloc(16, 7),
  })
}

/** Event `content`, signed and placed on the state as it is, decoded as from the topic. */
export function testEvent(
  state: RegistryState,
  content: EventContent,
  signers: readonly EventSigner[],
  meters: readonly EnrolledMeter[] = [],
): RegistryEvent {
  const bodyBytes = newBody(content, state.size + 1_000)
  const event = decodeRegistryEvent(
    placeEvent(state, { bodyBytes, signatures: signBody(bodyBytes, state.chainId, signers), meters }),
  )
  if (event === undefined) throw new Error(`the test's event ${content.kind} cannot be decoded`)
  return event
}

export function applyEvent(
  state: RegistryState,
  content: EventContent,
  signers: readonly EventSigner[],
  meters: readonly EnrolledMeter[] = [],
): Applied {
  return state.apply(testEvent(state, content, signers, meters))
}

/** Enrols meters in one event; throws where it does not count. */
export function enrolTestMeters(state: RegistryState, signers: readonly EventSigner[], meters: readonly EnrolledMeter[]): void {
  const content = { kind: 'EnrolMeters', count: meters.length, root: enrolmentRoot(meters) } as const
  const applied = applyEvent(state, content, signers, meters)
  if (!applied.counted) throw new Error(applied.reason)
}

/** A registry in memory (or in `store`), with authorities `authority-1`… and meters `meter-1`… whose keys are always the same. */
export function testRegistry(plan: TestRegistryPlan = {}): TestRegistry {
  const { authorities = 1, meters = 0, store = new MemoryRegistryStore() } = plan
  const genesis = testGenesis(plan)
  const state = new RegistryState(store, sodiumSignatures)
  const applied = state.apply(decodeRegistryEvent(genesis))
  if (!applied.counted) throw new Error(applied.reason)
  const authorityKeys = Array.from({ length: authorities }, (_, index) => testAuthorityKey(`authority-${index + 1}`))
  const ids = Array.from({ length: meters }, (_, index) => `meter-${index + 1}`)
  const meterKeys = new Map(ids.map((id) => [id, testKeyPair(id)]))
  if (ids.length > 0)
    enrolTestMeters(
      state,
      authorityKeys.slice(0, 1),
      ids.map((id) => testMeter(id)),
    )
  return { state, chainId: state.chainId, genesis, authorityKeys, meterKeys }
}
