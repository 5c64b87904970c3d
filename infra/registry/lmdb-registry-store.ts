import { type Database, open, type RootDatabase } from 'lmdb'
import type { Hash } from '../../schemas/hash.js'
import type { MeterRecord } from '../../schemas/registry/meter-facts.js'
import type { GovernanceState, RegistryStore } from '../../schemas/registry/store.js'
import { Lru } from './lru.js'
import { governanceOf, type MeterRow, meterOfRow, rowOfMeter } from './meter-rows.js'

/** Where the fold of the topic stands. `anchor` is the last record that counted: it pins all before it. */
export interface Cursor {
  /** Next offset of topic `registry`. */
  readonly next: bigint
  readonly anchor?: { readonly offset: bigint; readonly hash: Hash }
}

const MIB = 1024 * 1024

/** The registry on disk (LMDB), so that memory does not grow with the number of meters: a bounded cache of decoded meters, the
 *  rest is the operating system's page cache. One process writes; commits are synced to disk, and a crash at any moment leaves
 *  the state of the last event that was committed whole. It can be deleted at any time: it is derived from the log. */
export class LmdbRegistryStore implements RegistryStore {
  readonly #root: RootDatabase<unknown, string>
  readonly #facts: Database<number | string | Buffer, string>
  readonly #nodes: Database<Buffer, number[]>
  readonly #events: Database<Buffer, number>
  readonly #eventIds: Database<boolean, string>
  readonly #meters: Database<MeterRow, string>
  readonly #history: Database<GovernanceState, number>
  readonly #cache: Lru<string, MeterRecord>
  #governance: GovernanceState[] | undefined
  #size: number | undefined
  #depth = 0

  /** Opens or makes the store in the folder `path`. `cachedMeters`: decoded records kept in memory, some 600 bytes each. */
  constructor(path: string, { cachedMeters = 50_000 }: { cachedMeters?: number } = {}) {
    // Without overlapping syncs LMDB is as its makers built it: what a commit returned from is on disk.
    this.#root = open<unknown, string>({ path, overlappingSync: false, maxDbs: 8, mapSize: 64 * MIB, noSubdir: false })
    this.#facts = this.#root.openDB({ name: 'facts' })
    this.#nodes = this.#root.openDB({ name: 'nodes', encoding: 'binary' })
    this.#events = this.#root.openDB({ name: 'events', encoding: 'binary' })
    this.#eventIds = this.#root.openDB({ name: 'event-ids' })
    this.#meters = this.#root.openDB({ name: 'meters' })
    this.#history = this.#root.openDB({ name: 'governance' })
    this.#cache = new Lru(cachedMeters)
  }

  get(level: number, index: number): Hash | undefined {
    return this.#nodes.get([level, index])
  }
  put(level: number, index: number, hash: Hash): void {
    this.#nodes.putSync([level, index], hash)
  }

  size(): number {
    this.#size ??= this.#number('size')
    return this.#size
  }
  setSize(size: number): void {
    this.#facts.putSync('size', size)
    this.#size = size
  }

  meterCount(): number {
    return this.#number('meters')
  }
  setMeterCount(count: number): void {
    this.#facts.putSync('meters', count)
  }

  eventBytes(index: number): Buffer | undefined {
    return this.#events.get(index)
  }
  putEvent(index: number, bytes: Buffer): void {
    this.#events.putSync(index, bytes)
  }

  hasEventId(id: Buffer): boolean {
    return this.#eventIds.doesExist(id.toString('hex'))
  }
  putEventId(id: Buffer): void {
    this.#eventIds.putSync(id.toString('hex'), true)
  }

  meter(id: string): MeterRecord | undefined {
    const cached = this.#cache.get(id)
    if (cached !== undefined) return cached
    const row = isKey(id) ? this.#meters.get(id) : undefined
    if (row === undefined) return undefined
    const record = meterOfRow(row)
    this.#cache.set(id, record)
    return record
  }
  putMeter(id: string, record: MeterRecord): void {
    this.#meters.putSync(id, rowOfMeter(record))
    this.#cache.delete(id)
  }

  governance(): readonly GovernanceState[] {
    this.#governance ??= [...this.#history.getRange()].map(({ value }) => governanceOf(value))
    return this.#governance
  }
  putGovernance(state: GovernanceState): void {
    this.#history.putSync(state.since, state)
    this.#governance = undefined
  }

  /** Undefined before the first record was folded. */
  cursor(): Cursor | undefined {
    const next = this.#facts.get('next')
    if (typeof next !== 'string') return undefined
    const offset = this.#facts.get('anchor-offset')
    const hash = this.#facts.get('anchor-hash')
    if (typeof offset !== 'string' || !Buffer.isBuffer(hash)) return { next: BigInt(next) }
    return { next: BigInt(next), anchor: { offset: BigInt(offset), hash: Buffer.from(hash) } }
  }
  setCursor({ next, anchor }: Cursor): void {
    this.#facts.putSync('next', next.toString())
    if (anchor === undefined) return
    this.#facts.putSync('anchor-offset', anchor.offset.toString())
    this.#facts.putSync('anchor-hash', anchor.hash)
  }

  /** Offset before which records that do not count were told to whoever listens; 0: none was. */
  heard(): bigint {
    const offset = this.#facts.get('heard')
    return typeof offset === 'string' ? BigInt(offset) : 0n
  }
  setHeard(offset: bigint): void {
    this.#facts.putSync('heard', offset.toString())
  }

  transaction<T>(run: () => T): T {
    if (this.#depth > 0) return run()
    this.#depth += 1
    try {
      return this.#root.transactionSync(run)
    } catch (error) {
      this.#forget()
      throw error
    } finally {
      this.#depth -= 1
    }
  }

  /** Sees what another thread of this process has written since: only one writes, the others read. */
  refresh(): void {
    this.#root.resetReadTxn()
    this.#forget()
  }

  async close(): Promise<void> {
    await this.#root.close()
  }

  /** After a transaction that was rolled back, memory must not know more than the disk. */
  #forget(): void {
    this.#cache.clear()
    this.#governance = undefined
    this.#size = undefined
  }

  #number(name: string): number {
    return Number(this.#facts.get(name) ?? 0)
  }
}

/** LMDB throws on keys above some 1,900 bytes, and anybody can ask for a meter. */
const isKey = (id: string): boolean => id.length > 0 && id.length <= 256
