/** The blocks behind a height's candidates. One false authority of four may seal 250 of 4 MiB, and every reader has to have them until
 *  the height is decided: those that do not fit into the memory set aside wait in a file. */
import { BugError } from '../../schemas/errors.js'
import { type Hash, hashKey } from '../../schemas/hash.js'
import { type Block, decodeChainRecord } from '../../schemas/records.js'
import { type FilePlace, NamelessFile } from './nameless-file.js'

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

type Filed = FilePlace & Pick<HeldBlock, 'offset' | 'timestamp'>

export class HeldBlocks {
  readonly #memory = new Map<string, HeldBlock>()
  readonly #filed = new Map<string, Filed>()
  #memoryBytes = 0
  readonly #file: NamelessFile

  /** `folder`: default as of temporary files. */
  constructor(
    private readonly mostBytes = MEMORY_BYTES,
    folder?: string,
  ) {
    this.#file = new NamelessFile('candidates of a lane', folder)
  }

  /** Throws TransientError where it has to wait in a file and the disk does not take it. */
  add(hash: Hash, held: HeldBlock): void {
    const key = hashKey(hash)
    const { bytes, offset, timestamp } = held
    if (this.#memoryBytes + bytes.length <= this.mostBytes) {
      this.#memory.set(key, held)
      this.#memoryBytes += bytes.length
      return
    }
    this.#filed.set(key, { offset, timestamp, ...this.#file.append(bytes) })
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
    this.#file.clear()
  }

  #read(filed: Filed): HeldBlock {
    const bytes = this.#file.read(filed)
    const record = decodeChainRecord(bytes)
    if (record?.kind !== 'block') throw new BugError('the file of a lane’s candidates holds something else than was written')
    return { block: record, bytes, offset: filed.offset, timestamp: filed.timestamp }
  }
}
