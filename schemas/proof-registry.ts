/** The registry’s part of an offline proof: who decides, and which key a meter has. */
import { fromHex } from './bytes.js'
import { type Hash, ZERO_HASH } from './hash.js'
import { leafHash, verifyInclusion } from './merkle.js'
import type { DecidedEvent, GovernanceEventProof, MeterKeysProof, RegisteredProof } from './proof-format.js'
import { decodeEnrolledMeter, decodeEventBody, type EventBody, type Header } from './records.js'
import { decide, envelopeFault } from './registry/decide.js'
import { isRefusal } from './registry/decision.js'
import type { MeterKey } from './registry/meter-facts.js'
import type { RegistryState } from './registry/state.js'

/** A proof does not hold; `checkProof` makes a reason of it. */
export class ProofFault extends Error {}

export function demand(holds: boolean, reason: string): asserts holds {
  if (!holds) throw new ProofFault(reason)
}

export const pathOf = (path: readonly string[]): Hash[] => path.map((each) => fromHex(each))

/** Governance from the genesis up to the registry size of `before`, by the registry’s own rules. */
export function replay(registry: RegistryState, events: readonly GovernanceEventProof[], before: Header): void {
  for (const each of events) {
    const { index, signatures } = each
    decideGovernanceEvent(registry, { index, signatures, ...registeredBody(each, before) })
  }
  registry.store.setSize(before.registrySize)
}

export interface GivenEvent extends Pick<GovernanceEventProof, 'index' | 'signatures'> {
  readonly body: EventBody
  readonly bodyBytes: Buffer
}

/** Takes an event of governance that is given without those between: it is decided by those who had the weight before it. */
export function decideGovernanceEvent(registry: RegistryState, { index, body, bodyBytes, signatures: given }: GivenEvent): void {
  const { store, signatures, chainId, lanes } = registry
  demand(index >= store.size(), `governance event ${index} is out of order`)
  store.setSize(index)
  const signed = given.map(({ signer, signature }) => ({ signer, signature: fromHex(signature) }))
  // the place that it names is for the registry’s fold: its signatures are over the body alone
  const event = { body, bodyBytes, sizeBefore: index, rootBefore: ZERO_HASH, signatures: signed, meters: [] }
  const fault = envelopeFault(store, event)
  demand(fault === undefined, `governance event ${index} does not count: ${fault}`)
  const governance = registry.governanceAt(index)
  const since = index + 1
  const decision = decide({ store, signatures, chainId, lanes, governance, event, since })
  if (isRefusal(decision)) throw new ProofFault(`governance event ${index} does not count: ${decision.reason}`)
  demand(decision.governance !== undefined, `event ${index} is none of governance`)
  store.putGovernance(decision.governance)
  store.putEventId(body.id)
  store.setSize(since)
}

/** Takes events of governance one after the other, up to a registry of that size. Throws ProofFault. */
export function decideEvents(registry: RegistryState, events: readonly DecidedEvent[], size: number): void {
  for (const { index, body, signatures } of events) {
    demand(index < size, `governance event ${index} is not among the ${size} of its registry`)
    const bodyBytes = fromHex(body)
    const decoded = decodeEventBody(bodyBytes)
    demand(decoded !== undefined, `governance event ${index} is not a canonical body`)
    decideGovernanceEvent(registry, { index, body: decoded, bodyBytes, signatures })
  }
  demand(size >= registry.size, 'the registry of the checkpoint is smaller than that of what it covers')
  registry.store.setSize(size)
}

/** The body of an event that is in the registry which a header names. */
function registeredBody({ index, body, path }: RegisteredProof, header: Header): { body: EventBody; bodyBytes: Buffer } {
  const bodyBytes = fromHex(body)
  const { registrySize, registryRoot } = header
  const isThere = verifyInclusion(leafHash(bodyBytes), index, registrySize, pathOf(path), registryRoot)
  demand(isThere, `event ${index} is not in the registry of height ${header.height}`)
  const decoded = decodeEventBody(bodyBytes)
  demand(decoded !== undefined, `event ${index} of the registry is not a canonical body`)
  return { body: decoded, bodyBytes }
}

/** Keys of a meter as the registry of the block’s header holds them, in its order. */
export function keysOf({ enrolment, rotations }: MeterKeysProof, meter: string, header: Header): MeterKey[] {
  const { content } = registeredBody(enrolment.event, header).body
  demand(content.kind === 'EnrolMeters', 'the event of the enrolment enrols nobody')
  const bytes = fromHex(enrolment.meter)
  const isThere = verifyInclusion(leafHash(bytes), enrolment.leafIndex, content.count, pathOf(enrolment.path), content.root)
  const enrolled = decodeEnrolledMeter(bytes)
  demand(isThere && enrolled?.meter === meter, `meter ${meter} is not in the event of its enrolment`)
  const keys: MeterKey[] = [{ key: enrolled.key, fromSequence: 0, since: enrolment.event.index + 1 }]
  let last = enrolment.event.index
  for (const each of rotations) {
    const { content: rotation } = registeredBody(each, header).body
    demand(rotation.kind === 'RotateMeterKey' && rotation.meter === meter, `event ${each.index} changes no key of ${meter}`)
    demand(each.index > last, `event ${each.index}, a change of key, is out of order`)
    last = each.index
    keys.push({ key: rotation.key, fromSequence: rotation.fromSequence, since: each.index + 1 })
  }
  return keys
}
