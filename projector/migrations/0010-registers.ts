import type { Kysely } from 'kysely'
import { POINT } from './0008-days.js'
import { correctedPeriods, intervalsBetween, type Kept } from './0008-sources.js'
import { createView } from './described.js'

/** Of registers with one meter, OBIS code and time the newest holds, as in `analytics.registers`. Capacity is the power of ten above the
 *  value before: a register that starts again from 0 has used it up. Where that would be more than a tenth of it, the register went
 *  back. Tariff registers and export have a difference alone; of totals (1.8.0, 2.8.0) the intervals between the readings are summed. */
const uses = (kept: Kept) => `${correctedPeriods(kept)}
 CROSS JOIN LATERAL (
   SELECT *, CASE WHEN went_back AND capacity - previous + value <= capacity / 10 THEN capacity - previous + value
                  ELSE value - previous END AS used,
          went_back AND capacity - previous + value <= capacity / 10 AS rolled_over
     FROM (SELECT c.obis, v.at, v.value * c.factor * 0.001 AS value, c.factor * 0.001 AS resolution, v.height, v.entry,
                  lag(v.at) OVER w AS previous_at, lag(v.value * c.factor) OVER w * 0.001 AS previous,
                  lag(v.height) OVER w AS previous_height, lag(v.entry) OVER w AS previous_entry,
                  v.value * c.factor < lag(v.value * c.factor) OVER w AS went_back,
                  ('1' || repeat('0', length(lag(v.value) OVER w ::text)))::numeric * lag(c.factor) OVER w * 0.001 AS capacity
             FROM (SELECT DISTINCT ON (r.at, r.channel >> 16) r.at, r.channel, r.value, r.height, r.entry
                     FROM store.registers r
                    WHERE r.meter = p.meter AND r.at >= p.valid_from AND r.at < p.valid_to
                    ORDER BY r.at, r.channel >> 16, r.sequence DESC, r.channel DESC, r.value DESC, r.ctid DESC) v
             JOIN store.channels c ON c.channel = v.channel AND c.unit = 30
           WINDOW w AS (PARTITION BY c.obis ORDER BY v.at)) read
    WHERE previous_at IS NOT NULL) u`

export const registerUse = (db: Kysely<unknown>, kept: Kept) =>
  createView(
    db,
    'analytics.register_use',
    'What registers of energy counted from one reading to the next of the same meter, beside the intervals of that time',
    {
      meter: 'the meter’s id',
      ...POINT,
      obis: 'OBIS code: 1-0:1.8.0*255 active energy imported, 1.8.1 and on: by tariff',
      previous_at: 'when the register was read before',
      read_at: 'when it was read',
      previous_kwh: 'what it showed before',
      kwh: 'what it shows',
      used_kwh: 'what it counted, through a rollover; below 0: it went back',
      rolled_over: 'whether it started again from 0',
      resolution_kwh: 'the least that it can show',
      interval_kwh: 'sum of the intervals of that time; null: they do not cover it, or it is no total',
      difference_kwh: 'used − sum of the intervals: more than the resolution is a fault',
      lane: 'lane of both blocks',
      height: 'height of the block of the reading',
      entry: 'its entry of that block, from 0',
      previous_height: 'height of the block of the reading before',
      previous_entry: 'its entry of that block',
    },
    `SELECT p.meter_id, p.usage_point, p.zone, p.region, p.feeder, p.plan, u.obis, u.previous_at, u.at, u.previous, u.value, u.used,
            u.rolled_over, u.resolution, s.kwh, u.used - s.kwh, p.lane, u.height, u.entry, u.previous_height, u.previous_entry
       FROM ${uses(kept)}
       LEFT JOIN LATERAL (
         SELECT sum(e.kwh) AS kwh
           FROM ${intervalsBetween(kept, 'u.previous_at', 'u.at')}
          WHERE e.obis IN (u.obis, replace(u.obis, '.8.0*', '.29.0*')) AND u.obis ~ '[.]8[.]0[*]'
          GROUP BY e.obis
         HAVING sum(e.step) = extract(epoch FROM u.at - u.previous_at)
          ORDER BY e.obis LIMIT 1) s ON true`,
  )
