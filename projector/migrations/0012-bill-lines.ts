/** The lines of bills as one statement, by the rules of schemas/SPEC.md, section 18, which schemas/tariff/ has in TypeScript: tests
 *  hold the two against each other.
 *
 *  Nothing here asks PostgreSQL for a time zone: local time is UTC plus an offset of the registry, in timestamps without a zone. What
 *  changes with time (offsets, signals, seasons) stands in sorted arrays, in which width_bucket finds a moment by halving: one pass
 *  over the intervals, and a condition on usage_point or month reaches their index. */

/** How intervals are kept: what differs between flat and packed rows. */
export interface KeptForBills {
  /** Joined to `p`, `v`: intervals `i` and their channel `c`. */
  intervals(when: When): string
  /** Whether an interval `i` is the newest with its meter, OBIS code and start. */
  isNewest(when: When): string
  /** Joined to `r`, a message that revises another: `n`, what it gives, with `ends` as SQL. */
  readonly ofMessage: { readonly join: string; readonly ends: string }
}

/** Now, or as of `as_of_time` and for `of_point` alone (null: all), parameters of a function. */
export type When = 'now' | 'as of'

const UTC = `('UTC', 'Etc/UTC')`
const versioned = (kinds: string, when: When) => `
  SELECT *, lead(valid_from, 1, 'infinity') OVER (PARTITION BY plan ORDER BY valid_from) AS valid_to
    FROM (SELECT DISTINCT ON (plan, valid_from) * FROM store.tariffs
           WHERE kind IN (${kinds}) ${when === 'now' ? '' : 'AND event_index < (SELECT size FROM known)'}
           ORDER BY plan, valid_from, event_index DESC) newest`

const CUTS = `
  cuts AS MATERIALIZED (SELECT lane, max(height) AS height FROM ledger.blocks WHERE final_at <= as_of_time GROUP BY lane),
  known AS MATERIALIZED (
    SELECT CASE WHEN as_of_time = 'infinity' THEN 9223372036854775807
                ELSE (SELECT coalesce(max(registry_size), 0) FROM ledger.blocks WHERE final_at <= as_of_time) END AS size),`

const PERIODS: Record<When, string> = {
  now: 'SELECT meter, valid_from, valid_to, usage_point, zone, plan FROM store.assignments',
  'as of': `
    SELECT * FROM (
      SELECT meter, valid_from, lead(valid_from, 1, 'infinity') OVER (PARTITION BY meter ORDER BY valid_from) AS valid_to,
             usage_point, zone, plan
        FROM (SELECT DISTINCT ON (meter, valid_from) *
                FROM (SELECT meter, valid_from, usage_point, zone, plan, event_index FROM store.assignments
                      UNION ALL
                      SELECT meter, valid_from, usage_point, zone, plan, event_index FROM store.past_assignments) facts
               WHERE event_index < (SELECT size FROM known)
                 AND (of_point IS NULL OR meter IN (SELECT meter FROM store.assignments WHERE usage_point = of_point
                                                    UNION SELECT meter FROM store.past_assignments WHERE usage_point = of_point))
               ORDER BY meter, valid_from, event_index DESC) newest) periods
     WHERE of_point IS NULL OR usage_point = of_point`,
}

/** Small: a few rows for each plan, time zone and signal. */
const documents = (when: When) => `
  plans AS MATERIALIZED (
    SELECT v.*,
           (SELECT count(*) FROM store.tariff_zones z WHERE z.event_index = v.event_index) AS zone_count,
           (SELECT array_agg(DISTINCT first_day ORDER BY first_day) FROM store.tariff_days d
             WHERE d.event_index = v.event_index) AS first_days,
           (SELECT array_agg(date '1970-01-01' + day ORDER BY day) FROM store.tariff_holidays h
             WHERE h.event_index = v.event_index) AS holidays
      FROM (${versioned(`'interval-plan', 'register-plan'`, when)}) v),
  spans AS MATERIALIZED (
    SELECT v.plan AS zone, greatest(o.valid_from, v.valid_from) AS valid_from, least(o.valid_to, v.valid_to) AS valid_to,
           make_interval(secs => o.utc_offset) AS utc_offset
      FROM (${versioned(`'time-zone'`, when)}) v
      JOIN store.zone_offsets o ON o.event_index = v.event_index AND o.valid_from < v.valid_to AND o.valid_to > v.valid_from
     WHERE v.plan NOT IN ${UTC}
    UNION ALL
    SELECT zone, 'epoch', 'infinity', interval '0' FROM (VALUES ('UTC'), ('Etc/UTC')) utc (zone)),
  offsets AS MATERIALIZED (
    SELECT zone, array_agg(valid_from ORDER BY valid_from) AS starts, array_agg(utc_offset ORDER BY valid_from) AS utc_offsets
      FROM spans GROUP BY zone),
  said AS MATERIALIZED (
    SELECT t.plan, t.event_index, min(s.valid_from) AS first, max(s.valid_to) AS last
      FROM store.tariffs t JOIN store.tariff_signals s ON s.event_index = t.event_index
     ${when === 'now' ? '' : 'WHERE t.event_index < (SELECT size FROM known)'}
     GROUP BY t.plan, t.event_index),
  signals AS MATERIALIZED (
    SELECT plan, array_agg(at ORDER BY at) AS starts, array_agg(zone ORDER BY at) AS zones
      FROM (SELECT p.plan, p.at,
                   (SELECT s.zone FROM said e
                     CROSS JOIN LATERAL (SELECT zone, valid_to FROM store.tariff_signals r
                                          WHERE r.event_index = e.event_index AND r.valid_from <= p.at
                                          ORDER BY r.valid_from DESC LIMIT 1) s
                     WHERE e.plan = p.plan AND e.first <= p.at AND p.at < e.last AND p.at < s.valid_to
                     ORDER BY e.event_index DESC LIMIT 1) AS zone
              FROM (SELECT e.plan, r.valid_from AS at FROM said e JOIN store.tariff_signals r ON r.event_index = e.event_index
                    UNION
                    SELECT e.plan, r.valid_to FROM said e JOIN store.tariff_signals r ON r.event_index = e.event_index) p) points
     GROUP BY plan)`

/** Of rows with one meter, OBIS code and time: whether another holds. As in analytics.intervals and registers. */
const newer = (table: string, time: string, of: string, when: When, ...rest: string[]) => {
  const order = (row: string) => ['sequence', 'channel', 'value', ...rest, 'ctid'].map((column) => `${row}.${column}`).join(', ')
  return `EXISTS (SELECT FROM store.${table} n
           WHERE n.meter = ${of}.meter AND n.${time} = ${of}.${time} AND n.channel >> 16 = ${of}.channel >> 16
             ${when === 'now' ? '' : 'AND n.height <= cuts.height'} AND (${order('n')}) > (${order(of)}))`
}
export const cut = (of: string, when: When) =>
  when === 'now' ? '' : `JOIN cuts ON cuts.lane = ${of}.lane AND ${of}.height <= cuts.height`

/** Intervals of messages that revise another: few, so they are looked up once. */
const revising = (when: When, { ofMessage }: KeptForBills) => `
  revising AS MATERIALIZED (
    SELECT n.meter, n.sequence, n.channel >> 16 AS code, n.start, ${ofMessage.ends} AS ends
      FROM store.readings r ${cut('r', when)}
      JOIN ${ofMessage.join} ON n.meter = r.meter AND n.sequence = r.sequence
       AND n.lane = r.lane AND n.height = r.height AND n.entry = r.entry
     WHERE r.revises IS NOT NULL)`
const CORRECTED = `EXISTS (SELECT FROM revising r
           WHERE r.meter = i.meter AND r.sequence > i.sequence AND r.code = i.channel >> 16
             AND r.start < i.start + make_interval(secs => i.step) AND r.ends > i.start)`
/** ESPI: estimated, interpolated, questionable, derived, projected, mixed, other. */
const ESTIMATED = '(i.quality BETWEEN 8 AND 13 OR i.quality = 16)'
const ENERGY = 'i.value * c.factor * 0.001'
const local = (at: string) => `
      LEFT JOIN offsets o ON o.zone = p.zone
      CROSS JOIN LATERAL (
        SELECT ${at} AT TIME ZONE 'UTC' + coalesce(o.utc_offsets[width_bucket(${at}, o.starts)], interval '0') AS time,
               coalesce(width_bucket(${at}, o.starts), 0) > 0 AS is_published OFFSET 0) l`
const versionsOf = (kind: string) => `
      JOIN plans v ON v.plan = p.plan AND v.kind = '${kind}' AND v.valid_from < p.valid_to AND v.valid_to > p.valid_from`
/** Start and end of the time in which a version `v` holds for a period `p`. */
export const FROM = 'greatest(p.valid_from, v.valid_from)'
export const TO = 'least(p.valid_to, v.valid_to)'
const within = (at: string) => `${at} >= ${FROM} AND ${at} < ${TO}`
const KEY = `p.usage_point, date_trunc('month', l.time)::date AS month, p.plan, v.event_index`

export const FLAT_FOR_BILLS: KeptForBills = {
  intervals: (when) => `
      JOIN store.intervals i ON i.meter = p.meter AND ${within('i.start')}
      ${cut('i', when)}
      JOIN store.channels c ON c.channel = i.channel AND c.obis = v.measures`,
  isNewest: (when) => `NOT ${newer('intervals', 'start', 'i', when, 'step', 'quality')}`,
  ofMessage: { join: 'store.intervals n', ends: 'n.start + make_interval(secs => n.step)' },
}

const intervalSums = (when: When, { intervals, isNewest }: KeptForBills) => `
    SELECT ${KEY}, z.zone,
           sum(${ENERGY}) FILTER (WHERE c.unit = 30) AS kwh,
           sum(${ENERGY}) FILTER (WHERE c.unit = 30 AND ${ESTIMATED}) AS estimated_kwh,
           count(*) FILTER (WHERE c.unit = 30) AS measured, sum(i.step) FILTER (WHERE c.unit = 30) AS covered,
           NOT bool_and(l.is_published) AS lacks_zone, bool_or(c.unit <> 30) AS has_wrong_unit, false AS has_fallen, min(p.zone COLLATE "C") AS time_zone
      FROM periods p ${versionsOf('interval-plan')}${intervals(when)}
      ${local('i.start')}
      LEFT JOIN signals s ON s.plan = p.plan AND v.signal = 1
      CROSS JOIN LATERAL (
        SELECT l.time::date AS day, s.zones[width_bucket(i.start, s.starts)] AS signalled,
               date_part('month', l.time)::int4 * 100 + date_part('day', l.time)::int4 AS month_day OFFSET 0) m
      JOIN store.tariff_days d ON d.event_index = v.event_index AND d.season = width_bucket(m.month_day::int2, v.first_days) - 1
       AND d.weekday = (m.day - date '1970-01-01' + 3) % 7 + 1
       AND d.holiday = coalesce(v.holidays[width_bucket(m.day, v.holidays)] = m.day, false)::int4
      CROSS JOIN LATERAL (
        SELECT CASE WHEN m.signalled < v.zone_count THEN m.signalled
                    ELSE get_byte(d.zones, date_part('hour', l.time)::int4 * 60 + date_part('minute', l.time)::int4) END AS zone
        OFFSET 0) z
     WHERE ${isNewest(when)} AND NOT ${CORRECTED}
     GROUP BY 1, 2, 3, 4, 5`

/** A difference belongs, like an interval, to where it begins. */
const registerSums = (when: When) => `
    SELECT ${KEY}, z.zone,
           sum(d.kwh) FILTER (WHERE d.is_energy AND d.kwh >= 0), 0::numeric,
           count(*) FILTER (WHERE d.is_energy AND d.kwh >= 0), NULL::int8,
           NOT bool_and(l.is_published), NOT bool_and(d.is_energy), bool_or(d.is_energy AND d.kwh < 0), min(p.zone COLLATE "C")
      FROM periods p ${versionsOf('register-plan')}
      JOIN store.tariff_zones z ON z.event_index = v.event_index
      JOIN store.registers i ON i.meter = p.meter AND ${within('i.at')}
      ${cut('i', when)}
      JOIN store.channels c ON c.channel = i.channel AND c.obis = z.register
      ${local('i.at')}
      CROSS JOIN LATERAL (
        SELECT (x.value * y.factor - i.value * c.factor) * 0.001 AS kwh, c.unit = 30 AND y.unit = 30 AS is_energy
          FROM store.registers x JOIN store.channels y ON y.channel = x.channel
         WHERE x.meter = i.meter AND x.at > i.at AND x.channel >> 16 = i.channel >> 16
           ${when === 'now' ? '' : 'AND x.height <= cuts.height'} AND NOT ${newer('registers', 'at', 'x', when)}
         ORDER BY x.at LIMIT 1) d
     WHERE NOT ${newer('registers', 'at', 'i', when)}
     GROUP BY 1, 2, 3, 4, 5`

/** Days of the bill's month at whose first moment a meter was at the point under a plan with a standing charge. A moment of which no
 *  offset is published is one of UTC. */
const STANDING = `
      SELECT p.plan, v.event_index, NULL::int4, NULL::numeric, NULL::numeric, count(DISTINCT g.day), NULL::int8
        FROM periods p JOIN plans v ON v.plan = p.plan AND v.standing <> 0
       CROSS JOIN generate_series(0, 30) AS days (number)
       CROSS JOIN LATERAL (SELECT b.month + days.number AS day OFFSET 0) g
       CROSS JOIN LATERAL (
         SELECT min(greatest(t.valid_from, (g.day::timestamp - t.utc_offset) AT TIME ZONE 'UTC')) AS at
           FROM (SELECT valid_from, valid_to, utc_offset FROM spans WHERE zone = p.zone
                 UNION ALL
                 SELECT 'epoch', coalesce((SELECT starts[1] FROM offsets WHERE zone = p.zone), 'infinity'), interval '0') t
          WHERE (g.day::timestamp - t.utc_offset) AT TIME ZONE 'UTC' < t.valid_to
            AND ((g.day + 1)::timestamp - t.utc_offset) AT TIME ZONE 'UTC' > t.valid_from AND t.valid_from < t.valid_to) start
       WHERE p.usage_point = b.usage_point AND g.day < (b.month + interval '1 month')::date AND ${within('start.at')}
       GROUP BY p.plan, v.event_index`

/** Statement that gives the lines; its columns are those of analytics.bill_lines. */
export const billLines = (when: When, kept: KeptForBills) => `
  WITH ${when === 'now' ? '' : CUTS}
  periods AS NOT MATERIALIZED (${PERIODS[when]}),
  ${documents(when)},
  ${revising(when, kept)}
  SELECT b.usage_point, b.month, a.plan, a.event_index, a.zone::int2, coalesce(z.name, 'standing'), a.kwh, a.estimated_kwh,
         a.measured, a.covered, w.seconds, q.price * q.unit, round(coalesce(a.kwh, a.measured) * q.price * q.unit, v.decimals), v.currency,
         array_remove(ARRAY[CASE WHEN b.has_fallen THEN 'register-fell' END,
                            CASE WHEN b.lacks_zone THEN 'time-zone-not-published' END,
                            CASE WHEN b.has_wrong_unit THEN 'wrong-unit' END], NULL)
    FROM (SELECT usage_point, month, bool_or(lacks_zone) AS lacks_zone, bool_or(has_wrong_unit) AS has_wrong_unit,
                 bool_or(has_fallen) AS has_fallen, min(time_zone) AS time_zone,
                 array_agg(ROW(plan, event_index, zone, kwh, coalesce(estimated_kwh, 0), measured, covered)::store.bill_sum)
                   FILTER (WHERE measured > 0) AS sums
            FROM (${intervalSums(when, kept)} UNION ALL ${registerSums(when)}) sums
           GROUP BY usage_point, month) b
   CROSS JOIN LATERAL (
      SELECT * FROM unnest(b.sums)
      UNION ALL
      SELECT * FROM (${STANDING}) charged WHERE b.sums IS NOT NULL) a
    JOIN plans v ON v.event_index = a.event_index
    LEFT JOIN store.tariff_zones z ON z.event_index = a.event_index AND z.zone = a.zone
   CROSS JOIN LATERAL (
      SELECT coalesce(z.price, v.standing)::numeric AS price, (10::numeric ^ v.price_scaler)::numeric(20, 9) AS unit) q
   CROSS JOIN LATERAL (
      SELECT extract(epoch FROM e.last - e.first - (e.last_offset - e.first_offset))::int8 AS seconds
        FROM (SELECT first, last,
                     coalesce((SELECT utc_offsets[width_bucket(first, starts)] FROM offsets WHERE zone = b.time_zone), interval '0') AS first_offset,
                     coalesce((SELECT utc_offsets[width_bucket(last, starts)] FROM offsets WHERE zone = b.time_zone), interval '0') AS last_offset
                FROM (SELECT b.month::timestamp AT TIME ZONE 'UTC' AS first,
                             (b.month + interval '1 month') AT TIME ZONE 'UTC' AS last) bounds) e) w`
