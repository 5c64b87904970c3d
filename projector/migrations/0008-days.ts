import type { Kysely, Migration } from 'kysely'
import { allDays, ESTIMATED, FLAT, fullDays, intervalsOf, type Kept, ofDay, PERIODS, type Sums, seconds } from './0008-sources.js'
import { createView, replaceView } from './described.js'

/** Energy by usage point and local day, through exchanges of meters, and what is missing of it. */
export const days: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await dayViews(db, FLAT)
    await completeness(db)
  },
}

/** Those that read intervals. */
export async function dayViews(db: Kysely<unknown>, kept: Kept): Promise<void> {
  await intervals(db, kept)
  await daily(db, kept)
  await pointMeters(db, kept)
  await pointDays(db, kept)
  await hourly(db, kept)
  await gaps(db, kept)
}

export const POINT = {
  usage_point: 'usage point; consumption follows it through exchanges of its meter',
  zone: 'time zone of its days; UTC where this server does not know the one registered',
  region: 'region of the usage point',
  feeder: 'feeder of the usage point',
  plan: 'tariff plan at that time',
}
const POINT_COLUMNS = 'p.usage_point, p.zone, p.region, p.feeder, p.plan'
const NOT_AHEAD = 'Days later than one after the newest block are left out: see rule dated-ahead of vee_exceptions'

/** How the rows behind a sum are found. */
export const COMPANION = (from: string, to: string) =>
  `the entries behind a row: SELECT DISTINCT lane, height, entry FROM analytics.intervals WHERE usage_point = … AND obis = … AND interval_start >= ${from} AND interval_start < ${to}`

const intervals = (db: Kysely<unknown>, kept: Kept) =>
  replaceView(
    db,
    'analytics.intervals',
    'Interval data as it holds now: of each interval the newest revision; a correction stands for all that it overlaps',
    `SELECT p.meter_id AS meter, ${POINT_COLUMNS}, i.start AS interval_start, i.start + make_interval(secs => i.step) AS interval_end,
            i.step AS step_seconds, c.obis, store.unit_name(c.unit) AS unit, i.value * c.factor AS value,
            CASE c.unit WHEN 30 THEN i.value * c.factor * 0.001 END AS kwh, i.quality, i.sequence, i.lane, i.height, i.entry
       FROM ${intervalsOf(kept, 'quality', 'lane', 'height', 'entry')}
       JOIN store.channels c ON c.channel = i.channel`,
  )

const DAY_SUMS: Sums = {
  inner: `sum(i.value) AS total, count(*) AS intervals, sum(i.step) AS covered, count(*) FILTER (WHERE ${ESTIMATED}) AS estimated,
          min(i.height) AS first_height, max(i.height) AS last_height`,
  outer: `sum(g.total * c.factor * 0.001) AS kwh, sum(g.intervals)::int8 AS intervals, sum(g.covered)::int8 AS covered,
          sum(g.estimated)::int8 AS estimated, min(g.first_height) AS first_height, max(g.last_height) AS last_height`,
  more: ['quality', 'height'],
  isOfDay: true,
}

/** The length of a local day comes from the zone: 23 and 25 hours where clocks change. */
const daily = (db: Kysely<unknown>, kept: Kept) =>
  replaceView(
    db,
    'analytics.daily',
    `Energy of each meter, usage point and local day that has intervals; by usage point alone, and with days that have none: point_days. ${NOT_AHEAD}`,
    `SELECT d.day, p.meter_id AS meter, ${POINT_COLUMNS}, s.obis, s.kwh, s.intervals,
            round(${seconds('d.day_start', 'd.day_end')} * s.intervals / s.covered)::int8 AS expected_intervals,
            round(s.covered / ${seconds('d.day_start', 'd.day_end')}, 4) AS completeness, s.estimated AS estimated_intervals,
            p.lane, s.first_height, s.last_height
       FROM ${fullDays(kept, DAY_SUMS)}`,
  )

const pointMeters = (db: Kysely<unknown>, { bounds }: Kept) =>
  createView(
    db,
    'analytics.usage_point_meters',
    'Which meter measured which usage point when: exchanges, moves, changes of plan',
    {
      ...POINT,
      meter: 'the meter’s id',
      valid_from: 'start of the period',
      valid_to: 'end of the period, itself outside; infinity: until further notice',
      first_interval: 'start of the first interval that the meter sent of that time; null: none',
      last_interval: 'start of the last one',
      lane: 'lane of its readings',
      event: 'registry event that says so',
    },
    `SELECT ${POINT_COLUMNS}, p.meter_id, p.valid_from, p.valid_to, f.first, f.last, p.lane, p.event_index
       FROM ${PERIODS}
      CROSS JOIN ${bounds}`,
  )

/** Parts of a day that two meters measured are summed; `expected` of each is the part that it is answerable for. */
const pointDays = (db: Kysely<unknown>, kept: Kept) =>
  createView(
    db,
    'analytics.point_days',
    `Energy of each usage point and local day, through exchanges of its meter; days without any interval too, from the first interval of the point to the end of its last. ${NOT_AHEAD}; ${COMPANION('day_start', 'day_end')}`,
    {
      day: 'day of the usage point’s zone',
      ...POINT,
      obis: 'OBIS code: 1-0:1.29.0*255 active energy imported in each interval; of a day without intervals that of the newest one',
      kwh: 'sum of the day’s intervals, exact; null: there are none',
      intervals: 'intervals that are there',
      covered_seconds: 'how much of the day they cover',
      expected_seconds:
        'how much of the day is to be expected: all of its 23, 24 or 25 hours but for what is before the first and after the last interval of the point',
      completeness: 'covered ÷ expected',
      estimated_intervals: 'intervals with a quality of 8 to 13 or 16: not measured',
      day_start: 'start of the day',
      day_end: 'end of the day, itself outside',
      meters: 'meters that measured it, in the order of time',
      lanes: 'lane of each of these meters',
      first_heights: 'lowest height of each one’s blocks; null: no interval',
      last_heights: 'highest height of each one’s blocks',
    },
    `SELECT d.day, ${POINT_COLUMNS}, coalesce(s.obis, p.main_obis), sum(s.kwh), coalesce(sum(s.intervals), 0)::int8,
            coalesce(sum(s.covered), 0)::int8, sum(${seconds('d.from_at', 'd.to_at')})::int8,
            round(coalesce(sum(s.covered), 0) / sum(${seconds('d.from_at', 'd.to_at')}), 4), coalesce(sum(s.estimated), 0)::int8,
            d.day_start, d.day_end, array_agg(p.meter_id ORDER BY d.from_at, p.meter), array_agg(p.lane ORDER BY d.from_at, p.meter),
            array_agg(s.first_height ORDER BY d.from_at, p.meter), array_agg(s.last_height ORDER BY d.from_at, p.meter)
       FROM ${allDays(kept, DAY_SUMS)}
      WHERE s.obis IS NOT NULL OR p.main_unit = 30
      GROUP BY d.day, ${POINT_COLUMNS}, coalesce(s.obis, p.main_obis), d.day_start, d.day_end`,
  )

const HOUR_SUMS: Sums = {
  part: `date_trunc('hour', i.start, p.zone)`,
  inner: 'sum(i.value) AS total, sum(i.step) AS covered, min(i.height) AS first_height, max(i.height) AS last_height',
  outer: `g.part, sum(g.total * c.factor * 0.001) AS kwh, sum(g.covered)::int8 AS covered, min(g.first_height) AS first_height,
          max(g.last_height) AS last_height`,
  more: ['height'],
}

/** In a day of 25 hours one hour of the clock is there twice: two rows with the same local hour. */
const hourly = (db: Kysely<unknown>, kept: Kept) =>
  createView(
    db,
    'analytics.hourly',
    `Energy of each meter, usage point and hour; an interval belongs to the hour that it begins in; ${COMPANION('hour_start', "hour_start + interval '1 hour'")}`,
    {
      day: 'day of the usage point’s zone',
      hour: 'hour of the zone’s clock, 0 to 23',
      weekday: 'day of the week, 1 Monday to 7 Sunday',
      hour_start: 'start of the hour',
      meter: 'the meter’s id',
      ...POINT,
      obis: 'OBIS code',
      kwh: 'sum of the hour’s intervals, exact',
      kw: 'mean power of what is covered',
      covered_seconds: 'how much of the hour they cover',
      lane: 'lane of the blocks that they came in',
      first_height: 'lowest height of these blocks',
      last_height: 'highest height of these blocks',
    },
    `SELECT d.day, extract(hour FROM s.part AT TIME ZONE p.zone)::int2, extract(isodow FROM d.day)::int2, s.part, p.meter_id,
            ${POINT_COLUMNS}, s.obis, s.kwh, round(s.kwh * 3600 / s.covered, 6), s.covered, p.lane, s.first_height, s.last_height
       FROM ${fullDays(kept, HOUR_SUMS)}`,
  )

/** `expected`: seconds that are to be expected of a group, by which it is divided. */
export const completeness = (db: Kysely<unknown>, expected = 'sum(expected_seconds)') =>
  createView(
    db,
    'analytics.completeness',
    'How much of each day is there, by region and feeder; see point_days for the usage points, gaps for what is missing',
    {
      day: 'day of the usage points’ zones',
      region: 'region',
      feeder: 'feeder',
      obis: 'OBIS code',
      points: 'usage points of which something is to be expected',
      full_points: 'usage points whose day is covered from end to end',
      silent_points: 'usage points of which nothing is there',
      estimated_points: 'usage points with an interval that was not measured',
      completeness: 'covered ÷ expected time of all',
      missing_hours: 'hours that are missing, of all usage points together',
    },
    `SELECT day, region, feeder, obis, count(DISTINCT usage_point), count(*) FILTER (WHERE covered_seconds >= expected_seconds),
            count(*) FILTER (WHERE intervals = 0), count(*) FILTER (WHERE estimated_intervals > 0),
            round(sum(covered_seconds) / ${expected}, 4),
            round(sum(greatest(expected_seconds - covered_seconds, 0)) / 3600, 2)
       FROM analytics.point_days
      GROUP BY day, region, feeder, obis`,
  )

const GAP_OF = 'usage_point, zone, region, feeder, obis'

/** The gaps of one day: before each interval, and before the day's end. */
const gapPieces = (kept: Kept) => `
  SELECT p.usage_point, p.zone, p.region, p.feeder, coalesce(s.obis, p.main_obis) AS obis, p.meter_id, d.day, g.gap_from, g.gap_to
    FROM ${allDays(kept, { inner: 'sum(i.step) AS covered', outer: 'sum(g.covered) AS covered', more: [], isOfDay: true })}
   CROSS JOIN LATERAL (
     SELECT coalesce(max(e.ends) OVER (ORDER BY e.start, e.ends ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), d.from_at) AS gap_from,
            e.start AS gap_to
       FROM (SELECT i.start, i.start + make_interval(secs => i.step) AS ends
               FROM ${ofDay(kept)}
               JOIN store.channels c ON c.channel = i.channel AND c.obis = s.obis AND c.unit = 30
             UNION ALL SELECT d.to_at, d.to_at) e) g
   WHERE (p.main_unit = 30 OR s.obis IS NOT NULL) AND coalesce(s.covered, 0) < ${seconds('d.from_at', 'd.to_at')}
     AND g.gap_to > g.gap_from`

/** Looked for in days that are not full alone; a gap that lasts for days is one row. */
const gaps = (db: Kysely<unknown>, kept: Kept) =>
  createView(
    db,
    'analytics.gaps',
    `Time without intervals between the first and the last of a usage point, by OBIS code; ${COMPANION("gap_start - interval '1 day'", "gap_end + interval '1 day'")} gives what stands around it`,
    {
      usage_point: POINT.usage_point,
      zone: POINT.zone,
      region: POINT.region,
      feeder: POINT.feeder,
      obis: 'OBIS code',
      gap_start: 'end of the interval before',
      gap_end: 'start of the interval after',
      hours: 'length',
      first_day: 'local day in which it begins',
      last_day: 'local day in which it ends',
      meters: 'meters that were to measure it',
    },
    `SELECT usage_point, zone, region, feeder, obis, min(gap_from), max(gap_to), round(${seconds('min(gap_from)', 'max(gap_to)')} / 3600, 2), min(day), max(day),
            array_agg(DISTINCT meter_id ORDER BY meter_id)
       FROM (SELECT *, count(*) FILTER (WHERE is_new) OVER (PARTITION BY ${GAP_OF} ORDER BY gap_from, gap_to) AS gap
               FROM (SELECT *, gap_from IS DISTINCT FROM lag(gap_to) OVER (PARTITION BY ${GAP_OF} ORDER BY gap_from, gap_to) AS is_new
                       FROM (${gapPieces(kept)}) pieces) marked) counted
      GROUP BY ${GAP_OF}, gap`,
  )
