/** When measured values arrive: of each block, how many of which day. */
import { createView } from '../migrations/described.js'
import type { BlockRows, Series } from '../project.js'
import { table } from '../rows/tables.js'
import { createProjected, isFilled, type Projection } from './projection.js'

type ArrivalRow = [lane: number, height: bigint, day: number, intervals: number, corrections: number]

const TABLE = table<ArrivalRow>(
  'store.arrivals',
  ...(['lane:int2*', 'height:int8*', 'day:time*', 'intervals:int4', 'corrections:int4'] as const),
)

const DAY_SECONDS = 86_400

/** Intervals of the series by the UTC day in which they begin, as days since 1970. */
function* daysOf({ profile: { start, step, values } }: Series): Generator<[day: number, intervals: number]> {
  for (let from = 0; from < values.length; ) {
    const day = Math.floor((start + from * step) / DAY_SECONDS)
    const next = Math.min(values.length, Math.ceil(((day + 1) * DAY_SECONDS - start) / step))
    yield [day, next - from]
    from = next
  }
}

function* rowsOf({ block: [lane, height], readings, series }: BlockRows): Generator<ArrivalRow> {
  const corrections = new Set(readings.filter(([, , , , , , revises]) => revises !== null).map(([, , entry]) => entry))
  const counted = new Map<number, { first: number; again: number }>()
  for (const each of series)
    for (const [day, intervals] of daysOf(each)) {
      const ofDay = counted.get(day) ?? { first: 0, again: 0 }
      counted.set(day, ofDay)
      ofDay[corrections.has(each.place[2]) ? 'again' : 'first'] += intervals
    }
  for (const [day, { first, again }] of counted) yield [lane, height, day * DAY_SECONDS * 1000, first, again]
}

export const ARRIVALS: Projection<ArrivalRow> = {
  table: TABLE,
  rowsOf,
  migrationName: '0018-arrivals',
  migration: {
    async up(db) {
      await createProjected(db, TABLE, 'Intervals by the block that they came with and the day that they measure', {
        lane: ['int2 NOT NULL', 'lane'],
        height: ['int8 NOT NULL', 'height of the block'],
        day: ['timestamptz NOT NULL', 'start of the UTC day in which they begin'],
        intervals: ['int4 NOT NULL', 'intervals of readings that correct none'],
        corrections: ['int4 NOT NULL', 'intervals of readings that correct an earlier one'],
      })
      await createView(
        db,
        'analytics.arrivals',
        'When the measured values of a day arrived: by day and block; empty until a replay where it was added to a database with blocks',
        {
          day: 'the UTC day in which the intervals begin',
          lane: 'lane of the block that they came with',
          height: 'height of that block',
          final_at: 'when the log took the vote that made it final',
          after_day: 'from the end of the day to then; negative: before its end',
          intervals: 'intervals of readings that correct none',
          corrections: 'intervals of readings that correct an earlier one',
        },
        `SELECT (day AT TIME ZONE 'UTC')::date, lane, height, final_at, final_at - (day + interval '24 hours'), intervals, corrections
           FROM store.arrivals JOIN ledger.blocks USING (lane, height) WHERE ${isFilled(TABLE)}`,
      )
    },
  },
}
