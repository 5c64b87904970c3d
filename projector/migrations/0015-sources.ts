/** What the views are made from since 0015: as 0013 has it, and energy of days without a look at each interval where the row says it all:
 *  its day is one, and nothing overlaps it. */
import { type Kept, seconds, seen } from './0008-sources.js'
import {
  COLUMNS,
  count,
  end,
  hasNewer,
  isCorrected,
  lastStart,
  ofRow,
  PACKED,
  qualityAt,
  reaching,
  START,
  select,
  VALUES,
  valueAt,
} from './0013-sources.js'

/** Of rows in the order of `w`, the starts of a channel: whether another one overlaps it. */
export const IS_DOUBLED = `coalesce(max(last_start) OVER (w ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) >= start
                     OR lead(start) OVER w <= last_start, false)`

/** `prof`: rows of the meter of `p` that may have intervals that begin in a time. `is_doubled`, `may_be_corrected`: another row, or a
 *  correction of `k`, overlaps it. `is_inside`: all its intervals begin in that time. */
export const rowsOf = (from: string, to: string, k: string, more = '') => `(
  SELECT *, ${IS_DOUBLED} AS is_doubled,
         start >= ${from} AND last_start < ${to} AS is_inside
    FROM (SELECT prof.*, prof.ctid AS place, ${lastStart('prof')} AS last_start${more},
                 ${k}.starts IS NOT NULL AND ${overlapsCorrection(k)} AS may_be_corrected
            FROM store.profiles prof WHERE ${reaching('p.meter', from, to)} AND ${lastStart('prof')} >= ${from}) prof
  WINDOW w AS (PARTITION BY channel >> 16 ORDER BY start)) prof`

export const overlapsCorrection = (k: string) => `EXISTS (
         SELECT FROM unnest(${k}.channels, ${k}.sequences, ${k}.starts, ${k}.ends) c(channel, sequence, start, ends)
          WHERE c.channel = prof.channel >> 16 AND c.sequence > prof.sequence AND c.start < ${end('prof')} AND c.ends > prof.start)`

/** Of the intervals of a row, those that begin in that time and hold now. */
export const holds = (from: string, to: string, k: string) => `(prof.is_inside OR ${START} >= ${from} AND ${START} < ${to})
     AND (NOT prof.is_doubled OR NOT ${hasNewer(ofRow)}) AND (NOT prof.may_be_corrected OR NOT ${isCorrected(k, ofRow)})`

export const IS_ESTIMATED = (code: string) => `(${code} BETWEEN 8 AND 13 OR ${code} = 16)`

export const estimatedIn = (quality: string) =>
  `CASE WHEN prof.quality IS NULL THEN 0 ELSE (SELECT count(*) FROM unnest(${quality}) q WHERE ${IS_ESTIMATED('q')}) END`

/** Of the values in both arrays. In a list of columns unnest keeps no copy: 35 million in 1.6 s of CPU, where as a table it takes 3 s. */
export const sumOf = (narrow: string, wide: string) =>
  `coalesce((SELECT sum(v) FROM (SELECT unnest(${narrow}) AS v) each)::numeric, (SELECT sum(v) FROM (SELECT unnest(${wide}) AS v) each))`
export const TOTAL = sumOf('prof.narrow', 'prof.wide')

/** `piece`: what of a row holds, summed. `isOneDay`: whether all of the row is of one day, which `day` then is. */
const pieces = (
  from: string,
  to: string,
  k: string,
  day?: { readonly isOne: string; readonly ofRow: string; readonly ofInterval: string },
) => {
  const isWhole = `(prof.is_inside AND NOT prof.is_doubled AND NOT prof.may_be_corrected${day === undefined ? '' : ` AND ${day.isOne}`})`
  return `LATERAL (
    SELECT ${day === undefined ? '' : `${day.ofRow} AS day, `}${TOTAL} AS total,
           ${count('prof')}::int8 AS intervals,
           ${estimatedIn('prof.quality')} AS estimated
     WHERE ${isWhole}
    UNION ALL
    SELECT ${day === undefined ? '' : `${day.ofInterval}, `}sum(val.value), count(*), count(*) FILTER (WHERE ${IS_ESTIMATED(COLUMNS.quality ?? '')})
      FROM ${VALUES}
     WHERE NOT ${isWhole} AND ${holds(from, to, k)}
    ${day === undefined ? '' : 'GROUP BY 1 '}HAVING count(*) > 0) piece`
}

export const SUMS = `sum(piece.total) AS total, sum(piece.intervals) AS intervals, sum(piece.intervals * prof.step) AS covered,
                sum(piece.estimated) AS estimated, min(prof.height) AS first_height, max(prof.height) AS last_height`

/** Of an interval `n` in a row that has one of its start. */
const SECONDS = 'extract(epoch FROM n.start - prof.start)::int8'
const PLACE = `(${SECONDS} / prof.step + 1)`

export const PACKED_DAYS: Kept = {
  ...PACKED,
  newest: (from, to, more, k = 'k') => `(
  SELECT ${select(['start', 'channel', 'step', 'value', 'sequence', ...more])}
    FROM ${rowsOf(from, to, k)} CROSS JOIN LATERAL ${VALUES}
   WHERE ${holds(from, to, k)}) i`,
  // by its place in the row: to unpack a row for each interval that is asked for took fifteen times as long
  intervalsAt: `(SELECT ${['lane', 'height', 'entry', 'meter', 'sequence', 'channel', 'step'].map((name) => `prof.${name}`).join(', ')},
              n.start AS start, ${valueAt('prof', PLACE)} AS value, ${qualityAt('prof', PLACE)} AS quality
         FROM store.profiles prof
        WHERE ${reaching('n.meter', 'n.start', `n.start + interval '1 microsecond'`)} AND ${lastStart('prof')} >= n.start
          AND ${SECONDS} % prof.step = 0) o`,
  ofDay: `SELECT prof.channel, ${SUMS}
            FROM ${rowsOf('d.from_at', 'd.to_at', 'p')} CROSS JOIN ${pieces('d.from_at', 'd.to_at', 'p')}
           GROUP BY prof.channel`,
}

const POINT = 'p.usage_point, p.zone, p.region, p.feeder, p.plan'
const localDay = (at: string) => `((${at}) AT TIME ZONE p.zone)::date`
const DAY = { isOne: 'prof.day = prof.last_day', ofRow: 'prof.day', ofInterval: localDay(START ?? '') }
const DAY_COLUMNS = `, ${localDay('prof.start')} AS day, ${localDay(lastStart('prof'))} AS last_day`

/** How days of months are made. `kept`: the rows. `month`: from what `m` is made, after its name. `days`: the days `b` of one. `sums`: what
 *  its rows say, which `sumsOf` joins to its days. */
interface MonthDays {
  readonly kept: Kept
  readonly month: string
  readonly days: string
  readonly sums: string
  readonly sumsOf: string
}

/** What analytics.point_days has, with the month: a look-up for each meter and month, where a look-up for each day takes as long again for
 *  every day. For who asks for months, or for all. */
export const pointMonthDays = ({ kept, month, days, sums, sumsOf }: MonthDays) => `
  SELECT m.month, d.day, ${POINT}, coalesce(d.obis, p.main_obis) AS obis, sum(d.kwh) AS kwh, coalesce(sum(d.covered), 0)::int8 AS covered_seconds,
         sum(${seconds('d.from_at', 'd.to_at')})::int8 AS expected_seconds, coalesce(sum(d.estimated), 0)::int8 AS estimated_intervals,
         d.day_start, d.day_end, array_agg(p.meter_id ORDER BY d.from_at, p.meter) AS meters,
         array_agg(p.lane ORDER BY d.from_at, p.meter) AS lanes, array_agg(d.first_height ORDER BY d.from_at, p.meter) AS first_heights
    FROM ${seen(kept)}
   CROSS JOIN LATERAL (
     SELECT month::date AS month, ${month}) m
   CROSS JOIN LATERAL (
     SELECT b.*, greatest(m.from_at, b.day_start) AS from_at, least(m.to_at, b.day_end) AS to_at, s.obis, s.kwh, s.covered, s.estimated, s.first_height
       FROM (${days}) b
       LEFT JOIN (${sums}) s ON ${sumsOf}
      WHERE least(m.to_at, b.day_end) > greatest(m.from_at, b.day_start)) d
   WHERE d.obis IS NOT NULL OR p.main_unit = 30
   GROUP BY m.month, d.day, ${POINT}, coalesce(d.obis, p.main_obis), d.day_start, d.day_end`

export const monthsOf = (pointMonths: string) => `
  SELECT month, usage_point, region, feeder, obis, sum(kwh) AS kwh, count(*) FILTER (WHERE covered_seconds >= expected_seconds) AS full_days,
         sum(estimated_intervals)::int8 AS estimated, min(day) AS first_day, max(day) AS last_day
    FROM (${pointMonths}) days
   WHERE kwh IS NOT NULL
   GROUP BY month, usage_point, region, feeder, obis`

export const zeroDaysOf = (pointMonths: string) => `(${pointMonths}) days
         WHERE kwh = 0 AND obis ~ ':1[.](8|29)[.]0[*]'`

const POINT_MONTH_DAYS = pointMonthDays({
  kept: PACKED_DAYS,
  month: `greatest(p.seen_from, month AT TIME ZONE p.zone) AS from_at,
            least(p.seen_to, (month + interval '1 month') AT TIME ZONE p.zone) AS to_at
       FROM generate_series(date_trunc('month', p.seen_from AT TIME ZONE p.zone), p.seen_to AT TIME ZONE p.zone, interval '1 month') month`,
  days: `SELECT m.month + n AS day, (m.month + n)::timestamp AT TIME ZONE p.zone AS day_start,
                    (m.month + n + 1)::timestamp AT TIME ZONE p.zone AS day_end
               FROM generate_series(0, 30) n WHERE m.month + n < (m.month + interval '1 month')::date`,
  sums: `
         SELECT g.day, c.obis, sum(g.total * c.factor * 0.001) AS kwh, sum(g.covered)::int8 AS covered, sum(g.estimated)::int8 AS estimated,
                min(g.first_height) AS first_height
           FROM (SELECT piece.day, prof.channel, ${SUMS}
                   FROM ${rowsOf('m.from_at', 'm.to_at', 'p', DAY_COLUMNS)} CROSS JOIN ${pieces('m.from_at', 'm.to_at', 'p', DAY)}
                  GROUP BY piece.day, prof.channel) g
           JOIN store.channels c ON c.channel = g.channel AND c.unit = 30
          GROUP BY g.day, c.obis`,
  sumsOf: 's.day = b.day',
})

export const MONTHS = monthsOf(POINT_MONTH_DAYS)
export const ZERO_DAYS = zeroDaysOf(POINT_MONTH_DAYS)
