/** From lines to days of meters. */
import type { Decimal } from './decimal.js'
import { dayOf, readLine, slotOf } from './lcl.js'
import type { CsvLine } from './read-csv.js'

export interface MeterDay {
  readonly meter: string
  /** Days since 1970, GMT. */
  readonly day: number
  /** Half hours that have a value, 0 to 47. */
  readonly slots: Map<number, Decimal>
}

export interface LineCounts {
  /** All but headers. */
  lines: number
  malformed: number
  missing: number
}

/** Groups consecutive lines of one meter and day. What is malformed is told and counted, the rest goes on. */
export async function* meterDays(
  lines: AsyncIterable<CsvLine>,
  counts: LineCounts,
  onMalformed: (line: number, reason: string) => void,
): AsyncGenerator<MeterDay> {
  const refuse = (line: number, reason: string) => {
    counts.malformed++
    onMalformed(line, reason)
  }
  let open: MeterDay | undefined
  for await (const { line, fields } of lines) {
    const read = readLine(fields)
    if (read.kind === 'header') continue
    counts.lines++
    if (read.kind === 'missing') counts.missing++
    if (read.kind === 'malformed') refuse(line, read.reason)
    if (read.kind !== 'reading') continue
    const { meter, start, kwh } = read
    const day = dayOf(start)
    if (open?.meter !== meter || open.day !== day) {
      if (open !== undefined) yield open
      open = { meter, day, slots: new Map() }
    }
    if (open.slots.has(slotOf(start))) refuse(line, 'a second value for this meter and half hour')
    else open.slots.set(slotOf(start), kwh)
  }
  if (open !== undefined) yield open
}
