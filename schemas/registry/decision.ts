import type { Signatures } from '../ed25519.js'
import type { Hash } from '../hash.js'
import type { EventContent, RegistryEvent } from '../records.js'
import type { MeterRecord } from './meter-facts.js'
import type { GovernanceState, RegistryStore } from './store.js'

/** An event does not count. `reason` begins with a code (a-z and hyphens), then, after a colon, what it is about. */
export interface Refusal {
  readonly reason: string
}

/** What an event changes, as plain data: nothing is written before everything is decided. */
export interface Changes {
  readonly meters?: readonly (readonly [string, MeterRecord])[]
  readonly governance?: GovernanceState
}
export type Decision = Changes | Refusal

/** What the rules may look at. */
export interface RuleContext {
  readonly store: RegistryStore
  readonly signatures: Signatures
  readonly chainId: Hash
  readonly lanes: number
  /** The state before the event. */
  readonly governance: GovernanceState
  readonly event: RegistryEvent
  /** The size at which its facts begin to hold. */
  readonly since: number
}

export type ContentOf<Kind extends EventContent['kind']> = Extract<EventContent, { kind: Kind }>

export const refuse = (reason: string): Refusal => ({ reason })
export const isRefusal = (value: object): value is Refusal => 'reason' in value
