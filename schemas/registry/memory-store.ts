import { type Hash, hashKey } from '../hash.js'
import { MemoryNodeStore } from '../merkle.js'
import type { MeterRecord } from './meter-facts.js'
import type { GovernanceState, RegistryStore } from './store.js'

/** The registry in memory: for tests, and for short registries. Its transactions do not roll back: the fold decides before it
 *  writes, and nothing here can fail half-way. */
export class MemoryRegistryStore implements RegistryStore {
  readonly #nodes = new MemoryNodeStore()
  readonly #events: Buffer[] = []
  readonly #eventIds = new Set<string>()
  readonly #meters = new Map<string, MeterRecord>()
  readonly #governance: GovernanceState[] = []
  #size = 0
  #meterCount = 0

  get(level: number, index: number): Hash | undefined {
    return this.#nodes.get(level, index)
  }
  put(level: number, index: number, hash: Hash): void {
    this.#nodes.put(level, index, hash)
  }
  size(): number {
    return this.#size
  }
  setSize(size: number): void {
    this.#size = size
  }
  meterCount(): number {
    return this.#meterCount
  }
  setMeterCount(count: number): void {
    this.#meterCount = count
  }
  eventBytes(index: number): Buffer | undefined {
    return this.#events[index]
  }
  putEvent(index: number, bytes: Buffer): void {
    this.#events[index] = bytes
  }
  hasEventId(id: Buffer): boolean {
    return this.#eventIds.has(hashKey(id))
  }
  putEventId(id: Buffer): void {
    this.#eventIds.add(hashKey(id))
  }
  meter(id: string): MeterRecord | undefined {
    return this.#meters.get(id)
  }
  putMeter(id: string, record: MeterRecord): void {
    this.#meters.set(id, record)
  }
  governance(): readonly GovernanceState[] {
    return this.#governance
  }
  putGovernance(state: GovernanceState): void {
    this.#governance.push(state)
  }
  transaction<T>(run: () => T): T {
    return run()
  }
}
