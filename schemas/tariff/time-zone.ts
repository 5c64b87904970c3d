import { DAY } from './civil.js'
import type { TimeZone } from './document.js'
import { type Dated, versionsOf } from './versions.js'

/** Local time is `offset` seconds ahead of UTC from `from` up to `to`, itself outside; seconds since 1970. */
export interface OffsetSpan {
  readonly from: number
  readonly to: number
  readonly offset: number
  /** Where nothing is published, local time is UTC. */
  readonly isPublished: boolean
}

/** These two need no document. */
const UTC = new Set(['UTC', 'Etc/UTC'])

/** All times from 1970 on, by what the registry says of the zone: each document holds from its event’s time on until the next one’s. */
export function offsetSpans(zone: string, documents: readonly Dated<TimeZone>[]): readonly OffsetSpan[] {
  const versions = versionsOf(documents)
  const unsaid = { from: 0, to: versions[0]?.from ?? Number.POSITIVE_INFINITY, offset: 0, isPublished: false }
  if (UTC.has(zone)) return [{ ...unsaid, to: Number.POSITIVE_INFINITY, isPublished: true }]
  const said = versions.flatMap(({ document, from, to }) =>
    spansOf(document).map((span) => ({ ...span, from: Math.max(span.from, from), to: Math.min(span.to, to), isPublished: true })),
  )
  return [unsaid, ...said].filter((span) => span.from < span.to)
}

function spansOf({ offset, transitions }: TimeZone): Omit<OffsetSpan, 'isPublished'>[] {
  const starts: [number, number][] = [[0, offset], ...transitions]
  return starts.map(([from, each], i) => ({ from, to: starts[i + 1]?.[0] ?? Number.POSITIVE_INFINITY, offset: each }))
}

/** The last one: 1970 and what is before it are not asked for. */
export const spanAt = (spans: readonly OffsetSpan[], at: number): OffsetSpan | undefined =>
  spans.findLast(({ from }) => from <= at)

/** When a local day begins, and how many seconds it has; undefined: no moment has that date. Where clocks change at midnight its
 *  moments may not be one run. */
export function dayBounds(spans: readonly OffsetSpan[], day: number): { start: number; seconds: number } | undefined {
  const parts = spans
    .map(({ from, to, offset }) => ({ from: Math.max(from, day * DAY - offset), to: Math.min(to, (day + 1) * DAY - offset) }))
    .filter(({ from, to }) => from < to)
  if (parts.length === 0) return undefined
  return {
    start: Math.min(...parts.map(({ from }) => from)),
    seconds: parts.reduce((sum, { from, to }) => sum + to - from, 0),
  }
}

/** Of all days from `first` on and before `end`. */
export function secondsOf(
  spans: readonly OffsetSpan[],
  { first, end }: { readonly first: number; readonly end: number },
): number {
  let seconds = 0
  for (let day = first; day < end; day++) seconds += dayBounds(spans, day)?.seconds ?? 0
  return seconds
}
