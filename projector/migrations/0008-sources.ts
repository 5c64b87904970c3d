/** What the views of 0008 and after are made from: SQL for FROM clauses. Like a migration that has run, never changed: how intervals are
 *  kept is given (here as flat rows, since 0013 packed), what is asked of them stays.
 *
 *  One lateral look-up a meter, or a meter and local day, over the index (meter, start): a filter on usage point, feeder, region, plan
 *  or day cuts the look-ups, and a look-up sorts some hundred rows at most to find the newest of each interval. Of 1.27 million rows
 *  (London, 2013) it takes 0.7 s of CPU for all, where a NOT EXISTS for each row took 3.3 s. */

/** `p`: which meter measured which usage point when, with the zone of its days and what corrections the meter sent in that time. */
export const PERIODS = `(
  SELECT a.meter, m.meter AS meter_id, m.lane, a.valid_from, a.valid_to, a.usage_point, coalesce(z.zone, 'UTC') AS zone, a.region,
         a.feeder, a.plan, a.event_index
    FROM store.assignments a
    JOIN store.meters m ON m.number = a.meter
    LEFT JOIN store.zones z ON z.zone = a.zone) p`

/** How intervals are kept: what differs between flat and packed rows. */
export interface Kept {
  /** `k`, lateral to `p`: what the corrections of its meter supersede, as parallel arrays. */
  readonly corrections: string
  /** `i`: intervals of the meter of `p` that begin in a time, as they hold now. `more`: columns beside channel, start, step, value and
   *  sequence. `k`: the alias that has what `k` has. */
  newest(from: string, to: string, more: readonly string[], k?: string): string
  /** Energy of a day of `d` by channel, channel, total, intervals, covered (seconds), estimated, first_height and last_height; none: summed by interval. */
  readonly ofDay?: string
  /** Lateral to `p`: start of its first interval. */
  readonly first: string
  /** Lateral to `p`: end and channel of its last interval. */
  readonly last: string
  /** Joined to `r`, a message: its intervals `n`, with the condition that they are of it. */
  readonly intervalsOfCorrection: string
  /** `o`: intervals, of which those with the meter and start of `n` are wanted. */
  readonly intervalsAt: string
  /** Lateral to `p`, of `store.assignments`: starts of its first and last interval, as `first` and `last`. */
  readonly bounds: string
}

/** `k`: what the corrections of the meter of `p` supersede: parallel arrays, null where there are none, which one look-up in a small
 *  index tells. It must stand where it is made once for each `p`, not for each day or interval. */
const CORRECTIONS = `LATERAL (
  SELECT array_agg(n.channel >> 16) AS channels, array_agg(n.sequence) AS sequences, array_agg(n.start) AS starts,
         array_agg(n.start + make_interval(secs => n.step)) AS ends
    FROM store.readings r
    JOIN store.intervals n ON n.meter = r.meter AND n.sequence = r.sequence
   WHERE r.meter = p.meter AND r.revises IS NOT NULL
     AND EXISTS (SELECT FROM store.readings x WHERE x.meter = p.meter AND x.revises IS NOT NULL)) k`

/** The order by which of one interval's rows the first holds: that of `analytics.interval_revisions`. */
const NEWEST_FIRST = 'r.sequence DESC, r.channel DESC, r.value DESC, r.step DESC, r.quality DESC, r.ctid DESC'

/** `i`: intervals of the meter of `p` that begin in a time, as they hold now. `more`: columns beside channel, start, step,
 *  value and sequence. That the inner rows name `k` keeps the planner from making it anew for each of them. */
const newest = (from: string, to: string, more: readonly string[], k = 'k') => `(
  SELECT o.* FROM (
    SELECT DISTINCT ON (r.start, r.channel >> 16) ${['start', 'channel', 'step', 'value', 'sequence', ...more].map((c) => `r.${c}`).join(', ')},
           ${k}.starts IS NOT NULL AS may_be_corrected
      FROM store.intervals r
     WHERE r.meter = p.meter AND r.start >= ${from} AND r.start < ${to}
     ORDER BY r.start, r.channel >> 16, ${NEWEST_FIRST}) o
   WHERE NOT o.may_be_corrected OR NOT EXISTS (
         SELECT FROM unnest(${k}.channels, ${k}.sequences, ${k}.starts, ${k}.ends) c(channel, sequence, start, ends)
          WHERE c.channel = o.channel >> 16 AND c.sequence > o.sequence AND c.start < o.start + make_interval(secs => o.step)
            AND c.ends > o.start)) i`

export const FLAT: Kept = {
  corrections: CORRECTIONS,
  newest,
  first: `LATERAL (SELECT min(i.start) AS first_start FROM store.intervals i
                         WHERE i.meter = p.meter AND i.start >= p.valid_from AND i.start < p.valid_to) f`,
  last: `LATERAL (SELECT i.start + make_interval(secs => i.step) AS last_end, i.channel AS last_channel FROM store.intervals i
                        WHERE i.meter = p.meter AND i.start >= p.valid_from AND i.start < p.valid_to
                        ORDER BY i.start DESC, i.channel LIMIT 1) l`,
  intervalsOfCorrection:
    'store.intervals n ON n.meter = r.meter AND n.sequence = r.sequence AND n.lane = r.lane AND n.height = r.height AND n.entry = r.entry',
  intervalsAt: 'store.intervals o',
  bounds: `LATERAL (SELECT min(i.start) AS first, max(i.start) AS last FROM store.intervals i
                           WHERE i.meter = p.meter AND i.start >= p.valid_from AND i.start < p.valid_to) f`,
}

/** `p`, `k`: periods, with what their corrections supersede. */
export const correctedPeriods = ({ corrections }: Kept) => `${PERIODS} CROSS JOIN ${corrections}`

/** `p`, `k`, `i`: all intervals. */
export const intervalsOf = (kept: Kept, ...more: readonly string[]) =>
  `${correctedPeriods(kept)} CROSS JOIN LATERAL ${kept.newest('p.valid_from', 'p.valid_to', more)}`

/** What is dated later than a day after the newest block is not looked at by days: one meter with a wrong year must not cost millions of
 *  look-ups. Rule `dated-ahead` tells of it. */
export const HORIZON = `(SELECT coalesce(max(final_at) + interval '1 day', 'infinity') FROM ledger.blocks)`

/** `p`, with what `k` has, and with the time in which something is to be expected of its usage point (from the first interval of any of its meters to the end
 *  of the last), and the channel that a day without any interval lacks. A point without intervals has no such time. */
export const seen = ({ first, last, corrections }: Kept) => `(
  SELECT *, greatest(valid_from, min(first_start) OVER point) AS seen_from, main.obis AS main_obis, main.unit AS main_unit,
         CASE WHEN min(first_start) OVER point IS NULL THEN valid_from
              ELSE least(valid_to, max(last_end) OVER point, ${HORIZON}) END AS seen_to
    FROM ${PERIODS}
    CROSS JOIN ${first}
    LEFT JOIN ${last} ON true
    LEFT JOIN store.channels main ON main.channel = l.last_channel
    CROSS JOIN ${corrections}
  WINDOW point AS (PARTITION BY usage_point)) p`

/** `p`, `d`: the local days of that time; `d.day_start` to `d.day_end` is the day, `d.from_at` to `d.to_at` what of it the meter
 *  of `p` is answerable for. A day has 23, 24 or 25 hours. */
const days = (kept: Kept) => `${seen(kept)}
 CROSS JOIN LATERAL (
   SELECT day, day_start, day_end, greatest(p.seen_from, day_start) AS from_at, least(p.seen_to, day_end) AS to_at
     FROM (SELECT day, day::timestamp AT TIME ZONE p.zone AS day_start, (day + 1)::timestamp AT TIME ZONE p.zone AS day_end
             FROM (SELECT (p.seen_from AT TIME ZONE p.zone)::date + n AS day
                     FROM generate_series(0, (p.seen_to AT TIME ZONE p.zone)::date - (p.seen_from AT TIME ZONE p.zone)::date) n) dates) bounds
    WHERE least(p.seen_to, day_end) > greatest(p.seen_from, day_start)) d`

/** `i`: the intervals of a day of `d` as they hold now. */
export const ofDay = (kept: Kept, ...more: readonly string[]) => kept.newest('d.from_at', 'd.to_at', more, 'p')

export interface Sums {
  /** Sums over the intervals `i` of a channel. */
  readonly inner: string
  /** The same over channels `g` and `c`, for an OBIS code whose scaler changed meanwhile. */
  readonly outer: string
  /** Columns of intervals that they need, beside start, channel, step, value and sequence. */
  readonly more: readonly string[]
  /** What is summed for each part of the day apart: an expression over `i`, `part` in `outer`. */
  readonly part?: string
  /** Whether the columns of `inner` are among those of `Kept.ofDay`. */
  readonly isOfDay?: boolean
}

/** `s`: energy of the meter and day of `p`, `d`, one row for each OBIS code. */
const sums = (kept: Kept, { inner, outer, more, part, isOfDay = false }: Sums) => {
  const [select, by, again] = part === undefined ? ['', '', ''] : [`${part} AS part, `, ', part', ', g.part']
  return `LATERAL (
  SELECT c.obis, ${outer}
    FROM (${isOfDay && kept.ofDay !== undefined ? kept.ofDay : `SELECT i.channel, ${select}${inner} FROM ${ofDay(kept, ...more)} GROUP BY i.channel${by}`}) g
    JOIN store.channels c ON c.channel = g.channel
   WHERE c.unit = 30
   GROUP BY c.obis${again}) s`
}

/** `p`, `d`, `s`: days that have energy, and days that have nothing (`s.obis` is null), for a point whose newest interval is energy. */
export const allDays = (kept: Kept, of: Sums) => `${days(kept)} LEFT JOIN ${sums(kept, of)} ON true`

/** `p`, `d`, `s`: days that have energy. */
export const fullDays = (kept: Kept, of: Sums) => `${days(kept)} CROSS JOIN ${sums(kept, of)}`

/** `e`: intervals of energy of the meter of `p`, `k` between two times, as they hold now. */
export const intervalsBetween = (kept: Kept, from: string, to: string) => `(
  SELECT c.obis, i.step, i.value * c.factor * 0.001 AS kwh
    FROM ${kept.newest(from, to, [])}
    JOIN store.channels c ON c.channel = i.channel AND c.unit = 30) e`

/** Quality codes of what was not measured: estimated, interpolated, questionable, derived, projected, mixed, other. */
export const ESTIMATED = '(i.quality BETWEEN 8 AND 13 OR i.quality = 16)'

/** Seconds between two times, exact. */
export const seconds = (from: string, to: string) => `extract(epoch FROM ${to} - ${from})`
