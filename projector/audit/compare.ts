import type { Table } from '../rows/tables.js'
import { compareKeys, type TextRow } from './render.js'

export type DifferenceKind = 'differs' | 'missing' | 'too many'

export interface Difference {
  readonly table: string
  readonly kind: DifferenceKind
  /** Where its event stands, if it is a row of a block. */
  readonly lane?: number
  readonly height?: string
  readonly entry?: number
  /** The columns that name the row. */
  readonly key: Readonly<Record<string, string | null>>
  /** What the log demands: of `differs` the columns that do, else the whole row. Times are seconds since 1970, records digests. */
  readonly expected?: Readonly<Record<string, string | null>>
  readonly found?: Readonly<Record<string, string | null>>
}

type Report = (difference: Difference) => void
interface Pending {
  readonly expected: TextRow[]
  readonly found: TextRow[]
}

/** Compares sorted rows, as multisets: rows of one key are matched with their equals first. Gives the number of expected rows. */
export async function compareRows(
  table: Table,
  expected: Iterable<TextRow>,
  found: AsyncIterable<TextRow>,
  report: Report,
): Promise<number> {
  const wanted = expected[Symbol.iterator]()
  let next = wanted.next()
  let compared = 0
  let group: Pending = { expected: [], found: [] }
  const take = () => {
    group.expected.push(next.value)
    next = wanted.next()
    compared++
  }
  for await (const row of found) {
    const [member] = group.found
    if (member !== undefined && compareKeys(table, member, row) !== 0) {
      closeGroup(table, group, report)
      group = { expected: [], found: [] }
    }
    group.found.push(row)
    while (!next.done && compareKeys(table, next.value, row) < 0) {
      report(difference(table, 'missing', next.value, next.value, undefined))
      next = wanted.next()
      compared++
    }
    while (!next.done && compareKeys(table, next.value, row) === 0) take()
  }
  closeGroup(table, group, report)
  for (; !next.done; next = wanted.next(), compared++) report(difference(table, 'missing', next.value, next.value, undefined))
  return compared
}

const isSame = (a: TextRow, b: TextRow) => a.every((value, i) => value === b[i])

function closeGroup(table: Table, { expected, found }: Pending, report: Report): void {
  const rest = [...found]
  const unmatched = expected.filter((row) => {
    const at = rest.findIndex((each) => isSame(row, each))
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
  for (const row of unmatched) {
    const other = rest.shift()
    report(difference(table, other === undefined ? 'missing' : 'differs', row, row, other))
  }
  for (const row of rest) report(difference(table, 'too many', row, undefined, row))
}

function difference(table: Table, kind: DifferenceKind, named: TextRow, expected?: TextRow, found?: TextRow): Difference {
  const pick = (row: TextRow, wanted: (i: number) => boolean) =>
    Object.fromEntries(table.columns.flatMap(({ name }, i) => (wanted(i) ? [[name, row[i] ?? null]] : [])))
  const isShown = (i: number) => kind !== 'differs' || expected?.[i] !== found?.[i]
  const key = pick(named, (i) => table.columns[i]?.isKey === true)
  const { lane, height, entry } = key
  return {
    ...{ table: table.name, kind, key },
    ...(lane != null && height != null && { lane: Number(lane), height }),
    ...(entry != null && { entry: Number(entry) }),
    ...(expected && { expected: pick(expected, isShown) }),
    ...(found && { found: pick(found, isShown) }),
  }
}
