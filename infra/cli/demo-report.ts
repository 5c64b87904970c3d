/** What the demo shows of a simulated run, all of it asked of the analysts' views. */
import asciichart from 'asciichart'
import type pg from 'pg'
import type { SignedRun } from './simulation.js'
import { table } from './table.js'

/** In messages, but for rows (intervals). */
export interface RunCounts {
  readonly sent: number
  readonly final: number
  readonly rows: number
  readonly blocks: number
  readonly rejected: number
  readonly seconds: number
  readonly messagesPerSecond: number
}

type Span = Pick<SignedRun, 'from' | 'until' | 'meters'>

/** Intervals of the run that analysts see, and readings of its meters that do not count. */
export async function countRun(analyst: pg.Client, { from, until, meters }: Span): Promise<{ rows: number; rejected: number }> {
  const intervals = await analyst.query<{ count: string }>(
    'SELECT count(*) FROM analytics.intervals WHERE interval_start >= to_timestamp($1) AND interval_start < to_timestamp($2) AND meter = ANY($3)',
    [from, until, meters],
  )
  const rejected = await analyst.query<{ count: string }>(
    `SELECT count(*) FROM analytics.rejections WHERE source = 'chain' AND meter = ANY($1)`,
    [meters],
  )
  return { rows: Number(intervals.rows[0]?.count), rejected: Number(rejected.rows[0]?.count) }
}

/** Energy by local day: a day of 25 hours shows. */
export async function weekTable(analyst: pg.Client, { from, until, meters }: Span): Promise<string> {
  const { rows } = await analyst.query<Record<string, string>>(
    `SELECT to_char(day, 'Dy DD Mon YYYY') AS day, count(DISTINCT meter) AS meters, sum(kwh)::numeric(12,1) AS kwh,
            (sum(kwh) / count(DISTINCT meter))::numeric(12,2) AS mean, max(kwh)::numeric(12,1) AS highest,
            max(expected_intervals) AS slots, round(100 * avg(completeness), 1) AS complete
       FROM analytics.daily
      WHERE day >= (to_timestamp($1) AT TIME ZONE 'UTC')::date AND day <= (to_timestamp($2) AT TIME ZONE 'UTC')::date AND meter = ANY($3)
      GROUP BY analytics.daily.day ORDER BY analytics.daily.day`,
    [from, until, meters],
  )
  return table(
    ['day (London)', 'meters', 'kWh', 'kWh a meter', 'highest', 'quarter-hours', 'complete %'],
    rows.map(({ day, meters: count, kwh, mean, highest, slots, complete }) => [day, count, kwh, mean, highest, slots, complete]),
  )
}

const PLOT_ROWS = 10

/** The mean load of a household over the day, by local half hour. */
export async function loadPlot(analyst: pg.Client, { from, until, meters }: Span): Promise<string> {
  const { rows } = await analyst.query<{ slot: string; kw: string }>(
    `SELECT extract(hour FROM local) * 2 + floor(extract(minute FROM local) / 30) AS slot, avg(kwh * 3600 / step_seconds) AS kw
       FROM (SELECT interval_start AT TIME ZONE zone AS local, kwh, step_seconds FROM analytics.intervals
              WHERE interval_start >= to_timestamp($1) AND interval_start < to_timestamp($2) AND meter = ANY($3)) hours
      GROUP BY 1 ORDER BY 1`,
    [from, until, meters],
  )
  const loads = rows.map(({ kw }) => Number(kw))
  const chart = asciichart.plot(loads, { height: PLOT_ROWS, format: (value: number) => value.toFixed(2).padStart(6) })
  const hours = Array.from({ length: 8 }, (_, index) =>
    String(index * 3)
      .padStart(2, '0')
      .padEnd(6),
  ).join('')
  return `kW, mean load of a household by local time\n${chart}\n        ${hours}h`
}
