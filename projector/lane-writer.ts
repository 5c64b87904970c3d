import type { Finalized } from '../infra/chain/lane-reader.js'
import { BugError } from '../schemas/errors.js'
import type { WatchedPlace } from './cursor-watch.js'
import type { Database } from './database.js'
import { type NumberOf, recordBytes } from './project.js'
import { type Batch, projectBatch, writeBatch } from './write-block.js'

/** Entries that one transaction may take, beyond its first block: 721 k rows/s by 5,000 rows, 1.5 M by 50,000. */
const BATCH_ENTRIES = 20_000
/** And bytes of blocks: each may be a value, and a value is a row. */
const BATCH_BYTES = 4 * 1024 * 1024
/** Bytes of blocks that may wait; beyond, the chain is not read on. */
const QUEUE_BYTES = 16 * 1024 * 1024

export interface LaneWriterOptions {
  readonly lane: number
  /** Height that is in the tables. */
  readonly height: bigint
  /** Of the block at that height. */
  readonly hash?: Buffer
  /** Up to here there may be rows that the cursor does not cover. Default: none. */
  readonly leftTo?: bigint
  readonly database: Database
  readonly numberOf: NumberOf
  /** Resolves when the rows of this many registry events are in the tables. */
  registryReached(size: number): Promise<void>
  onWritten(batch: Batch): void
  onFailure(error: Error): void
}

/** Writes the final blocks of one lane, in order; those that came in the meantime go into one transaction. */
export class LaneWriter {
  readonly #queue: Finalized[] = []
  readonly #waiting: (() => void)[] = []
  #bytes = 0
  #height: bigint
  #written: bigint
  #work: Promise<void> | undefined
  #failure: Error | undefined
  #hash: Buffer | undefined

  constructor(private readonly options: LaneWriterOptions) {
    this.#height = options.height
    this.#written = options.height
    this.#hash = options.hash
  }

  /** Height in the tables. */
  get height(): bigint {
    return this.#written
  }

  /** What was taken of the lane, and what of it is in the tables. */
  get place(): WatchedPlace {
    return { written: this.#written, taken: this.#height, ...(this.#hash !== undefined && { blockHash: this.#hash }) }
  }

  get depth(): number {
    return this.#queue.length
  }

  /** Takes the next final block; one that was taken before changes nothing. Resolves when there is room for another. */
  async take(block: Finalized): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    const { height } = block.header
    if (height <= this.#height) return
    if (height !== this.#height + 1n) throw new BugError(`lane ${block.lane}: block ${height} after ${this.#height}`)
    this.#height = height
    this.#queue.push(block)
    this.#bytes += recordBytes(block)
    this.#work ??= this.#run()
    if (this.#bytes > QUEUE_BYTES) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Resolves when all that was taken is in the tables, or cannot be. */
  async idle(): Promise<void> {
    await this.#work
  }

  async #run(): Promise<void> {
    try {
      while (this.#queue.length > 0) await this.#writeNext()
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error))
      this.options.onFailure(this.#failure)
    } finally {
      this.#work = undefined
      this.#release()
    }
  }

  async #writeNext(): Promise<void> {
    const blocks = this.#queue.slice(0, this.#batchLength())
    await this.options.registryReached(Math.max(...blocks.map((each) => each.header.registrySize)))
    const batch = projectBatch(blocks, this.options.numberOf)
    await this.options.database.transaction((client) => writeBatch(client, batch, this.options.leftTo))
    this.#queue.splice(0, blocks.length)
    for (const block of blocks) {
      this.#bytes -= recordBytes(block)
      this.#written = block.header.height
      this.#hash = block.hash
    }
    this.options.onWritten(batch)
    if (this.#bytes <= QUEUE_BYTES) this.#release()
  }

  #batchLength(): number {
    let entries = 0
    let bytes = 0
    const length = this.#queue.findIndex((block, i) => {
      entries += block.header.count
      bytes += recordBytes(block)
      return i > 0 && (entries > BATCH_ENTRIES || bytes > BATCH_BYTES)
    })
    return length < 0 ? this.#queue.length : length
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
