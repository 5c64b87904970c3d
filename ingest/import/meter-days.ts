/** From lines of a London file to days of meters, and to what is still to be signed of them. */
import type { Decimal } from './decimal.js'
import { contentsOf, dayOf, type LclReading, LONDON, readLine, slotOf } from './lcl.js'
import { MalformedFile } from './malformed-file.js'
import type { Marks, Piece, Plan, Source } from './piece.js'
import { readableLines } from './read-csv.js'

interface MeterDay {
  readonly meter: string
  /** Days since 1970, GMT. */
  readonly day: number
  /** Half hours that have a value, 0 to 47. */
  readonly slots: Map<number, Decimal>
}

export type LclMessage = 'day' | 'half-hour'

export async function* lclPieces(source: Source, message: LclMessage): AsyncGenerator<Piece> {
  for await (const meterDay of meterDays(source)) {
    const { meter } = meterDay
    yield { meter, zone: LONDON, plan: (marks) => planDay(marks, meterDay, message) }
  }
}

/** Groups consecutive lines of one meter and day. What is malformed is told and counted, the rest goes on. */
async function* meterDays(source: Source): AsyncGenerator<MeterDay> {
  let open: MeterDay | undefined
  let end: MalformedFile | undefined
  try {
    for await (const { line, fields } of readableLines(source.path)) {
      const read = readReading(source, line, fields)
      if (read === undefined) continue
      const { meter, start, kwh } = read
      const day = dayOf(start)
      if (open?.meter !== meter || open.day !== day) {
        if (open !== undefined) yield open
        open = { meter, day, slots: new Map() }
      }
      if (open.slots.has(slotOf(start))) source.refuse(line, 'a second value for this meter and half hour')
      else open.slots.set(slotOf(start), kwh)
    }
  } catch (error) {
    if (!(error instanceof MalformedFile)) throw error
    end = error
  }
  if (open !== undefined) yield open
  if (end !== undefined) throw end
}

function readReading({ counts, refuse }: Source, line: number, fields: readonly string[]): LclReading | undefined {
  const read = readLine(fields)
  if (read.kind === 'header') return undefined
  counts.records++
  if (read.kind === 'missing') counts.missing++
  if (read.kind === 'malformed') refuse(line, read.reason)
  return read.kind === 'reading' ? read : undefined
}

/** The half hours of a day that are new. The day's mark has bit n for slot n: 48 bits, exact in a double. */
function planDay(marks: Marks, { meter, day, slots }: MeterDay, message: LclMessage): Plan {
  const key = ['lcl-day', meter, day]
  const known = Number(marks.mark(key) ?? 0)
  const fresh = [...slots].filter(([slot]) => Math.floor(known / 2 ** slot) % 2 === 0)
  if (fresh.length > 0)
    marks.set(
      key,
      fresh.reduce((sum, [slot]) => sum + 2 ** slot, known),
    )
  const parts = message === 'day' ? (fresh.length > 0 ? [fresh] : []) : fresh.map((slot) => [slot])
  return {
    contents: parts.flatMap((part) => contentsOf(day, new Map(part))),
    ...{ corrected: 0, known: slots.size - fresh.length, outdated: 0 },
  }
}
