import type { Kysely, Migration } from 'kysely'
import { COMPANION, POINT } from './0008-days.js'
import { FLAT, fullDays, type Kept } from './0008-sources.js'
import { createView } from './described.js'

/** When how much is used, who uses most, and what a feeder loses. */
export const consumption: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await peaks(db, FLAT)
    await topConsumers(db, MONTHS_OF_DAYS)
    await loadCurve(db)
    await feederBalance(db)
  },
}

const MONTH = 'first day of the month, by the usage point’s zone'
const MONTH_OF = (day: string) => `date_trunc('month', ${day}::timestamp)::date`

/** Of intervals of different length in a day the one of the greatest power, not of the greatest energy. */
const PEAK = '(array_agg(i.%s ORDER BY i.value::numeric / i.step DESC, i.start))[1]'
const peakOf = (column: string) => PEAK.replace('%s', column)

const PEAK_COLUMNS = {
  month: MONTH,
  ...POINT,
  obis: 'OBIS code: 1-0:1.29.0*255 active energy imported in each interval',
  kw: 'energy of that interval ÷ its length',
  at: 'start of that interval, the first of several that are equal',
  step_seconds: 'its length, seconds',
  meter: 'the meter’s id',
  lane: 'lane of the block that it came in',
  height: 'height of that block',
  entry: 'entry of that block, from 0: asks for a proof',
}
export const PEAK_NAMES: readonly string[] = Object.keys(PEAK_COLUMNS)

/** In the order of the view's columns. `where`: which periods `p` it is about. */
export const peakRows = (kept: Kept, where = '') => `SELECT DISTINCT ON (${MONTH_OF('d.day')}, p.usage_point, s.obis)
            ${MONTH_OF('d.day')}, p.usage_point, p.zone, p.region, p.feeder, p.plan, s.obis, round(s.kw, 6), s.start, s.step, p.meter_id,
            p.lane, s.height, s.entry
       FROM ${fullDays(kept, {
         inner: ['value', 'step', 'start', 'height', 'entry'].map((each) => `${peakOf(each)} AS ${each}`).join(', '),
         outer: [
           'max(g.value * c.factor * 3.6 / g.step) AS kw',
           ...['start', 'step', 'height', 'entry'].map(
             (each) => `(array_agg(g.${each} ORDER BY g.value * c.factor / g.step DESC, g.start))[1] AS ${each}`,
           ),
         ].join(', '),
         more: ['height', 'entry'],
       })}${where}
      ORDER BY ${MONTH_OF('d.day')}, p.usage_point, s.obis, s.kw DESC, s.start`

/** `rows`: those of `peakRows`. */
export const peaks = (db: Kysely<unknown>, kept: Kept, rows = peakRows(kept)) =>
  createView(
    db,
    'analytics.peaks',
    'The greatest power of each usage point and month: the mean over one interval, and the entry that says so',
    PEAK_COLUMNS,
    rows,
  )

const MONTHS_OF_DAYS = `
  SELECT ${MONTH_OF('day')} AS month, usage_point, region, feeder, obis, sum(kwh) AS kwh,
                    count(*) FILTER (WHERE covered_seconds >= expected_seconds) AS full_days,
                    sum(estimated_intervals)::int8 AS estimated, min(day) AS first_day, max(day) AS last_day
               FROM analytics.point_days
              WHERE kwh IS NOT NULL
              GROUP BY 1, usage_point, region, feeder, obis`

/** `months`: sums by month, usage point, region, feeder and OBIS code. */
export const topConsumers = (db: Kysely<unknown>, months: string) =>
  createView(
    db,
    'analytics.top_consumers',
    `Usage points by what they used in a month, the greatest first; ${COMPANION('first_day', 'last_day + 1')} (days of the zone)`,
    {
      month: MONTH,
      rank: 'place among all usage points of that month and OBIS code, from 1',
      usage_point: POINT.usage_point,
      region: POINT.region,
      feeder: POINT.feeder,
      obis: 'OBIS code',
      kwh: 'energy of the month, exact',
      share: 'part of the energy of all usage points',
      full_days: 'days that are covered from end to end',
      estimated_intervals: 'intervals that were not measured',
      first_day: 'first day of the month that has intervals',
      last_day: 'last one',
    },
    `SELECT month, rank() OVER (PARTITION BY month, obis ORDER BY kwh DESC), usage_point, region, feeder, obis, kwh,
            round(kwh / nullif(sum(kwh) OVER (PARTITION BY month, obis), 0), 6), full_days, estimated, first_day, last_day
       FROM (${months}) months`,
  )

const loadCurve = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.load_curve',
    `How the power of usage points is spread over the hours of a week, by month, region and plan; other groups are made alike from analytics.hourly, where the blocks behind each value stand`,
    {
      month: MONTH,
      region: 'region',
      plan: 'tariff plan',
      obis: 'OBIS code',
      weekday: 'day of the week, 1 Monday to 7 Sunday',
      hour: 'hour of the zone’s clock, 0 to 23',
      points: 'usage points',
      hours: 'hours of usage points that the figures are made from',
      mean_kw: 'mean power of a usage point',
      p50_kw: 'half of the hours have this power or less: one of the values',
      p95_kw: '95 of 100 hours have this power or less: one of the values',
    },
    `SELECT ${MONTH_OF('day')}, region, plan, obis, weekday, hour, count(DISTINCT usage_point), count(*), round(avg(kw), 4),
            percentile_disc(0.5) WITHIN GROUP (ORDER BY kw), percentile_disc(0.95) WITHIN GROUP (ORDER BY kw)
       FROM analytics.hourly
      GROUP BY 1, region, plan, obis, weekday, hour`,
  )

/** A feeder's head is the usage point that bears the feeder's name. It stands in a feeder itself, that which it is supplied from: so
 *  balances of substation and feeders nest. */
const FEEDER_DAYS = `
  SELECT feeder, 'point' AS part, day, usage_point, obis, kwh, covered_seconds, expected_seconds, estimated_intervals
    FROM analytics.point_days
   WHERE feeder <> '' AND feeder <> usage_point
  UNION ALL
  SELECT usage_point, 'head', day, usage_point, obis, kwh, covered_seconds, expected_seconds, estimated_intervals
    FROM analytics.point_days
   WHERE usage_point IN (SELECT feeder FROM store.assignments)`

const IMPORTED = `obis ~ '^[0-9]+-[0-9]+:1\\.(8|29)\\.0[*]'`
const EXPORTED = `obis ~ '^[0-9]+-[0-9]+:2\\.(8|29)\\.0[*]'`
const sumOf = (part: string, which: string) => `coalesce(sum(kwh) FILTER (WHERE part = '${part}' AND ${which}), 0)`

const feederBalance = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.feeder_balance',
    'Energy that goes into a feeder and comes out of it, by day: the difference is lost or not measured. The head of a feeder is the usage point that bears its name; days are those of each usage point’s zone; the entries behind a row: those of analytics.point_days with this day and feeder, or the usage point of that name',
    {
      feeder: 'feeder',
      day: 'day of the usage points’ zones',
      delivered_kwh: 'imported through the head; null: there is no head, or it has no interval',
      generated_kwh: 'exported by the usage points',
      consumed_kwh: 'imported by the usage points',
      returned_kwh: 'exported through the head',
      losses_kwh: 'delivered + generated − consumed − returned; below 0: more was used than went in, so a meter is wrong',
      loss_ratio: 'losses ÷ (delivered + generated)',
      points: 'usage points, without the head',
      is_complete: 'whether head and usage points are covered from end to end: otherwise the losses are not those of the feeder',
      missing_hours: 'hours that are missing, of head and usage points together',
      estimated_intervals: 'intervals of head and usage points that were not measured',
    },
    `SELECT feeder, day, delivered, generated, consumed, returned, delivered + generated - consumed - returned,
            round((delivered + generated - consumed - returned) / nullif(delivered + generated, 0), 6), points, missing = 0 AND delivered IS NOT NULL,
            round(missing / 3600, 2), estimated
       FROM (SELECT feeder, day, sum(kwh) FILTER (WHERE part = 'head' AND ${IMPORTED}) AS delivered, ${sumOf('point', EXPORTED)} AS generated,
                    ${sumOf('point', IMPORTED)} AS consumed, ${sumOf('head', EXPORTED)} AS returned,
                    count(DISTINCT usage_point) FILTER (WHERE part = 'point') AS points,
                    coalesce(sum(greatest(expected_seconds - covered_seconds, 0)) FILTER (WHERE ${IMPORTED}), 0)::numeric AS missing,
                    sum(estimated_intervals)::int8 AS estimated
               FROM (${FEEDER_DAYS}) parts
              GROUP BY feeder, day) sums
      WHERE points > 0`,
  )
