/** What practitioners ask, each as one statement of an analyst. */

export interface Question {
  readonly title: string
  readonly sql: string
  /** What the answer says, or how it is to be read. */
  readonly note?: string
  /** It looks at every interval of a year: then it takes longer, and the page says so. */
  readonly isWhole?: boolean
  /** The first feeder of London has nothing of it: the answer is of other households. */
  readonly isElsewhere?: boolean
}

/** What the questions are asked about in a data set. */
export interface Subject {
  readonly point: string
  readonly feeder: string
  readonly region: string
  readonly plan: string
  /** A meter point that was exchanged. */
  readonly exchanged: string
  readonly month: string
  readonly day: string
}

export const LONDON_SUBJECT: Subject = {
  ...{ point: 'point-000002', feeder: 'feeder-1', region: 'north', plan: 'std', exchanged: 'point-000003' },
  ...{ month: '2013-06-01', day: '2013-06-12' },
}

export const questionsOf = ({ point, feeder, region, plan, exchanged, month, day }: Subject): Question[] => [
  {
    title: 'What did a customer use on each day of a week?',
    sql: `SELECT day, kwh, intervals, completeness, meters
  FROM analytics.point_days
 WHERE usage_point = '${point}' AND day >= '${day}'::date - 2 AND day < '${day}'::date + 5
 ORDER BY day`,
  },
  {
    title: 'Which meters measured a usage point, and what did it use in the week of the exchange?',
    sql: `SELECT day, kwh, completeness, meters, lanes, first_heights, last_heights
  FROM analytics.point_days
 WHERE usage_point = '${exchanged}' AND day BETWEEN '${day}'::date - 1 AND '${day}'::date + 1
 ORDER BY day`,
    note: 'Consumption follows the usage point: the day of the exchange is the sum of both meters.',
  },
  {
    title: 'When was the meter of a usage point exchanged, and which registry event says so?',
    sql: `SELECT meter, valid_from, valid_to, first_interval, last_interval, event
  FROM analytics.usage_point_meters
 WHERE usage_point = '${exchanged}'
 ORDER BY valid_from`,
  },
  {
    title: 'Who used most in a month?',
    sql: `SELECT rank, usage_point, kwh, share, full_days
  FROM analytics.top_consumers
 WHERE month = '${month}' AND feeder LIKE 'feeder-%' AND obis = '1-0:1.29.0*255'
 ORDER BY rank LIMIT 5`,
    note: 'Ranks are among all usage points, heads of feeders too.',
  },
  {
    title: 'What is the load curve of a tariff on working days?',
    sql: `SELECT hour, sum(hours) AS hours, round(sum(mean_kw * hours) / sum(hours), 4) AS mean_kw, max(p95_kw) AS greatest_p95_kw
  FROM analytics.load_curve
 WHERE month = '${month}' AND region = '${region}' AND plan = '${plan}' AND obis = '1-0:1.29.0*255' AND weekday < 6
 GROUP BY hour ORDER BY hour`,
  },
  {
    title: 'What were the greatest half hours of each customer of a feeder, and which entries prove them?',
    sql: `SELECT usage_point, kw, at, lane, height, entry
  FROM analytics.peaks
 WHERE month = '${month}' AND feeder = '${feeder}' AND obis = '1-0:1.29.0*255'
 ORDER BY kw DESC, usage_point LIMIT 5`,
  },
  {
    title: 'When did a feeder as a whole peak in a month?',
    sql: `SELECT interval_start, count(*) AS points, sum(kwh) AS kwh, round(sum(kwh) * 3600 / max(step_seconds), 3) AS kw
  FROM analytics.intervals
 WHERE feeder = '${feeder}' AND obis = '1-0:1.29.0*255' AND interval_start >= '${month}' AND interval_start < '${month}'::date + interval '1 month'
 GROUP BY interval_start
 ORDER BY kwh DESC, interval_start LIMIT 3`,
  },
  {
    title: 'How much did a feeder lose on each day of a week?',
    sql: `SELECT day, delivered_kwh, consumed_kwh, losses_kwh, loss_ratio, is_complete
  FROM analytics.feeder_balance
 WHERE feeder = '${feeder}' AND day BETWEEN '${day}'::date - 3 AND '${day}'::date + 3
 ORDER BY day`,
  },
  {
    title: 'On which days did a feeder lose most, so that somebody should look for theft or a wrong meter?',
    sql: `SELECT feeder, day, losses_kwh, loss_ratio, points
  FROM analytics.feeder_balance
 WHERE is_complete AND day >= '${month}' AND day < '${month}'::date + interval '1 month'
 ORDER BY loss_ratio DESC, feeder, day LIMIT 5`,
  },
  {
    title: 'How complete is a month, by feeder?',
    sql: `SELECT feeder, round(avg(completeness), 4) AS completeness, sum(missing_hours) AS missing_hours, min(points) AS points
  FROM analytics.completeness
 WHERE day >= '${month}' AND day < '${month}'::date + interval '1 month' AND obis = '1-0:1.29.0*255'
 GROUP BY feeder ORDER BY feeder`,
  },
  {
    title: 'Which were the longest gaps of a feeder in the year?',
    sql: `SELECT usage_point, gap_start, gap_end, hours
  FROM analytics.gaps
 WHERE feeder = '${feeder}'
 ORDER BY hours DESC, usage_point, gap_start LIMIT 5`,
  },
  {
    title: 'Which usage points send nothing any more?',
    sql: `SELECT usage_point, max(last_interval) AS last_interval
  FROM analytics.usage_point_meters
 GROUP BY usage_point
HAVING max(last_interval) < (SELECT max(last_interval) FROM analytics.usage_point_meters) - interval '7 days'
 ORDER BY last_interval, usage_point LIMIT 5`,
  },
  {
    title: 'Which customers used nothing for days, though their meters sent?',
    sql: `SELECT usage_point, begins_at, detail, lane, height
  FROM analytics.vee_exceptions
 WHERE rule = 'zero-run'
 ORDER BY ends_at - begins_at DESC, usage_point, begins_at LIMIT 5`,
    isWhole: true,
    isElsewhere: true,
  },
  {
    title: 'Where are spikes in the data of a feeder?',
    sql: `SELECT usage_point, begins_at, kwh, limit_kwh, detail, height, entry
  FROM analytics.vee_exceptions
 WHERE rule = 'spike' AND feeder = '${feeder}'
 ORDER BY kwh / limit_kwh DESC, usage_point, begins_at LIMIT 5`,
  },
  {
    title: 'Where did registers and intervals disagree in spring?',
    sql: `SELECT meter, begins_at, ends_at, kwh AS register_kwh, limit_kwh AS interval_kwh, detail, height, entry
  FROM analytics.vee_exceptions
 WHERE rule = 'sum-check' AND feeder = '${feeder}' AND begins_at >= '${month}'::date - interval '3 months' AND begins_at < '${month}'
 ORDER BY begins_at, meter LIMIT 5`,
    note: 'A correction that the register contradicts is found here too.',
  },
  {
    title: 'Did the tariff registers of a feeder add up to the total in summer?',
    sql: `SELECT meter, begins_at, kwh AS tariffs_kwh, limit_kwh AS total_kwh, detail
  FROM analytics.vee_exceptions
 WHERE rule = 'tariff-sum' AND feeder = '${feeder}' AND begins_at >= '${month}' AND begins_at < '${month}'::date + interval '3 months'
 ORDER BY begins_at, meter LIMIT 5`,
  },
  {
    title: 'What did the tariff registers of a customer count in a week?',
    sql: `SELECT obis, min(previous_at) AS begins, max(read_at) AS ends, sum(used_kwh) AS kwh
  FROM analytics.register_use
 WHERE usage_point = '${point}' AND previous_at >= '${day}' AND read_at <= '${day}'::date + 7
 GROUP BY obis ORDER BY obis`,
  },
  {
    title: 'Which registers rolled over?',
    sql: `SELECT meter, previous_at, previous_kwh, kwh, used_kwh, height, entry
  FROM analytics.register_use
 WHERE rolled_over AND feeder = '${feeder}'
 ORDER BY read_at, meter LIMIT 5`,
  },
  {
    title: 'What was corrected, how late, and what did it change?',
    sql: `SELECT meter, revises, intervals, changed_intervals, kwh_before, kwh_after, days_late, height, entry, revised_height, revised_entry
  FROM analytics.revisions
 ORDER BY first_interval, meter LIMIT 5`,
  },
  {
    title: 'What was known of a day before a correction came: the same sum as of two times?',
    sql: `SELECT count(*) AS intervals, sum(kwh) FILTER (WHERE sequence = first) AS first_kwh, sum(kwh) FILTER (WHERE NOT is_superseded) AS now_kwh
  FROM (SELECT *, min(sequence) OVER (PARTITION BY interval_start) AS first
          FROM analytics.interval_revisions
         WHERE usage_point = (SELECT min(usage_point) FROM analytics.revisions)
           AND interval_start >= (SELECT min(first_interval) FROM analytics.revisions)
           AND interval_start < (SELECT min(first_interval) FROM analytics.revisions) + interval '1 day') revisions`,
  },
  {
    title: 'How good were the estimates?',
    sql: `SELECT meter, count(*) AS intervals, sum(estimated_kwh) AS estimated_kwh, sum(actual_kwh) AS actual_kwh, sum(error_kwh) AS error_kwh,
       sum(abs(error_kwh)) AS absolute_kwh
  FROM analytics.estimated_actual
 GROUP BY meter ORDER BY meter`,
  },
  {
    title: 'Which clocks are ahead?',
    sql: `SELECT meter, min(day) AS first_day, max(day) AS last_day, min(least_seconds) AS seconds
  FROM analytics.clocks
 WHERE least_seconds < 0
 GROUP BY meter ORDER BY meter LIMIT 5`,
  },
  {
    title: 'What does not count, and why?',
    sql: `SELECT source, meter, sequence, fault, lane, height, entry
  FROM analytics.rejections
 ORDER BY rejected_at, lane, height, entry LIMIT 5`,
  },
  {
    title: 'Which entries prove the energy of a customer’s day?',
    sql: `SELECT i.lane, i.height, i.entry, count(*) AS intervals, sum(i.kwh) AS kwh
  FROM analytics.point_days d
  JOIN analytics.intervals i ON i.usage_point = d.usage_point AND i.obis = d.obis AND i.interval_start >= d.day_start AND i.interval_start < d.day_end
 WHERE d.usage_point = '${point}' AND d.day = '${day}' AND i.usage_point = '${point}'
 GROUP BY i.lane, i.height, i.entry ORDER BY i.height`,
    note: '`GET /v1/proofs/LEAF_HASH` of the query API gives what a third party checks such an entry with, offline.',
  },
  {
    title: 'Is every lane whole: does each block follow the one before, and did every one have enough votes?',
    sql: `SELECT lane, count(*) AS blocks, max(height) AS height, sum(entries) AS entries, sum(rejected) AS rejected, min(cardinality(voters)) AS least_voters,
       bool_and(previous = before OR before IS NULL) AS is_linked
  FROM (SELECT *, lag(hash) OVER (PARTITION BY lane ORDER BY height) AS before FROM analytics.blocks) blocks
 GROUP BY lane ORDER BY lane`,
    note: 'This asks the tables; `meterchain verify` asks the logs, and `meterchain audit` holds one against the other.',
  },
  {
    title: 'What did each tariff use in a month, by day of the week?',
    sql: `SELECT plan, extract(isodow FROM day)::int AS weekday, count(*) AS days, sum(kwh) AS kwh, round(avg(kwh), 3) AS kwh_a_day
  FROM analytics.point_days
 WHERE day >= '${month}' AND day < '${month}'::date + interval '1 month' AND region = '${region}' AND plan <> '' AND kwh IS NOT NULL
 GROUP BY plan, weekday ORDER BY plan, weekday`,
  },
  {
    title: 'What did all use in each month of the year?',
    sql: `SELECT month, count(*) AS points, sum(kwh) AS kwh
  FROM analytics.top_consumers
 WHERE feeder LIKE 'feeder-%' AND obis = '1-0:1.29.0*255'
 GROUP BY month ORDER BY month`,
    isWhole: true,
  },
  {
    title:
      'Which days of a year were known late: how much of each within an hour of its end, and when did the last correction come?',
    sql: `SELECT day, sum(intervals) AS intervals, round(100 * sum(intervals) FILTER (WHERE after_day <= '1 hour') / sum(intervals), 2) AS percent_in_an_hour,
       max(after_day) FILTER (WHERE intervals > 0) AS last_after, sum(corrections) AS corrections,
       max(after_day) FILTER (WHERE corrections > 0) AS last_correction_after
  FROM analytics.arrivals
 WHERE day >= date_trunc('year', date '${month}') AND day < date_trunc('year', date '${month}') + interval '1 year'
 GROUP BY day ORDER BY last_after DESC, last_correction_after DESC NULLS LAST, day LIMIT 5`,
  },
]
