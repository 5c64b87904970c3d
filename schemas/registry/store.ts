import type { Hash } from '../hash.js'
import type { NodeStore } from '../merkle.js'
import type { Authority, ConsensusKind } from '../records.js'
import type { MeterRecord } from './meter-facts.js'

/** Who decides, and by which rules, from one registry size until the next such state. */
export interface GovernanceState {
  /** First registry size at which it holds: one more than the index of its event. */
  readonly since: number
  readonly consensus: ConsensusKind
  /** Sorted by id. One of weight 0 neither votes nor seals nor signs events. */
  readonly authorities: readonly Authority[]
  /** Version of the verdict’s rules. */
  readonly rules: number
  /** By lane; a lane that is not in it is in epoch 0. */
  readonly sourceEpochs: Readonly<Record<number, number>>
  /** Leaf hash of its event: what turns are drawn from. */
  readonly hash: Hash
}

/** What the registry’s fold keeps: nodes of its Merkle tree, the events that counted, and what follows from them. Memory or disk;
 *  all of it synchronous, so that a verdict never waits. What it gives back is not to be written to. */
export interface RegistryStore extends NodeStore {
  /** Number of events that counted. */
  size(): number
  setSize(size: number): void
  /** Number of meters enrolled so far: the last ordinal. */
  meterCount(): number
  setMeterCount(count: number): void
  /** The record of a counted event (no registry prefix), by its index. */
  eventBytes(index: number): Buffer | undefined
  putEvent(index: number, bytes: Buffer): void
  hasEventId(id: Buffer): boolean
  putEventId(id: Buffer): void
  meter(id: string): MeterRecord | undefined
  putMeter(id: string, record: MeterRecord): void
  /** History, oldest first. */
  governance(): readonly GovernanceState[]
  putGovernance(state: GovernanceState): void
  /** Runs it so that all of its writes are kept or none. May be nested: then the outermost decides. */
  transaction<T>(run: () => T): T
}
