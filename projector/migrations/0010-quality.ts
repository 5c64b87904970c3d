import type { Kysely, Migration } from 'kysely'
import { POINT } from './0008-days.js'
import { FLAT, type Kept, PERIODS, seconds } from './0008-sources.js'
import { exceptions } from './0010-exceptions.js'
import { registerUse } from './0010-registers.js'
import { createView } from './described.js'

/** Whether what is there can be believed: corrections, estimates, clocks, and the rules of validation (VEE). */
export const quality: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await qualityViews(db, FLAT)
    await clocks(db)
    await exceptions(db, FLAT)
  },
}

/** Those that read intervals, but for exceptions. */
export async function qualityViews(db: Kysely<unknown>, kept: Kept): Promise<void> {
  await registerUse(db, kept)
  await revisions(db, kept)
  await estimatedActual(db, kept)
}

const POINT_COLUMNS = 'p.usage_point, p.zone, p.region, p.feeder, p.plan'

/** A correction `r` of a meter `p`, its intervals `n`, and what they replace `o`: of the message that it names, else the newest before
 *  it. By lane and height the BRIN index finds the intervals of few corrections among many rows. */
const corrected = ({ intervalsOfCorrection, intervalsAt }: Kept) => `${PERIODS}
  JOIN store.readings r ON r.meter = p.meter AND r.revises IS NOT NULL
  JOIN ${intervalsOfCorrection}
       AND n.start >= p.valid_from AND n.start < p.valid_to
  JOIN store.channels nc ON nc.channel = n.channel
  LEFT JOIN LATERAL (
    SELECT o.* FROM ${intervalsAt}
     WHERE o.meter = n.meter AND o.start = n.start AND o.channel >> 16 = n.channel >> 16 AND o.sequence < n.sequence
     ORDER BY o.sequence = r.revises DESC, o.sequence DESC, o.channel DESC, o.value DESC, o.step DESC, o.quality DESC LIMIT 1) o ON true
  LEFT JOIN store.channels oc ON oc.channel = o.channel`

const isEstimated = (row: string) => `(${row}.quality BETWEEN 8 AND 13 OR ${row}.quality = 16)`

const revisions = (db: Kysely<unknown>, kept: Kept) =>
  createView(
    db,
    'analytics.revisions',
    'Messages that correct an earlier one, and what they changed; interval by interval: analytics.interval_revisions',
    {
      meter: 'the meter’s id',
      ...POINT,
      obis: 'OBIS code',
      sequence: 'the meter’s number of the correction',
      revises: 'number of the message that it corrects',
      first_interval: 'start of the first interval that it gives',
      last_interval: 'start of the last one',
      intervals: 'intervals that it gives',
      changed_intervals: 'of these: with another value or quality than before, or not there before',
      kwh_before: 'energy of these intervals before',
      kwh_after: 'energy of these intervals by the correction',
      sent_at: 'when it was sent, by the meter’s clock',
      final_at: 'when it became final',
      days_late: 'from the end of its last interval to the block that made it final',
      lane: 'lane of the block that the correction came in',
      height: 'height of that block',
      entry: 'entry of that block, from 0',
      revised_height: 'height of the block of the message that it corrects; null: none counts',
      revised_entry: 'entry of that block',
    },
    `SELECT u.*, v.height, v.entry
       FROM (SELECT p.meter_id, ${POINT_COLUMNS}, nc.obis, r.sequence, r.revises, min(n.start), max(n.start), count(*) AS intervals,
                    count(*) FILTER (WHERE (n.value * nc.factor, n.quality) IS DISTINCT FROM (o.value * oc.factor, o.quality)),
                    sum(CASE oc.unit WHEN 30 THEN o.value * oc.factor * 0.001 END), sum(CASE nc.unit WHEN 30 THEN n.value * nc.factor * 0.001 END),
                    r.sent_at, b.final_at, round(${seconds('max(n.start + make_interval(secs => n.step))', 'b.final_at')} / 86400, 1), r.lane, r.height, r.entry
               FROM ${corrected(kept)}
               JOIN ledger.blocks b ON b.lane = r.lane AND b.height = r.height
              GROUP BY p.meter_id, ${POINT_COLUMNS}, nc.obis, r.sequence, r.revises, r.sent_at, b.final_at, r.lane, r.height, r.entry, r.meter) u
       LEFT JOIN LATERAL (SELECT v.height, v.entry FROM store.readings v JOIN store.meters m ON m.number = v.meter
                           WHERE m.meter = u.meter_id AND v.sequence = u.revises ORDER BY v.height DESC LIMIT 1) v ON true`,
  )

const estimatedActual = (db: Kysely<unknown>, kept: Kept) =>
  createView(
    db,
    'analytics.estimated_actual',
    'Intervals that were estimated first and sent as measured by a correction later: how good the estimates were',
    {
      meter: 'the meter’s id',
      ...POINT,
      interval_start: 'start of the interval',
      step_seconds: 'length of the interval, seconds',
      obis: 'OBIS code',
      estimated_kwh: 'as it was estimated',
      actual_kwh: 'as it was measured',
      error_kwh: 'estimated − measured',
      quality: 'ESPI quality of the estimate: 8 to 11 estimated, …',
      lane: 'lane of both blocks',
      estimated_height: 'height of the block of the estimate',
      estimated_entry: 'its entry of that block, from 0',
      height: 'height of the block of what was measured',
      entry: 'its entry of that block, from 0',
    },
    `SELECT p.meter_id, ${POINT_COLUMNS}, n.start, n.step, nc.obis, o.value * oc.factor * 0.001, n.value * nc.factor * 0.001,
            (o.value * oc.factor - n.value * nc.factor) * 0.001, o.quality, n.lane, o.height, o.entry, n.height, n.entry
       FROM ${corrected(kept)}
      WHERE ${isEstimated('o')} AND NOT ${isEstimated('n')} AND nc.unit = 30 AND oc.unit = 30 AND o.step = n.step`,
  )

/** A message may be late for many reasons, and is never early: so the least of a day's delays is nearest to what the clock is wrong by. */
const clocks = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.clocks',
    'How long messages of a meter took from its clock to that of the block’s proposer, by day: a least delay below 0 says that the meter’s clock is ahead; a clock that is behind looks like messages that are late',
    {
      meter: 'the meter’s id',
      day: 'day (UTC) on which the blocks were sealed',
      messages: 'messages that count',
      least_seconds: 'the least delay; below 0: it was sent, by the meter’s clock, after the block was sealed',
      greatest_seconds: 'the greatest delay',
      lane: 'lane of the blocks',
      height: 'height of the block with the least delay',
      entry: 'entry of that block, from 0',
    },
    `SELECT m.meter, l.day, l.messages, l.least, l.greatest, m.lane, l.height, l.entry
       FROM store.meters m
      CROSS JOIN LATERAL (
        SELECT (b.sealed_at AT TIME ZONE 'UTC')::date AS day, count(*) AS messages,
               round(min(${seconds('r.sent_at', 'b.sealed_at')}), 3) AS least, round(max(${seconds('r.sent_at', 'b.sealed_at')}), 3) AS greatest,
               (array_agg(r.height ORDER BY b.sealed_at - r.sent_at, r.height, r.entry))[1] AS height,
               (array_agg(r.entry ORDER BY b.sealed_at - r.sent_at, r.height, r.entry))[1] AS entry
          FROM store.readings r
          JOIN ledger.blocks b ON b.lane = r.lane AND b.height = r.height
         WHERE r.meter = m.number
         GROUP BY 1) l`,
  )
