/** Where an entry stands, as the rows of its block begin. */
type Place = readonly [lane: number, height: bigint, entry: number, ...rest: unknown[]]

export interface Slice<T> {
  readonly part: readonly T[]
  /** Parameters of the condition SLICE: lane, the place before the first, the place of the last. */
  readonly range: readonly [lane: number, afterHeight: string, afterEntry: number, height: string, entry: number]
}

/** The rows of a slice. The heights alone, for the index by block. */
export const SLICE = `lane = $1 AND height BETWEEN $2 AND $4
  AND (height, entry::int4) > ($2::int8, $3::int4) AND (height, entry::int4) <= ($4::int8, $5::int4)`

/** Rows that are compared in one go: as texts some 1 KB each. */
const SLICE_ROWS = 50_000
/** Below and above every number that the column takes. */
const [BELOW, ABOVE] = [-32_769, 32_767]

/** Cuts what comes from consecutive blocks, in their order, into parts of some `most` rows that leave no place between them, so a
 *  row too many is in one of them. An entry is not cut. `measure` gives the place and number of rows of an item. */
export function* slices<T>(
  items: readonly T[],
  { lane, first, last }: { readonly lane: number; readonly first: bigint; readonly last: bigint },
  measure: (item: T) => readonly [Place, rows: number],
  most = SLICE_ROWS,
): Generator<Slice<T>> {
  let after: readonly [string, number] = [String(first), BELOW]
  let part: T[] = []
  let rows = 0
  let end: readonly [string, number] = after
  for (const item of items) {
    const [[, height, entry], count] = measure(item)
    const place = [String(height), entry] as const
    if (rows >= most && (place[0] !== end[0] || place[1] !== end[1])) {
      yield { part, range: [lane, ...after, ...end] }
      after = end
      part = []
      rows = 0
    }
    part.push(item)
    rows += count
    end = place
  }
  yield { part, range: [lane, ...after, String(last), ABOVE] }
}
