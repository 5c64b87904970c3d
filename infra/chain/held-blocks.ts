/** The blocks behind a height's candidates. One false authority of four may seal 250 of 4 MiB, and every reader has to have them until
 *  the height is decided: those that do not fit into the memory set aside wait in a file. */
import { randomUUID } from 'node:crypto'
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BugError, TransientError } from '../../schemas/errors.js'
import { type Hash, hashKey } from '../../schemas/hash.js'
import { type Block, decodeChainRecord } from '../../schemas/records.js'

/** A candidate's block, kept until the height is decided. */
export interface HeldBlock {
  readonly block: Block
  /** The record without the registry prefix. */
  readonly bytes: Buffer
  readonly offset: bigint
  readonly timestamp: number
}

/** Two of the largest; a height mostly has one, of less. */
const MEMORY_BYTES = 8 * 1024 * 1024

interface Filed extends Pick<HeldBlock, 'offset' | 'timestamp'> {
  readonly position: number
  readonly length: number
}

export class HeldBlocks {
  readonly #memory = new Map<string, HeldBlock>()
  readonly #filed = new Map<string, Filed>()
  #memoryBytes = 0
  #fileBytes = 0
  #file: number | undefined

  constructor(
    private readonly mostBytes = MEMORY_BYTES,
    private readonly folder = tmpdir(),
  ) {}

  /** Throws TransientError where it has to wait in a file and the disk does not take it. */
  add(hash: Hash, held: HeldBlock): void {
    const key = hashKey(hash)
    const { bytes, offset, timestamp } = held
    if (this.#memoryBytes + bytes.length <= this.mostBytes) {
      this.#memory.set(key, held)
      this.#memoryBytes += bytes.length
      return
    }
    this.#write(bytes)
    this.#filed.set(key, { offset, timestamp, position: this.#fileBytes, length: bytes.length })
    this.#fileBytes += bytes.length
  }

  get(hash: Hash): HeldBlock | undefined {
    const key = hashKey(hash)
    const filed = this.#filed.get(key)
    return filed === undefined ? this.#memory.get(key) : this.#read(filed)
  }

  clear(): void {
    this.#memory.clear()
    this.#filed.clear()
    this.#memoryBytes = 0
    this.#fileBytes = 0
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #write(bytes: Buffer): void {
    try {
      this.#file ??= nameless(this.folder)
      for (let done = 0; done < bytes.length; )
        done += writeSync(this.#file, bytes, done, bytes.length - done, this.#fileBytes + done)
    } catch (cause) {
      throw new TransientError(
        `candidates of a lane wait in a file in ${this.folder}, which cannot be written: ${String(cause)}`,
        {
          cause,
        },
      )
    }
  }

  #read({ position, length, offset, timestamp }: Filed): HeldBlock {
    const bytes = Buffer.allocUnsafeSlow(length)
    for (let done = 0; done < length; ) {
      const read = this.#file === undefined ? 0 : readSync(this.#file, bytes, done, length - done, position + done)
      if (read === 0) throw new BugError('the file of a lane’s candidates is shorter than what was written')
      done += read
    }
    const record = decodeChainRecord(bytes)
    if (record?.kind !== 'block') throw new BugError('the file of a lane’s candidates holds something else than was written')
    return { block: record, bytes, offset, timestamp }
  }
}

/** A file that is gone with whoever has it open, also after a crash. */
function nameless(folder: string): number {
  const path = join(folder, `meterchain-candidates-${randomUUID()}`)
  const file = openSync(path, 'wx+', 0o600)
  unlinkSync(path)
  return file
}
