/** What a format makes of a file: pieces in the file's order, each signed as a whole. What was signed before is known by marks in
 *  the meter store, so an import that was stopped anywhere goes on there, and one that is repeated signs nothing twice. */
import type { Mark, MeterStore } from '../meter/meter-store.js'
import type { ReadingContent } from '../meter/sign-reading.js'

export interface Piece {
  readonly meter: string
  /** Zone of the days of a usage point that is not enrolled yet. */
  readonly zone: string
  /** What is still to be signed. Remembers it in `marks`: the first of its messages is to have the sequence `next`. */
  plan(marks: Marks, next: number): Plan
}

export interface Plan {
  readonly contents: readonly ReadingContent[]
  /** Intervals that are in `contents` as a correction of what was signed before. */
  readonly corrected: number
  /** Values that were signed before as they are. */
  readonly known: number
  /** Values of which a newer version was signed before. */
  readonly outdated: number
}

/** What is remembered, by keys of the format's own choice. */
export interface Marks {
  mark(key: Mark[0]): unknown
  set(key: Mark[0], value: unknown): void
}

/** Marks that are still to be written, over those of the store. */
export class PendingMarks implements Marks {
  readonly #pending = new Map<string, Mark>()

  constructor(private readonly store: Pick<MeterStore, 'mark'>) {}

  mark(key: Mark[0]): unknown {
    const pending = this.#pending.get(JSON.stringify(key))
    return pending === undefined ? this.store.mark(key) : pending[1]
  }

  set(key: Mark[0], value: unknown): void {
    this.#pending.set(JSON.stringify(key), [key, value])
  }

  /** All that is pending, which is then not any more. */
  take(): Mark[] {
    const marks = [...this.#pending.values()]
    this.#pending.clear()
    return marks
  }
}

/** A file that is being read. */
export interface Source {
  readonly path: string
  readonly counts: RecordCounts
  /** Tells, and counts, what is malformed; the rest goes on. */
  refuse(line: number, reason: string): void
}

export interface RecordCounts {
  /** London: lines but headers; NEM12: records; Green Button: interval readings. */
  records: number
  malformed: number
  /** Values that the file says are missing. */
  missing: number
}

/** Throws MalformedFile where the file can be read no further: what came before stands. */
export type Format = (source: Source) => AsyncIterable<Piece>
