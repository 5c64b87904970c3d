import { equalBytes } from '../../schemas/bytes.js'
import { BugError } from '../../schemas/errors.js'
import { sha256 } from '../../schemas/hash.js'
import { decodeRegistryEvent, stripPrefix } from '../../schemas/records.js'
import type { Applied, RegistryState } from '../../schemas/registry/state.js'
import type { Cursor, LmdbRegistryStore } from './lmdb-registry-store.js'

/** What is kept on disk was folded from another log than the topic is now. The message says what to do. */
export class RegistryMismatchError extends Error {
  override readonly name = 'RegistryMismatchError'
}

export interface RegistryRecord {
  readonly offset: bigint
  readonly value: Buffer | null
}

/** Folds the topic into a store on disk, each record and its offset in one transaction, and holds the store against the topic:
 *  reading begins at the last record that counted, which must be there unchanged. (It names the root before it, so it stands for
 *  the whole log.) */
export class RegistryLog {
  readonly #store: LmdbRegistryStore
  readonly #state: RegistryState
  readonly #path: string
  #isConfirmed: boolean

  constructor(store: LmdbRegistryStore, state: RegistryState, path: string) {
    this.#store = store
    this.#state = state
    this.#path = path
    this.#isConfirmed = store.cursor()?.anchor === undefined
  }

  /** Where reading begins. */
  get from(): bigint {
    return this.#store.cursor()?.anchor?.offset ?? 0n
  }

  /** Next offset to fold. */
  get next(): bigint {
    return this.#store.cursor()?.next ?? 0n
  }

  /** Whether the store was seen to belong to the topic. */
  get isConfirmed(): boolean {
    return this.#isConfirmed
  }

  /** The last record that counted, where the topic had it; undefined: none did. */
  get anchor(): Cursor['anchor'] {
    return this.#store.cursor()?.anchor
  }

  /** The topic was made again, from a replica: that record stands elsewhere now. It names the root before it, so all that was folded
   *  stands before it there too. What follows it is still to be folded. */
  moveTo(offset: bigint): void {
    const { anchor } = this
    if (anchor === undefined) throw new BugError('nothing was folded that could be elsewhere')
    this.#store.transaction(() => this.#store.setCursor({ next: offset + 1n, anchor: { ...anchor, offset } }))
  }

  /** Throws RegistryMismatchError where the topic cannot be the one that was folded. */
  checkRange(low: bigint, high: bigint): void {
    if (low > this.from) {
      throw new RegistryMismatchError(
        `topic registry begins at offset ${low}, and offset ${this.from} is needed. Records of it are lost: restore the topic.`,
      )
    }
    if (this.next > high) throw this.#mismatch(`it was folded up to offset ${this.next}, and the topic ends at ${high}`)
  }

  /** Folds one record; undefined where it counted before. */
  take({ offset, value }: RegistryRecord): Applied | undefined {
    this.#confirm(offset, value)
    if (offset < this.next) return undefined
    return this.#store.transaction(() => {
      const applied = this.#state.apply(decodeRegistryEvent(value))
      const anchor = applied.counted ? { offset, hash: valueHash(value) } : undefined
      this.#store.setCursor({ next: offset + 1n, ...(anchor && { anchor }) })
      return applied
    })
  }

  #confirm(offset: bigint, value: Buffer | null): void {
    if (this.#isConfirmed) return
    const anchor = this.#store.cursor()?.anchor
    if (anchor !== undefined && (offset !== anchor.offset || !equalBytes(valueHash(value), anchor.hash)))
      throw this.#mismatch(`the record at offset ${anchor.offset} is not the one that was folded`)
    // What did not count after it is folded again: where the topic was made again, events may stand in its place now.
    if (anchor !== undefined) this.moveTo(anchor.offset)
    this.#isConfirmed = true
  }

  #mismatch(what: string): RegistryMismatchError {
    return new RegistryMismatchError(
      `the registry in ${this.#path} is of another chain than the topic: ${what}. ` +
        'If the topic is right, delete that folder: it is derived, and made again from the topic.',
    )
  }
}

/** The prefix names the schema at a registry server, and is another after a restore behind another server. */
export const valueHash = (value: Buffer | null) => sha256(stripPrefix(value ?? Buffer.alloc(0)))

/** Folds records into any state (`verify` reads the topic by itself). Gives the number that counted and that were skipped. */
export async function foldRegistry(
  source: AsyncIterable<RegistryRecord>,
  state: RegistryState,
  onSkipped: (offset: bigint, reason: string) => void,
): Promise<{ counted: number; skipped: number }> {
  const totals = { counted: 0, skipped: 0 }
  for await (const { offset, value } of source) {
    const applied = state.apply(decodeRegistryEvent(value))
    if (applied.counted) totals.counted += 1
    else {
      totals.skipped += 1
      onSkipped(offset, applied.reason)
    }
  }
  return totals
}
