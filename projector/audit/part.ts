import type { ClientBase } from 'pg'
import type { RestorableTopic } from '../../infra/restore/restorable.js'
import type { Cursor, Source } from '../cursors.js'
import type { Comparison } from './comparison.js'

/** Cursors as they stand in the transaction that compares. */
export type Cursors = ReadonlyMap<string, Cursor>

/** A part of the tables that is compared, and healed, by itself. */
export interface Part {
  /** -1: of no lane. */
  readonly lane: number
  /** In words: “blocks 3 to 9”. */
  readonly subject: string
  /** Cursors that must stand still while it is healed: then the projector writes nothing of it. No lane: all of the source. */
  readonly lock?: { readonly source: Source; readonly lane?: number }
  /** When the reading of the log began that says what the rows must be, by PostgreSQL’s clock; undefined: they do not depend on when. */
  readonly readSince?: string
  /** Compares what is there with what the log demands, as far as `cursors` say that it is written. */
  compare(comparison: Comparison, cursors: Cursors): Promise<void>
  /** The same part without the blocks of other heights. */
  narrowed?(heights: ReadonlySet<string>): Part
  /** In place of deleting the rows that were compared and copying them again. */
  heal?(client: ClientBase, cursors: Cursors): Promise<void>
  /** Why the log is not to be believed here, and what to do. */
  refusal?(client: ClientBase): Promise<string | undefined>
  /** The topic that is to be restored where it is not, and the place after which its records are missing. */
  readonly lost?: { readonly topic: RestorableTopic; readonly from: bigint }
}
