import type { Kysely, Migration } from 'kysely'
import { POINT } from './0008-days.js'
import { correctedPeriods } from './0008-sources.js'
import { packedDays } from './0015-days.js'
import { PACKED_DAYS } from './0015-sources.js'
import { createFunction } from './described.js'

/** Rows that end before a time are not unpacked for it: half of what a day's look-up took (0015 once ran without). And intervals of a
 *  time, of all meters: a condition on the view's interval_start is looked at when a row is unpacked, so it would unpack all of them. */
export const between: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await packedDays.up(db)
    await intervalsBetween(db)
  },
}

const TYPES = {
  meter: 'text',
  ...Object.fromEntries(Object.keys(POINT).map((name) => [name, 'text'])),
  ...{ interval_start: 'timestamptz', interval_end: 'timestamptz', step_seconds: 'int4', obis: 'text', unit: 'text' },
  ...{ value: 'numeric', kwh: 'numeric', quality: 'int2', sequence: 'int8', lane: 'int2', height: 'int8', entry: 'int2' },
}

const intervalsBetween = (db: Kysely<unknown>) =>
  createFunction(
    db,
    'analytics.intervals_between',
    'from_time timestamptz, to_time timestamptz, of_feeder text DEFAULT NULL',
    'intervals that begin from from_time on and before to_time: for all meters, or those of a feeder, many times as fast as a condition on interval_start, where tables hold much more than that time. of_feeder: of that feeder alone',
    TYPES,
    `SELECT p.meter_id, p.usage_point, p.zone, p.region, p.feeder, p.plan, i.start, i.start + make_interval(secs => i.step), i.step, c.obis,
            store.unit_name(c.unit), i.value * c.factor, CASE c.unit WHEN 30 THEN i.value * c.factor * 0.001 END, i.quality, i.sequence,
            i.lane, i.height, i.entry
       FROM ${correctedPeriods(PACKED_DAYS)}
      CROSS JOIN LATERAL (SELECT greatest(p.valid_from, from_time) AS from_at, least(p.valid_to, to_time) AS to_at) d
      CROSS JOIN LATERAL ${PACKED_DAYS.newest('d.from_at', 'd.to_at', ['quality', 'lane', 'height', 'entry'])}
       JOIN store.channels c ON c.channel = i.channel
      WHERE (of_feeder IS NULL OR p.feeder = of_feeder) AND d.from_at < d.to_at`,
  )
