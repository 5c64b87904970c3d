/** The software meter's memory, on disk: keys, how far each meter's chain is, and each signed reading until it counts. A reading is
 *  signed, linked and stored in one transaction before anybody may send it, so a crash can neither lose one nor sign one sequence
 *  twice. Several processes may share a store: LMDB lets one write at a time. */
import { chmodSync, mkdirSync } from 'node:fs'
import { type Database, open, type RootDatabase } from 'lmdb'
import { newKeyPair, SEED_BYTES, sign } from '../../infra/crypto/sodium.js'
import { equalBytes } from '../../schemas/bytes.js'
import { HASH_BYTES, ZERO_HASH } from '../../schemas/hash.js'
import { asMeterId } from '../../schemas/ids.js'
import { type ChainEnd, type ReadingContent, type ReadingSigner, readingSigner, signAgain, signReading } from './sign-reading.js'

export interface MeterStoreOptions {
  /** Folder; made if need be, for its owner alone: it holds secret keys. */
  readonly path: string
  /** Signatures are for one chain. A store that was made for another is refused. */
  readonly chainId: Buffer
}

export interface Message {
  readonly meter: string
  readonly content: ReadingContent
}

export interface Unconfirmed {
  readonly meter: string
  readonly sequence: number
  readonly entry: Buffer
}

/** What an importer remembers, by a key of its own choice. */
export type Mark = readonly [key: readonly (string | number)[], value: unknown]

type EntryKey = [meter: string, sequence: number]
const SECRET_KEY_BYTES = 64
const SEQUENCE_BYTES = 6
const MIB = 1024 * 1024
const HIGHEST = Number.MAX_SAFE_INTEGER

export class MeterStore {
  readonly #root: RootDatabase<unknown, string>
  readonly #facts: Database<Buffer, string>
  readonly #meters: Database<Buffer, string>
  readonly #unconfirmed: Database<Buffer, EntryKey>
  readonly #marks: Database<unknown, (string | number)[]>
  readonly #signer: ReadingSigner

  /** @throws Error if the store belongs to another chain. */
  constructor({ path, chainId }: MeterStoreOptions) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
    chmodSync(path, 0o700)
    // Without overlapping syncs what a commit returned from is on disk.
    this.#root = open<unknown, string>({ path, overlappingSync: false, maxDbs: 8, mapSize: 64 * MIB, noSubdir: false })
    this.#facts = this.#root.openDB({ name: 'facts', encoding: 'binary' })
    this.#meters = this.#root.openDB({ name: 'meters', encoding: 'binary' })
    this.#unconfirmed = this.#root.openDB({ name: 'unconfirmed', encoding: 'binary' })
    this.#marks = this.#root.openDB({ name: 'marks' })
    this.#signer = readingSigner(chainId, sign)
    this.#claim(path, chainId)
  }

  /** Ids of all meters, rising. */
  *ids(): Generator<string> {
    yield* this.#meters.getKeys()
  }

  has(meter: string): boolean {
    return this.#meters.doesExist(meter)
  }

  /** Makes keys for those meters that the store does not know: from `seedOf` (32 bytes), else at random. Returns the public key of
   *  each, in their order. Throws RangeError where one is no meter id. */
  create(meters: readonly string[], seedOf?: (meter: string) => Buffer): Buffer[] {
    return this.#root.transactionSync(() =>
      meters.map((meter) => {
        const known = this.#meters.get(asMeterId(meter))
        if (known !== undefined) return Buffer.from(known.subarray(SEED_BYTES, SECRET_KEY_BYTES))
        const { publicKey, secretKey } = newKeyPair(seedOf?.(meter))
        this.#meters.putSync(meter, rowOf(secretKey, { sequence: 0, hash: ZERO_HASH }))
        return publicKey
      }),
    )
  }

  /** Throws RangeError where the store has no such meter. */
  publicKey(meter: string): Buffer {
    return Buffer.from(this.#row(meter).subarray(SEED_BYTES, SECRET_KEY_BYTES))
  }

  /** How far the meter's chain is. Throws RangeError where the store has no such meter. */
  end(meter: string): ChainEnd {
    return endOf(this.#row(meter))
  }

  /** Signs messages in their order and remembers the marks, all in one transaction. Returns how many it signed. */
  sign(messages: Iterable<Message>, marks: Iterable<Mark> = []): number {
    return this.#root.transactionSync(() => {
      let signed = 0
      const ends = new Map<string, { secretKey: Buffer; end: ChainEnd }>()
      for (const { meter, content } of messages) {
        const { secretKey, end } = ends.get(meter) ?? this.#keyAndEnd(meter)
        const next = signReading(this.#signer, { id: meter, secretKey }, end, content)
        this.#unconfirmed.putSync([meter, next.end.sequence], next.entry)
        ends.set(meter, { secretKey, end: next.end })
        signed++
      }
      for (const [meter, { secretKey, end }] of ends) this.#meters.putSync(meter, rowOf(secretKey, end))
      for (const [key, value] of marks) this.#marks.putSync([...key], value)
      return signed
    })
  }

  /** A reset of the meter: its chain goes on at `end`, and what is not known to count is signed again from there, in its order. All of
   *  it in one transaction: a crash leaves the one chain or the other. Returns how many readings that were. */
  takeUp(meter: string, end: ChainEnd): number {
    return this.#root.transactionSync(() => {
      const { secretKey } = this.#keyAndEnd(meter)
      const kept = this.unconfirmed(meter, 0, HIGHEST)
      const again = signAgain(this.#signer, { id: meter, secretKey }, end, kept)
      for (const { sequence } of kept) this.#unconfirmed.removeSync([meter, sequence])
      for (const { end: at, entry } of again) this.#unconfirmed.putSync([meter, at.sequence], entry)
      this.#meters.putSync(meter, rowOf(secretKey, again.at(-1)?.end ?? end))
      return again.length
    })
  }

  mark(key: readonly (string | number)[]): unknown {
    return this.#marks.get([...key])
  }

  /** Entries of a meter that are not known to count, from a sequence on, rising, at most `limit`. */
  unconfirmed(meter: string, from: number, limit: number): Unconfirmed[] {
    const range = this.#unconfirmed.getRange({ start: [meter, from], end: [meter, HIGHEST], limit })
    return [...range].map(({ key: [, sequence], value }) => ({ meter, sequence, entry: value }))
  }

  /** The entry, or undefined where it counts, was given up, or was never signed. */
  entry(meter: string, sequence: number): Buffer | undefined {
    return this.#unconfirmed.get([meter, sequence])
  }

  /** Meters with entries that are not known to count, rising. Reads as it goes: what is signed meanwhile may come too. */
  *metersWithUnconfirmed(): Generator<string> {
    for (let start: EntryKey = ['', 0]; ; ) {
      const [key] = this.#unconfirmed.getKeys({ start, limit: 1 })
      if (key === undefined) return
      yield key[0]
      start = [key[0], HIGHEST]
    }
  }

  /** Entries that are not known to count, of these meters; default: of all. */
  countUnconfirmed(meters?: Iterable<string>): number {
    if (meters === undefined) return this.#unconfirmed.getKeysCount()
    let count = 0
    for (const meter of meters) count += this.#unconfirmed.getKeysCount({ start: [meter, 0], end: [meter, HIGHEST] })
    return count
  }

  /** Forgets the entries up to `last` that are `wanted`: they count, or never can. Returns how many there were. */
  forget(meter: string, last: number, wanted: (sequence: number) => boolean = () => true): number {
    const range = this.#unconfirmed.getKeys({ start: [meter, 0], end: [meter, last + 1] })
    const keys = [...range].filter(([, sequence]) => wanted(sequence))
    if (keys.length > 0) this.transaction(() => keys.map((key) => this.#unconfirmed.removeSync(key)))
    return keys.length
  }

  /** Many changes at the price of one commit. */
  transaction<T>(run: () => T): T {
    return this.#root.transactionSync(run)
  }

  async close(): Promise<void> {
    await this.#root.close()
  }

  #claim(path: string, chainId: Buffer): void {
    const owner = this.#root.transactionSync(() => {
      const known = this.#facts.get('chain')
      if (known === undefined) this.#facts.putSync('chain', chainId)
      return known ?? chainId
    })
    if (equalBytes(owner, chainId)) return
    void this.#root.close()
    throw new Error(
      `the meters in ${path} belong to chain ${owner.toString('hex')}, not to ${chainId.toString('hex')}: give another folder`,
    )
  }

  #row(meter: string): Buffer {
    const row = this.#meters.get(meter)
    if (row === undefined) throw new RangeError(`the store has no meter '${meter}'`)
    return row
  }

  #keyAndEnd(meter: string): { secretKey: Buffer; end: ChainEnd } {
    const row = this.#row(meter)
    return { secretKey: Buffer.from(row.subarray(0, SECRET_KEY_BYTES)), end: endOf(row) }
  }
}

/** secret key (seed ‖ public key) ‖ sequence ‖ hash. The whole key, for deriving it from the seed costs as much as signing. */
function rowOf(secretKey: Buffer, { sequence, hash }: ChainEnd): Buffer {
  const number = Buffer.alloc(SEQUENCE_BYTES)
  number.writeUIntBE(sequence, 0, SEQUENCE_BYTES)
  return Buffer.concat([secretKey, number, hash])
}

function endOf(row: Buffer): ChainEnd {
  const at = SECRET_KEY_BYTES + SEQUENCE_BYTES
  return {
    sequence: row.readUIntBE(SECRET_KEY_BYTES, SEQUENCE_BYTES),
    hash: Buffer.from(row.subarray(at, at + HASH_BYTES)),
  }
}
