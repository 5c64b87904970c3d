import type { Kysely, Migration } from 'kysely'
import { createSchema, createView, run } from './described.js'

const ORIGIN = {
  lane: 'lane of the block that it came in',
  height: 'height of that block',
  entry: 'entry of that block, from 0: asks for a proof',
}
const POINT = {
  usage_point: 'usage point that the meter measured at that time; bills follow it',
  zone: 'time zone of its days; UTC where this server does not know the one registered',
  region: 'region of the usage point',
  feeder: 'feeder of the usage point',
  plan: 'tariff plan at that time',
}
const QUANTITY = {
  obis: 'OBIS code A-B:C.D.E*F: 1-0:1.8.0*255 active energy imported',
  unit: 'unit of value',
  value: 'exact decimal number',
  kwh: 'the same in kWh, exact; null where the unit is not Wh',
}

/** Views only. What is summed is numeric or integer, never a float. */
export const analytics: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createSchema(db, 'analytics', 'What analysts read: views alone; each row says which block and entry it came from')
    await unitName(db)
    await meters(db)
    await intervalRevisions(db, `store.intervals i ${joins('start')}`, `${NEWER_INTERVAL} OR ${CORRECTED}`)
    await intervals(db)
    await daily(db)
    await registers(db)
    await blocks(db)
    await rejections(db)
  },
}

/** `rest`: a unit that has no sign, as text. */
export async function unitName(db: Kysely<unknown>, rest = 'unit'): Promise<void> {
  const names = { 27: 'W', 28: 'VA', 29: 'var', 30: 'Wh', 31: 'VAh', 32: 'varh', 33: 'A', 35: 'V', 44: 'Hz' }
  const cases = Object.entries(names).map(([unit, name]) => `WHEN ${unit} THEN '${name}'`)
  await run(
    db,
    `CREATE OR REPLACE FUNCTION store.unit_name(unit int2) RETURNS text IMMUTABLE PARALLEL SAFE
     RETURN CASE unit ${cases.join(' ')} ELSE 'DLMS unit ' || ${rest} END`,
  )
  await run(db, `COMMENT ON FUNCTION store.unit_name IS 'The sign of a DLMS unit (IEC 62056-6-2)'`)
}

const meters = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.meters',
    'Enrolled meters, with the usage point of now',
    {
      meter: 'the meter’s id',
      lane: 'lane of its readings',
      signer: 'who holds its key: device, gateway or importer',
      key: 'its present public key, hexadecimal',
      retired_from: 'from this sequence on nothing counts; null: in use',
      ...POINT,
      enrolled_event: 'registry event of its enrolment',
      assigned_event: 'registry event that assigned the usage point',
    },
    `SELECT m.meter, m.lane, m.signer, encode(m.key, 'hex'), m.retired_from,
            p.usage_point, coalesce(z.zone, 'UTC'), p.region, p.feeder, p.plan, m.event_index, p.event_index
       FROM store.meters m
       JOIN store.assignments p ON p.meter = m.number AND p.valid_from <= now() AND now() < p.valid_to
       LEFT JOIN store.zones z ON z.zone = p.zone`,
  )

/** Of rows with one meter, OBIS code and time the highest sequence holds, whether or not it says what it corrects: so energy that was
 *  sent twice is not summed twice. A meter that contradicts itself in one message is not summed twice either: of such rows the
 *  highest holds, by all that could tell them apart, so after every replay the same. `>> 16` leaves the OBIS code of a channel: a
 *  correction may change unit or scaler. */
const newer = (table: string, time: string, ...rest: string[]) => {
  const order = (row: string) => ['sequence', 'channel', 'value', ...rest, 'ctid'].map((column) => `${row}.${column}`).join(', ')
  return `EXISTS (SELECT FROM store.${table} n
           WHERE n.meter = i.meter AND n.${time} = i.${time} AND n.channel >> 16 = i.channel >> 16
             AND (${order('n')}) > (${order('i')}))`
}
const NEWER_INTERVAL = newer('intervals', 'start', 'step', 'quality')
const NEWER_REGISTER = newer('registers', 'at')

/** A correction may have another step: it supersedes every older interval that it overlaps. */
const CORRECTED = `EXISTS (SELECT FROM store.readings r
             JOIN store.intervals n ON n.meter = r.meter AND n.sequence = r.sequence
           WHERE r.meter = i.meter AND r.sequence > i.sequence AND r.revises IS NOT NULL
             AND n.channel >> 16 = i.channel >> 16 AND n.start < i.start + make_interval(secs => i.step)
             AND n.start + make_interval(secs => n.step) > i.start)`
const VALUE = `store.unit_name(c.unit), i.value * c.factor, CASE c.unit WHEN 30 THEN i.value * c.factor * 0.001 END`
const POINT_COLUMNS = `p.usage_point, coalesce(z.zone, 'UTC'), p.region, p.feeder, p.plan`
const joins = (time: string) => `
   JOIN store.channels c ON c.channel = i.channel
   JOIN store.meters m ON m.number = i.meter
   JOIN store.assignments p ON p.meter = i.meter AND p.valid_from <= i.${time} AND i.${time} < p.valid_to
   LEFT JOIN store.zones z ON z.zone = p.zone`

const INTERVAL = {
  meter: 'the meter’s id',
  ...POINT,
  interval_start: 'start of the interval',
  interval_end: 'end of the interval',
  step_seconds: 'length of the interval, seconds',
  ...QUANTITY,
  quality: 'ESPI quality: 0 valid, 7 edited, 8 to 11 estimated, 14 raw, 17 validated, 18 verified',
  sequence: 'the meter’s number of the message',
}
const INTERVAL_COLUMNS = `m.meter, ${POINT_COLUMNS}, i.start, i.start + make_interval(secs => i.step), i.step, c.obis, ${VALUE},
            i.quality, i.sequence`

const intervals = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.intervals',
    'Interval data as it holds now: of each interval the newest revision; a correction stands for all that it overlaps',
    { ...INTERVAL, ...ORIGIN },
    `SELECT ${INTERVAL_COLUMNS}, i.lane, i.height, i.entry
       FROM store.intervals i ${joins('start')}
      WHERE NOT ${NEWER_INTERVAL} AND NOT ${CORRECTED}`,
  )

/** `source`: intervals `i` with their channel `c`, meter `m`, period `p` and zone `z`. */
export const intervalRevisions = (db: Kysely<unknown>, source: string, isSuperseded: string) =>
  createView(
    db,
    'analytics.interval_revisions',
    'Interval data with all revisions: nothing is ever overwritten',
    {
      ...INTERVAL,
      revises: 'sequence of the message that this one corrects; null: none named',
      final_at: 'when this revision became final: a bill as of a date takes those before it',
      is_superseded: 'whether a newer revision, or a correction that overlaps it, holds',
      ...ORIGIN,
    },
    `SELECT ${INTERVAL_COLUMNS}, r.revises, b.final_at, ${isSuperseded}, i.lane, i.height, i.entry
       FROM ${source}
       JOIN store.readings r ON r.meter = i.meter AND r.sequence = i.sequence AND r.lane = i.lane AND r.height = i.height AND r.entry = i.entry
       JOIN ledger.blocks b ON b.lane = i.lane AND b.height = i.height`,
  )

/** The length of a local day comes from the zone: 23 and 25 hours where clocks change. */
const daily = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.daily',
    'Energy of each meter, usage point and local day',
    {
      day: 'day of the usage point’s zone',
      meter: 'the meter’s id',
      ...POINT,
      obis: 'OBIS code: 1-0:1.8.0*255 active energy imported',
      kwh: 'sum of the day’s intervals, exact; an interval belongs to the day that it begins in',
      intervals: 'intervals that are there',
      expected_intervals: 'intervals that fill the day, which has 23, 24 or 25 hours',
      completeness: 'share of the day that is covered, 1: all of it',
      estimated_intervals: 'intervals with a quality of 8 to 13 or 16: not measured',
      lane: 'lane of the blocks that they came in',
      first_height: 'lowest height of these blocks',
      last_height: 'highest height of these blocks',
    },
    `SELECT day, meter, usage_point, zone, region, feeder, plan, obis, kwh, intervals,
            round(seconds * intervals / covered)::int8, round(covered / seconds, 4), estimated, lane, first_height, last_height
       FROM (SELECT *, extract(epoch FROM (day + 1)::timestamp AT TIME ZONE zone - day::timestamp AT TIME ZONE zone) AS seconds
               FROM (SELECT (interval_start AT TIME ZONE zone)::date AS day, meter, usage_point, zone, region, feeder, plan, obis,
                            sum(kwh) AS kwh, count(*) AS intervals, sum(step_seconds)::numeric AS covered,
                            count(*) FILTER (WHERE quality BETWEEN 8 AND 13 OR quality = 16) AS estimated,
                            lane, min(height) AS first_height, max(height) AS last_height
                       FROM analytics.intervals
                      WHERE kwh IS NOT NULL
                      GROUP BY 1, meter, usage_point, zone, region, feeder, plan, obis, lane) sums) days`,
  )

const registers = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.registers',
    'Register readings as they hold now: of each the newest revision',
    {
      meter: 'the meter’s id',
      ...POINT,
      read_at: 'when the register was read',
      ...QUANTITY,
      sequence: 'the meter’s number of the message',
      ...ORIGIN,
    },
    `SELECT m.meter, ${POINT_COLUMNS}, i.at, c.obis, ${VALUE}, i.sequence, i.lane, i.height, i.entry
       FROM store.registers i ${joins('at')}
      WHERE NOT ${NEWER_REGISTER}`,
  )

const blocks = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.blocks',
    'Final blocks',
    {
      lane: 'lane',
      height: 'place in the lane, from 1',
      hash: 'block hash, hexadecimal',
      previous: 'hash of the block before, hexadecimal',
      root: 'RFC 6962 root of its entries, hexadecimal',
      entries: 'number of entries',
      counted: 'entries that count',
      rejected: 'entries that do not count: see rejections',
      proposer: 'authority that sealed it',
      voters: 'authorities whose accepts made it final',
      attempt: 'attempt at this height, from 0',
      registry_size: 'registry events under which it was judged',
      first_offset: 'first offset of readings that it covers',
      last_offset: 'last offset of readings that it covers',
      sealed_at: 'by the proposer’s clock',
      final_at: 'when the log took the vote that made it final',
    },
    `SELECT lane, height, encode(hash, 'hex'), encode(previous, 'hex'), encode(root, 'hex'), count, counted, count - counted, proposer,
            (SELECT array_agg(v.authority ORDER BY v.authority) FROM ledger.votes v WHERE v.lane = b.lane AND v.height = b.height),
            attempt, registry_size, first_offset, last_offset, sealed_at, final_at
       FROM ledger.blocks b`,
  )

const rejections = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.rejections',
    'What does not count, and why: entries of blocks, and what the door refused',
    {
      source: 'chain: stands in a final block for ever; door: never reached the chain',
      rejected_at: 'chain: when the block became final; door: when it was refused',
      meter: 'the meter id that it gives, unproven; null: it could not be read',
      sequence: 'the sequence that it gives',
      fault: 'short name of what is wrong',
      meaning: 'what is wrong',
      remedy: 'what the sender can do',
      detail: 'what exactly, as the door saw it',
      leaf: 'leaf hash of what was sent, hexadecimal',
      lane: 'lane',
      height: 'chain: height of the block',
      entry: 'chain: entry of the block, from 0',
      log_offset: 'door: offset in topic rejections',
    },
    `SELECT r.source, r.at, r.meter, r.sequence, coalesce(f.name, 'code ' || r.fault), f.meaning, f.remedy, r.detail,
            encode(r.leaf, 'hex'), r.lane, r.height, r.entry, r.log_offset
       FROM (SELECT 'chain' AS source, b.final_at AS at, c.meter, c.sequence, c.fault, NULL AS detail, c.leaf, c.lane, c.height,
                    c.entry, NULL::int8 AS log_offset
               FROM store.rejections c JOIN ledger.blocks b ON b.lane = c.lane AND b.height = c.height
             UNION ALL
             SELECT 'door', at, nullif(meter, ''), NULL, fault, detail, leaf, lane, NULL, NULL, log_offset
               FROM store.door_rejections) r
       LEFT JOIN store.faults f ON f.code = r.fault`,
  )
