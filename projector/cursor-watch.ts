import { TransientError } from '../schemas/errors.js'
import { type Cursor, readCursors } from './cursors.js'
import type { Database } from './database.js'

const PAUSE_MILLIS = 1_000

export interface WatchedPlace {
  /** What is in the tables for certain. */
  readonly written: bigint
  /** What may be there, if its transaction has just ended. */
  readonly taken: bigint
  /** Of the block at `written`. */
  readonly blockHash?: Buffer
}

/** Places that the projector reached, by `source/lane`. */
export type Places = () => ReadonlyMap<string, WatchedPlace>

/** Says which cursor somebody else moved; undefined: none. `before`: places as they were before the cursors were read. */
export function movedCursor(
  before: ReadonlyMap<string, WatchedPlace>,
  cursors: ReadonlyMap<string, Pick<Cursor, 'height' | 'blockHash'>>,
  after: ReadonlyMap<string, WatchedPlace>,
): string | undefined {
  for (const [key, { written, blockHash }] of before) {
    const cursor = cursors.get(key)
    const [source, lane] = key.split('/')
    const taken = after.get(key)?.taken ?? written
    if (cursor === undefined) return `the cursor of ${source}, lane ${lane}, is gone, and ${written} was reached`
    const { height } = cursor
    if (height < written || height > taken)
      return `the cursor of ${source}, lane ${lane}, is at ${height}, and ${written} was reached`
    if (height === written && blockHash !== undefined && !blockHash.equals(cursor.blockHash))
      return `the cursor of ${source}, lane ${lane}, names another block at ${height} than was written`
  }
  return undefined
}

/** Looks once a second whether the tables are still those that were written: a database that was emptied, or replaced by an old backup,
 *  is noticed although nothing new is final. The process then begins again at what the database says. */
export class CursorWatch {
  #timer: NodeJS.Timeout | undefined
  #look: Promise<void> = Promise.resolve()

  constructor(
    private readonly database: Database,
    private readonly places: Places,
    /** After each look that found all in order. */
    private readonly onLooked: () => Promise<void>,
    private readonly onMoved: (error: Error) => void,
  ) {}

  start(): void {
    this.#timer = setTimeout(() => {
      this.#look = this.#run()
    }, PAUSE_MILLIS)
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#look
  }

  async #run(): Promise<void> {
    try {
      const before = this.places()
      const cursors = await this.database.transaction(readCursors)
      const moved = movedCursor(before, cursors, this.places())
      if (moved === undefined) await this.onLooked()
      else throw new TransientError(`${moved}: somebody emptied or replaced the database, or writes here too`)
    } catch (error) {
      if (this.#timer !== undefined) this.onMoved(error instanceof Error ? error : new Error(String(error)))
      return
    }
    if (this.#timer !== undefined) this.start()
  }
}
