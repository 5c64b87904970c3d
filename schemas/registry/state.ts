/** The registry: a pure fold of topic `registry` over a store. An event counts where it names the state before it and its rules
 *  and signatures hold; everybody skips the others alike. No clock, no map’s order, no float. */
import { equalBytes } from '../bytes.js'
import type { Signatures } from '../ed25519.js'
import { BugError } from '../errors.js'
import type { Hash } from '../hash.js'
import { appendLeaf, leafHash, rootAt } from '../merkle.js'
import { decodeRegistryEvent, encodeRegistryEvent, type Genesis, type RegistryEvent } from '../records.js'
import { decide, envelopeFault } from './decide.js'
import { type Changes, type Decision, isRefusal, refuse } from './decision.js'
import { chainIdOf, decideGenesis } from './genesis-rules.js'
import { MeterView } from './meter-facts.js'
import type { GovernanceState, RegistryStore } from './store.js'

export type Applied = { counted: true; index: number; event: RegistryEvent } | { counted: false; reason: string }

export class RegistryState {
  readonly store: RegistryStore
  readonly signatures: Signatures
  #genesis: { content: Genesis; chainId: Hash } | undefined
  #root: { size: number; root: Hash } | undefined

  constructor(store: RegistryStore, signatures: Signatures) {
    this.store = store
    this.signatures = signatures
  }

  /** Number of events that counted. */
  get size(): number {
    return this.store.size()
  }

  /** RFC 6962 root of their bodies. */
  get root(): Hash {
    const { size } = this
    if (this.#root?.size !== size) this.#root = { size, root: rootAt(this.store, size) }
    return this.#root.root
  }

  /** The root at this or an earlier size; undefined beyond. */
  rootAt(size: number): Hash | undefined {
    if (size === this.size) return this.root
    return Number.isSafeInteger(size) && size >= 0 && size < this.size ? rootAt(this.store, size) : undefined
  }

  get hasGenesis(): boolean {
    return this.size > 0
  }

  /** Throws BugError before the genesis. */
  get genesis(): Genesis {
    return this.#first().content
  }

  /** Throws BugError before the genesis. */
  get chainId(): Hash {
    return this.#first().chainId
  }

  /** Throws BugError before the genesis. */
  get lanes(): number {
    return this.#first().content.lanes
  }

  /** Folds the next record of the topic (undefined: one that is no event in canonical form). Never throws on what came in. */
  apply(event: RegistryEvent | undefined): Applied {
    if (event === undefined) return { counted: false, reason: 'malformed: not a registry event in canonical form' }
    const decision = this.#decide(event)
    if (isRefusal(decision)) return { counted: false, reason: decision.reason }
    const index = this.size
    this.store.transaction(() => this.#write(index, event, decision))
    return { counted: true, index, event }
  }

  /** Why the event would not count now, or undefined where it would. Changes nothing. */
  check(event: RegistryEvent): string | undefined {
    const decision = this.#decide(event)
    return isRefusal(decision) ? decision.reason : undefined
  }

  /** Authorities, consensus, rules and source epochs as of a size. Throws RangeError at 0 and beyond the present size. */
  governanceAt(size: number): GovernanceState {
    const state = size <= this.size ? this.store.governance().findLast((each) => each.since <= size) : undefined
    if (state === undefined) throw new RangeError(`no governance at size ${size}: the registry holds ${this.size} events`)
    return state
  }

  /** A meter as of a size, or undefined where it is not enrolled in it. */
  meterAt(id: string, size: number): MeterView | undefined {
    const record = this.store.meter(id)
    return record === undefined || record.enrolledSince > size ? undefined : new MeterView(record, size)
  }

  /** A counted event as it stood in the topic. */
  eventAt(index: number): RegistryEvent | undefined {
    const bytes = this.store.eventBytes(index)
    return bytes === undefined ? undefined : decodeRegistryEvent(bytes)
  }

  #decide(event: RegistryEvent): Decision {
    const { store, signatures } = this
    const { size } = this
    if (event.sizeBefore !== size || !equalBytes(event.rootBefore, this.root))
      return refuse(`other-state: it follows size ${event.sizeBefore}, the registry holds ${size}`)
    const fault = envelopeFault(store, event)
    if (fault !== undefined) return refuse(fault)
    const { content } = event.body
    if (size === 0) {
      return content.kind === 'Genesis'
        ? decideGenesis(event, content, signatures)
        : refuse(`no-genesis: ${content.kind} before the genesis`)
    }
    const { chainId, lanes } = this
    return decide({ store, signatures, chainId, lanes, governance: this.governanceAt(size), event, since: size + 1 })
  }

  #write(index: number, event: RegistryEvent, { meters = [], governance }: Changes): void {
    const { store } = this
    store.putEvent(index, encodeRegistryEvent(event))
    store.putEventId(event.body.id)
    for (const [id, record] of meters) store.putMeter(id, record)
    if (event.body.content.kind === 'EnrolMeters') store.setMeterCount(store.meterCount() + meters.length)
    if (governance !== undefined) store.putGovernance(governance)
    store.setSize(appendLeaf(store, index, leafHash(event.bodyBytes)))
  }

  #first(): { content: Genesis; chainId: Hash } {
    if (this.#genesis !== undefined) return this.#genesis
    const event = this.eventAt(0)
    if (event?.body.content.kind !== 'Genesis') throw new BugError('the registry was asked for its genesis before it came')
    this.#genesis = { content: event.body.content, chainId: chainIdOf(event.bodyBytes) }
    return this.#genesis
  }
}
