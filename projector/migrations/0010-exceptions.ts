import type { Kysely } from 'kysely'
import { fullDays, HORIZON, type Kept } from './0008-sources.js'
import { createView } from './described.js'

/** A row of a rule, in the order of the view's columns. */
const COLUMNS = [
  'rule',
  'usage_point',
  'meter',
  'region',
  'feeder',
  'obis',
  'begins_at',
  'ends_at',
  'kwh',
  'limit_kwh',
  'detail',
] as const
const ORIGIN = ['lane', 'height', 'entry'] as const
type Rule = Readonly<Record<(typeof COLUMNS)[number] | (typeof ORIGIN)[number], string>>
const select = (rule: Rule) => [...COLUMNS, ...ORIGIN].map((column) => `${rule[column]} AS ${column}`).join(', ')
const NONE = 'NULL::'

const POINT = { usage_point: 'usage_point', region: 'region', feeder: 'feeder', obis: 'obis' }
const NO_ORIGIN = { lane: `${NONE}int2`, height: `${NONE}int8`, entry: `${NONE}int2` }
const OWN_ORIGIN = { lane: 'lane', height: 'height', entry: 'entry' }

const MISSING = `SELECT ${select({
  ...{ ...POINT, ...NO_ORIGIN, rule: `'missing'`, meter: 'meters[1]', begins_at: 'gap_start', ends_at: 'gap_end' },
  ...{ kwh: `${NONE}numeric`, limit_kwh: `${NONE}numeric`, detail: `hours || ' h without intervals'` },
})} FROM analytics.gaps`

/** Whole days alone: a house may use nothing at night. Days that follow one another are one run. */
const zeroRun = (zeroDays: string) => `SELECT ${select({
  ...{
    ...POINT,
    rule: `'zero-run'`,
    meter: '(array_agg(meter ORDER BY day))[1]',
    begins_at: 'min(day_start)',
    ends_at: 'max(day_end)',
  },
  ...{ kwh: '0::numeric', limit_kwh: `${NONE}numeric`, detail: `count(*) || ' days in which every interval is 0'` },
  ...{ lane: '(array_agg(lane ORDER BY day))[1]', height: 'min(height)', entry: `${NONE}int2` },
})}
  FROM (SELECT usage_point, region, feeder, obis, day, day_start, day_end, meters[1] AS meter, lanes[1] AS lane, first_heights[1] AS height,
               day - (row_number() OVER (PARTITION BY usage_point, region, feeder, obis ORDER BY day))::int AS run
          FROM ${zeroDays}) zero_days
 GROUP BY usage_point, region, feeder, obis, run`

const ZERO_DAYS = `analytics.point_days
         WHERE kwh = 0 AND obis ~ ':1[.](8|29)[.]0[*]'`

/** Highest more than 2.8 times the third-highest of the day: 180 % above it, as is usual in this field. */
const spike = (kept: Kept) => `SELECT ${select({
  ...{
    rule: `'spike'`,
    usage_point: 'p.usage_point',
    meter: 'p.meter_id',
    region: 'p.region',
    feeder: 'p.feeder',
    obis: 's.obis',
  },
  ...{ begins_at: 's.start', ends_at: 's.start + make_interval(secs => s.step)', kwh: 's.top[1]', limit_kwh: 's.top[3] * 2.8' },
  ...{
    detail: `'the third-highest of the day is ' || trim_scale(s.top[3]) || ' kWh'`,
    lane: 'p.lane',
    height: 's.height',
    entry: 's.entry',
  },
})}
  FROM ${fullDays(kept, {
    inner: `(array_agg(i.value ORDER BY i.value DESC, i.start))[1:3] AS top, (array_agg(i.start ORDER BY i.value DESC, i.start))[1] AS start,
            (array_agg(i.step ORDER BY i.value DESC, i.start))[1] AS step, (array_agg(i.height ORDER BY i.value DESC, i.start))[1] AS height,
            (array_agg(i.entry ORDER BY i.value DESC, i.start))[1] AS entry`,
    outer: `max(g.start) AS start, max(g.step) AS step, max(g.height) AS height, max(g.entry) AS entry, count(*) AS channels,
            ARRAY[max(g.top[1] * c.factor * 0.001), max(g.top[2] * c.factor * 0.001), max(g.top[3] * c.factor * 0.001)] AS top`,
    more: ['height', 'entry'],
  })}
 WHERE s.channels = 1 AND s.top[3] > 0 AND s.top[1] > s.top[3] * 2.8`

const USE = { ...POINT, ...OWN_ORIGIN, meter: 'meter', begins_at: 'previous_at', ends_at: 'read_at' }
const SUM_CHECK = `SELECT ${select({
  ...{ ...USE, rule: `'sum-check'`, kwh: 'used_kwh', limit_kwh: 'interval_kwh' },
  detail: `'the register counted ' || trim_scale(difference_kwh) || ' kWh more than the intervals'`,
})} FROM analytics.register_use WHERE abs(difference_kwh) > resolution_kwh`
const ROLLOVER = `SELECT ${select({
  ...{ ...USE, rule: `'rollover'`, kwh: 'used_kwh', limit_kwh: `${NONE}numeric` },
  detail: `'from ' || trim_scale(previous_kwh) || ' to ' || trim_scale(kwh) || ' kWh'`,
})} FROM analytics.register_use WHERE rolled_over`
const REGISTER_BACK = `SELECT ${select({
  ...{ ...USE, rule: `'register-back'`, kwh: 'used_kwh', limit_kwh: '0::numeric' },
  detail: `'from ' || trim_scale(previous_kwh) || ' to ' || trim_scale(kwh) || ' kWh'`,
})} FROM analytics.register_use WHERE used_kwh < 0`

const SAME_READING = 'meter, usage_point, region, feeder, total, previous_at, read_at'

/** By what they counted, not by what they show: tariff registers may be younger than the total. Each may have cut off up to its resolution. */
const TARIFFS = `SELECT ${select({
  ...{
    usage_point: 't.usage_point',
    region: 't.region',
    feeder: 't.feeder',
    obis: 't.obis',
    rule: `'tariff-sum'`,
    meter: 't.meter',
  },
  ...{ begins_at: 't.previous_at', ends_at: 't.read_at', kwh: 't.tariffs_kwh', limit_kwh: 't.used_kwh' },
  ...{
    detail: `t.tariffs || ' tariff registers counted ' || trim_scale(t.tariffs_kwh - t.used_kwh) || ' kWh more than the total'`,
  },
  ...{ lane: 't.lane', height: 't.height', entry: 't.entry' },
})}
  FROM (SELECT u.*, sum(used_kwh) FILTER (WHERE is_tariff) OVER (PARTITION BY ${SAME_READING}) AS tariffs_kwh,
               sum(resolution_kwh) FILTER (WHERE is_tariff) OVER (PARTITION BY ${SAME_READING}) AS tolerance,
               count(*) FILTER (WHERE is_tariff) OVER (PARTITION BY ${SAME_READING}) AS tariffs
          FROM (SELECT *, regexp_replace(obis, '[.]8[.][0-9]+[*]', '.8.0*') AS total, obis ~ '[.]8[.]([1-9]|[1-5][0-9]|6[0-3])[*]' AS is_tariff
                  FROM analytics.register_use) u) t
 WHERE t.obis ~ '[.]8[.]0[*]' AND abs(t.tariffs_kwh - t.used_kwh) > t.tolerance`

/** A minute ahead of the proposer's clock, which may itself be ahead of others by a few seconds. */
const CLOCK = `SELECT ${select({
  ...{
    rule: `'clock-ahead'`,
    usage_point: 'p.usage_point',
    meter: 'k.meter',
    region: 'p.region',
    feeder: 'p.feeder',
    obis: `${NONE}text`,
  },
  ...{
    begins_at: `k.day::timestamp AT TIME ZONE 'UTC'`,
    ends_at: `(k.day + 1)::timestamp AT TIME ZONE 'UTC'`,
    kwh: `${NONE}numeric`,
  },
  ...{ limit_kwh: `${NONE}numeric`, detail: `'its clock is ' || trim_scale(-k.least_seconds) || ' s or more ahead'` },
  ...{ lane: 'k.lane', height: 'k.height', entry: 'k.entry' },
})}
  FROM analytics.clocks k
  JOIN store.meters m ON m.meter = k.meter
  JOIN store.assignments p ON p.meter = m.number AND p.valid_from <= k.day::timestamp AT TIME ZONE 'UTC' AND k.day::timestamp AT TIME ZONE 'UTC' < p.valid_to
 WHERE k.least_seconds < -60`

/** By the newest interval of each meter alone, which the index tells. */
const AHEAD = `SELECT ${select({
  ...{ ...POINT, ...NO_ORIGIN, rule: `'dated-ahead'`, meter: 'meter', obis: `${NONE}text`, lane: 'lane' },
  ...{ begins_at: 'last_interval', ends_at: 'last_interval', kwh: `${NONE}numeric`, limit_kwh: `${NONE}numeric` },
  detail: `'its newest interval begins more than a day after the newest block'`,
})} FROM analytics.usage_point_meters WHERE last_interval > ${HORIZON}`

/** `zeroDays`: days of energy imported that is 0, in the columns of analytics.point_days. */
export const exceptions = (db: Kysely<unknown>, kept: Kept, zeroDays = ZERO_DAYS) =>
  createView(
    db,
    'analytics.vee_exceptions',
    'What validation (VEE) finds fault with; nothing is changed by it. A filter on rule or usage_point makes it fast',
    {
      rule: 'missing: no intervals; zero-run: whole days of 0; spike: an interval above 2.8 times the third-highest of its day; sum-check: register and intervals differ by more than the register’s resolution; tariff-sum: tariff registers and total differ by more than their resolution; rollover: a register started again from 0; register-back: a register went back; clock-ahead: the meter’s clock is a minute ahead or more; dated-ahead: intervals that begin more than a day after the newest block, which views by day leave out',
      usage_point: 'usage point',
      meter: 'the meter’s id; of several the first',
      region: 'region of the usage point',
      feeder: 'feeder of the usage point',
      obis: 'OBIS code; null: it is about no value',
      begins_at: 'start of the time that it is about',
      ends_at: 'end of it',
      kwh: 'what was found: energy of the spike, or what the registers counted; null: it is no energy',
      limit_kwh: 'what it was held against',
      detail: 'in words',
      lane: 'lane of the block that shows it; null: nothing is there to show',
      height: 'height of that block; zero-run: of the first',
      entry: 'its entry, from 0; null: all of a day',
    },
    [MISSING, zeroRun(zeroDays), spike(kept), SUM_CHECK, TARIFFS, ROLLOVER, REGISTER_BACK, CLOCK, AHEAD].join('\nUNION ALL\n'),
  )
