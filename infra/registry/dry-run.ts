/** What would become of a proposal if it were submitted now, by the registry's own rules and with nothing written: whose signatures
 *  hold, what is missing, what the rules say, and what it would change. */
import { isQuorum, totalWeight } from '../../schemas/consensus/turns.js'
import { BugError } from '../../schemas/errors.js'
import { decodeRegistryEvent, type EventSignature, type RegistryEvent, SIGNATURE_BYTES } from '../../schemas/records.js'
import { decide, envelopeFault, signersNeeded } from '../../schemas/registry/decide.js'
import { type Changes, isRefusal } from '../../schemas/registry/decision.js'
import { presentKey } from '../../schemas/registry/meter-facts.js'
import { eventMessage } from '../../schemas/registry/signers.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import type { GovernanceState } from '../../schemas/registry/store.js'
import type { Proposal } from './proposal-file.js'
import { placeEvent } from './sign-event.js'

export interface SignatureSeen {
  /** Empty: the meter itself. */
  readonly signer: string
  readonly holds: boolean
  /** Of an authority whose signature holds. */
  readonly weight: number
  /** Why it does not hold. */
  readonly why?: string
}

export interface Tally {
  readonly seen: readonly SignatureSeen[]
  readonly needs: ReturnType<typeof signersNeeded>
  /** Of the authorities whose signatures hold. */
  readonly weight: number
  readonly totalWeight: number
  /** The least weight that is enough. */
  readonly neededWeight: number
  readonly isEnough: boolean
  /** Those that hold: what is submitted. */
  readonly holding: readonly EventSignature[]
}

export interface DryRun {
  readonly tally: Tally
  /** What the rules say against it, were it signed by all; undefined: nothing. */
  readonly refused: string | undefined
  /** What it would change; undefined where the rules refuse it. */
  readonly changes: Changes | undefined
  /** Whether it would count if it were submitted now. */
  readonly counts: boolean
}

/** The least weight that is more than two thirds of all. */
export const quorumWeight = (total: number): number => Math.floor((2 * total) / 3) + 1

/** Throws BugError where the registry has no genesis. */
export function dryRun(state: RegistryState, proposal: Proposal): DryRun {
  const tally = tallyOf(state, proposal)
  const changes = decidedIfSigned(state, proposal)
  const event = placed(state, proposal, tally.holding)
  const counts = state.check(event) === undefined
  return isRefusal(changes)
    ? { tally, counts, refused: changes.reason, changes: undefined }
    : { tally, counts, refused: undefined, changes }
}

function tallyOf(state: RegistryState, proposal: Proposal): Tally {
  const { authorities } = state.governanceAt(state.size)
  const each = proposal.signatures.map((signature) => ({ signature, seen: seenSignature(state, proposal, signature) }))
  const signed = new Set(each.filter(({ seen }) => seen.holds).map(({ seen }) => seen.signer))
  const total = totalWeight(state.governanceAt(state.size))
  const weight = authorities.filter(({ id }) => signed.has(id)).reduce((sum, authority) => sum + authority.weight, 0)
  const needs = signersNeeded(proposal.body.content.kind)
  const neededWeight = needs === 'one' ? 1 : quorumWeight(total)
  return {
    ...{ needs, weight, totalWeight: total, neededWeight },
    seen: each.map(({ seen }) => seen),
    isEnough: (needs === 'one' ? weight > 0 : isQuorum(weight, total)) || (needs === 'meter-or-quorum' && signed.has('')),
    holding: each.filter(({ seen }) => seen.holds).map(({ signature }) => signature),
  }
}

function seenSignature(state: RegistryState, proposal: Proposal, { signer, signature }: EventSignature): SignatureSeen {
  const refused = (why: string) => ({ signer, holds: false, weight: 0, why })
  const known = signer === '' ? meterKey(state, proposal) : authorityKey(state, signer)
  if (typeof known === 'string') return refused(known)
  const holds = state.signatures.verify(signature, eventMessage(proposal.chainId, proposal.bodyBytes), known.key)
  return holds
    ? { signer, holds, weight: known.weight }
    : refused('it is not one of this proposal by the key that the registry has: the file was altered, or the key has changed')
}

function authorityKey(state: RegistryState, signer: string): { key: Buffer; weight: number } | string {
  const authority = state.governanceAt(state.size).authorities.find(({ id }) => id === signer)
  if (authority === undefined) return `${signer} is no authority`
  return authority.weight === 0 ? `${signer} has no weight` : authority
}

function meterKey(state: RegistryState, { body }: Proposal): { key: Buffer; weight: number } | string {
  const meter = 'meter' in body.content && signersNeeded(body.content.kind) === 'meter-or-quorum' ? body.content.meter : undefined
  if (meter === undefined) return 'no meter signs an event of this kind'
  const record = state.store.meter(meter)
  const key = record === undefined ? undefined : presentKey(record)
  return key === undefined ? `meter ${meter} is not enrolled` : { key, weight: 0 }
}

function placed(state: RegistryState, { bodyBytes }: Proposal, signatures: readonly EventSignature[]): RegistryEvent {
  const event = decodeRegistryEvent(placeEvent(state, { bodyBytes, signatures, meters: [] }))
  if (event === undefined) throw new BugError('the body of a proposal cannot be placed in the registry')
  return event
}

/** Lets the rules decide as if all authorities had signed: so what else they say is heard too. */
function decidedIfSigned(state: RegistryState, proposal: Proposal) {
  const { size, store, chainId, lanes } = state
  const governance = state.governanceAt(size)
  const all = governance.authorities.map(({ id }) => ({ signer: id, signature: Buffer.alloc(SIGNATURE_BYTES) }))
  const event = placed(state, proposal, all)
  const fault = envelopeFault(store, event)
  if (fault !== undefined) return { reason: fault }
  const signatures = { verify: () => true, isValidKey: (key: Uint8Array) => state.signatures.isValidKey(key) }
  return decide({ store, signatures, chainId, lanes, governance, event, since: size + 1 })
}

/** Ids of those whose signatures made a counted event hold, by the state before it; a meter's own is ''. */
export function signersOf(state: RegistryState, index: number): string[] {
  const event = state.eventAt(index)
  if (event === undefined) throw new RangeError(`no event ${index}: the registry holds ${state.size}`)
  if (index === 0) return event.signatures.map(({ signer }) => signer)
  const before = state.governanceAt(index)
  const message = eventMessage(state.chainId, event.bodyBytes)
  const signed = event.signatures.filter(({ signer, signature }) => {
    const key = signer === '' ? keyBefore(state, event, index) : before.authorities.find(({ id }) => id === signer)?.key
    return key !== undefined && state.signatures.verify(signature, message, key)
  })
  return [...new Set(signed.map(({ signer }) => signer))]
}

function keyBefore(state: RegistryState, { body }: RegistryEvent, size: number): Buffer | undefined {
  const record = 'meter' in body.content ? state.store.meter(body.content.meter) : undefined
  return record?.keys.findLast((each) => each.since <= size)?.key
}

/** Weight that may be false without harm: less than a third. */
export const tolerated = (governance: GovernanceState): number => Math.ceil(totalWeight(governance) / 3) - 1
