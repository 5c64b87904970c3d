/** What the views are made from since 0020: as 0015 has it, and a row that is all of one day, and that nothing overlaps, says its energy
 *  itself: its values are not looked at. */
import type { Kept } from './0008-sources.js'
import { PEAK_NAMES, peakRows } from './0009-consumption.js'
import { count, lastStart, qualityAt, reaching, START, VALUES } from './0013-sources.js'
import {
  estimatedIn,
  holds,
  IS_DOUBLED,
  IS_ESTIMATED,
  monthsOf,
  overlapsCorrection,
  PACKED_DAYS,
  pointMonthDays,
  rowsOf,
  SUMS,
  sumOf,
  TOTAL,
  zeroDaysOf,
} from './0015-sources.js'

/** Where it has no room in the column, the values are summed. */
const TOTAL_OF_ROW = `coalesce(prof.total::numeric, ${TOTAL})`

/** How many intervals of a row `prof` begin before a time. */
const before = (time: string) =>
  `least(greatest(ceil(extract(epoch FROM ${time} - prof.start) / prof.step), 0), ${count('prof')})::int4`
/** Those from one place on and before another, counted from 0: as an array, which takes a fifth of what rows of intervals take. */
const slice = (array: string, from: string, to: string) => `prof.${array}[${from} + 1 : ${to}]`
const totalOfSlice = (from: string, to: string) => sumOf(slice('narrow', from, to), slice('wide', from, to))

const IS_ALONE = 'NOT prof.is_doubled AND NOT prof.may_be_corrected'

/** What of a row holds: of one that nothing overlaps all, or a slice; else interval by interval. */
const OF_DAY = `LATERAL (
    SELECT ${TOTAL_OF_ROW} AS total, ${count('prof')}::int8 AS intervals, ${estimatedIn('prof.quality')} AS estimated
     WHERE prof.is_inside AND ${IS_ALONE}
    UNION ALL
    SELECT ${totalOfSlice('n', 'z')}, z - n, ${estimatedIn(slice('quality', 'n', 'z'))}
      FROM (SELECT ${before('d.from_at')} AS n, ${before('d.to_at')} AS z) part
     WHERE NOT prof.is_inside AND ${IS_ALONE} AND z > n
    UNION ALL
    SELECT sum(val.value), count(*), count(*) FILTER (WHERE ${IS_ESTIMATED(qualityAt('prof', 'val.n'))})
      FROM ${VALUES}
     WHERE NOT (${IS_ALONE}) AND ${holds('d.from_at', 'd.to_at', 'p')}
    HAVING count(*) > 0) piece`

export const TOTALLED: Kept = {
  ...PACKED_DAYS,
  ofDay: `SELECT prof.channel, ${SUMS} FROM ${rowsOf('d.from_at', 'd.to_at', 'p')} CROSS JOIN ${OF_DAY} GROUP BY prof.channel`,
}

/** Number of the local day of a month `m` that a moment is in, from 1. */
const dayOf = (at: string) => `width_bucket(${at}, m.starts)`

/** `looked`: rows of the meter of `p` that may have intervals that begin in a month of `m`, without their arrays, which would be carried
 *  through every step. `is_doubled`, `may_be_corrected`: another row, or a correction, overlaps it. `is_inside`: all its intervals begin in
 *  that time. `is_alone`: nothing overlaps it. `is_whole`: its total, then, is what it adds to one day. */
const LOOKED = `looked AS MATERIALIZED (
  SELECT *, ${IS_ALONE} AS is_alone, is_inside AND ${IS_ALONE} AND day = last_day AS is_whole
    FROM (SELECT *, ${IS_DOUBLED} AS is_doubled,
                 start >= m.from_at AND last_start < m.to_at AS is_inside, ${dayOf('start')} AS day, ${dayOf('last_start')} AS last_day
            FROM (SELECT prof.channel, prof.start, prof.step, prof.height, ${TOTAL_OF_ROW} AS total, prof.ctid AS place,
                         ${lastStart('prof')} AS last_start, ${count('prof')} AS intervals, ${estimatedIn('prof.quality')} AS estimated,
                         p.starts IS NOT NULL AND ${overlapsCorrection('p')} AS may_be_corrected
                    FROM store.profiles prof
                   WHERE ${reaching('p.meter', 'm.from_at', 'm.to_at')} AND ${lastStart('prof')} >= m.from_at) prof
          WINDOW w AS (PARTITION BY channel >> 16 ORDER BY start)) prof)`

const LOOKED_AT = `(SELECT prof.*, looked.place, looked.is_alone, looked.is_doubled, looked.is_inside, looked.may_be_corrected, looked.day, looked.last_day
            FROM looked JOIN store.profiles prof ON prof.ctid = looked.place
           WHERE NOT looked.is_whole) prof`

/** `piece`: what of these rows holds, by day and channel. */
const PIECES = `(
  WITH ${LOOKED}
  SELECT day, channel, total, intervals::int8 * step AS covered, estimated, height
    FROM looked WHERE is_whole
  UNION ALL
  SELECT part.day, prof.channel, ${totalOfSlice('n', 'z')}, (z - n)::int8 * prof.step, ${estimatedIn(slice('quality', 'n', 'z'))}, prof.height
    FROM ${LOOKED_AT}
   CROSS JOIN LATERAL (
     SELECT day, ${before('greatest(m.starts[day], m.from_at)')} AS n, ${before('least(m.starts[day + 1], m.to_at)')} AS z
       FROM generate_series(greatest(prof.day, 1), least(prof.last_day, cardinality(m.starts) - 1)) day) part
   WHERE prof.is_alone AND z > n
  UNION ALL
  SELECT ${dayOf(START ?? '')}, prof.channel, sum(val.value), sum(prof.step), count(*) FILTER (WHERE ${IS_ESTIMATED(qualityAt('prof', 'val.n'))}), min(prof.height)
    FROM ${LOOKED_AT}
   CROSS JOIN LATERAL ${VALUES}
   WHERE NOT prof.is_alone AND ${holds('m.from_at', 'm.to_at', 'p')}
   GROUP BY 1, prof.channel) piece`

/** As 0015 has them; but where the days of a month begin is made once for each, for rows and intervals to be placed by: to make the local
 *  day of each took a quarter of the time. */
const POINT_MONTH_DAYS = pointMonthDays({
  kept: TOTALLED,
  month: `starts, greatest(p.seen_from, starts[1]) AS from_at, least(p.seen_to, starts[cardinality(starts)]) AS to_at
       FROM generate_series(date_trunc('month', p.seen_from AT TIME ZONE p.zone), p.seen_to AT TIME ZONE p.zone, interval '1 month') month
      CROSS JOIN LATERAL (
        SELECT array_agg(day AT TIME ZONE p.zone ORDER BY day) AS starts
          FROM generate_series(month, month + interval '1 month', interval '1 day') day) bounds`,
  days: `SELECT n, m.month + n - 1 AS day, m.starts[n] AS day_start, m.starts[n + 1] AS day_end
               FROM generate_series(1, cardinality(m.starts) - 1) n`,
  sums: `
         SELECT piece.day AS n, c.obis, sum(piece.total * c.factor * 0.001) AS kwh, sum(piece.covered)::int8 AS covered,
                sum(piece.estimated)::int8 AS estimated, min(piece.height) AS first_height
           FROM ${PIECES}
           JOIN store.channels c ON c.channel = piece.channel AND c.unit = 30
          GROUP BY piece.day, c.obis`,
  sumsOf: 's.n = b.n',
})

export const MONTHS = monthsOf(POINT_MONTH_DAYS)
export const ZERO_DAYS = zeroDaysOf(POINT_MONTH_DAYS)

/** A condition on feeder or region reaches the points, and so the look-ups: of a row for each point and month alone it would be looked at
 *  when all are there. A point that was moved is looked up for each feeder that it had. */
export const PEAKS = `
  SELECT k.month, k.usage_point, k.zone, q.region, q.feeder, ${PEAK_NAMES.slice(5)
    .map((name) => `k.${name}`)
    .join(', ')}
    FROM (SELECT DISTINCT usage_point, region, feeder FROM store.assignments) q
   CROSS JOIN LATERAL (${peakRows(PACKED_DAYS, ' WHERE p.usage_point = q.usage_point')}) k (${PEAK_NAMES.join(', ')})
   WHERE k.region = q.region AND k.feeder = q.feeder`
