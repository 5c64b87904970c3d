import type { Kysely, Migration } from 'kysely'
import { billLines, FLAT_FOR_BILLS, type KeptForBills } from './0012-bill-lines.js'
import { createFunction, createView, run } from './described.js'

export const bills: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sums(db)
    await lines(db, FLAT_FOR_BILLS)
    await totals(db)
    await linesAsOf(db, FLAT_FOR_BILLS)
    await totalsAsOf(db)
    await tariffView(db)
    await unpriced(db)
  },
}

/** Lines before they are priced, as they are carried beside the standing charge. */
async function sums(db: Kysely<unknown>): Promise<void> {
  await run(
    db,
    'CREATE TYPE store.bill_sum AS (plan text, event_index int8, zone int4, kwh numeric, estimated_kwh numeric, measured int8, covered int8)',
  )
  await run(db, `COMMENT ON TYPE store.bill_sum IS 'Energy of one plan, version and zone in one month of a usage point'`)
}

const LINE = {
  usage_point: 'usage point; bills follow it through exchanges of its meter',
  month: 'first day of the month, of the usage point’s local time',
  plan: 'tariff plan',
  event: 'registry event that published this version of the plan',
  tariff_zone: 'number of the zone in the plan, from 0; null: the standing charge',
  name: 'name of the zone',
  kwh: 'energy, exact; null: standing charge',
  estimated_kwh: 'part of it that was not measured: quality 8 to 13 or 16',
  measured: 'intervals, or differences of registers; of the standing charge days',
  covered_seconds: 'time that its intervals cover; null: registers, or the standing charge',
  month_seconds: 'length of the month by the usage point’s clock',
  price: 'for a kWh, or for a day, in the currency, exact',
  amount:
    'energy or days times price, rounded once to the currency’s minor unit as the plan says: to the nearest, halves away from zero',
  currency: 'ISO 4217',
  problems:
    'of the bill, which then has no amount: time-zone-not-published, wrong-unit (not Wh: not summed), register-fell (not summed)',
}
const LINE_TYPES = {
  usage_point: 'text',
  month: 'date',
  plan: 'text',
  event: 'int8',
  tariff_zone: 'int2',
  name: 'text',
  kwh: 'numeric',
  estimated_kwh: 'numeric',
  measured: 'int8',
  covered_seconds: 'int8',
  month_seconds: 'int8',
  price: 'numeric',
  amount: 'numeric',
  currency: 'text',
  problems: 'text[]',
}
const PROOF = 'the entries behind one: meterchain bill POINT MONTH --entries'

export const lines = (db: Kysely<unknown>, kept: KeptForBills) =>
  createView(
    db,
    'analytics.bill_lines',
    `Lines of bills by what holds now, one for each version of a plan and zone; rules in schemas/SPEC.md, section 18; ${PROOF}`,
    LINE,
    billLines('now', kept),
  )

const BILL = {
  usage_point: LINE.usage_point,
  month: LINE.month,
  plans: 'plans that it is by',
  amount: 'sum of its lines; null where there is a problem',
  currency: 'ISO 4217; a bill of plans in two currencies is two rows',
  kwh: 'energy of all lines',
  estimated_kwh: 'part of it that was not measured',
  completeness: 'share of the month that its intervals cover, 1: all of it; null: by registers alone',
  lines: 'number of lines: see bill_lines',
  problems: LINE.problems,
}
const BILL_TYPES = {
  ...{ usage_point: 'text', month: 'date', plans: 'text[]', amount: 'numeric', currency: 'text', kwh: 'numeric' },
  ...{ estimated_kwh: 'numeric', completeness: 'numeric', lines: 'int8', problems: 'text[]' },
}
const totalsOf = (source: string) => `
  SELECT usage_point, month, array_agg(DISTINCT plan ORDER BY plan), CASE WHEN problems = '{}' THEN sum(amount) END, currency,
         coalesce(sum(kwh), 0), coalesce(sum(estimated_kwh), 0),
         round(sum(covered_seconds) / max(month_seconds), 4), count(*), problems
    FROM ${source}
   GROUP BY usage_point, month, currency, problems`

const totals = (db: Kysely<unknown>) =>
  createView(db, 'analytics.bills', `Bills by what holds now; ${PROOF}`, BILL, totalsOf('analytics.bill_lines'))

const ARGUMENTS = `as_of_time timestamptz, of_point text DEFAULT NULL`
const AS_OF =
  'as it was known at a time: by readings of blocks that were final, and by events of the registry that they named. infinity: all events, now. of_point: that usage point alone'

export const linesAsOf = (db: Kysely<unknown>, kept: KeptForBills) =>
  createFunction(db, 'analytics.bill_lines_as_of', ARGUMENTS, `bill_lines ${AS_OF}`, LINE_TYPES, billLines('as of', kept))

const totalsAsOf = (db: Kysely<unknown>) =>
  createFunction(
    db,
    'analytics.bills_as_of',
    ARGUMENTS,
    `bills ${AS_OF}`,
    BILL_TYPES,
    totalsOf('analytics.bill_lines_as_of(as_of_time, of_point)'),
  )

const tariffView = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.tariffs',
    'Tariff documents of the registry: plans, their signals, and time zones',
    {
      event: 'registry event that published it',
      plan: 'name of the plan, or of the time zone',
      kind: 'interval-plan, register-plan, signal, time-zone; null: it cannot be read',
      valid_from: 'from when on it holds, until the next of its kind and name; a signal: its first moment',
      fault: 'why bills do not look at it; null: they do',
      currency: 'of a plan',
      standing: 'of a plan: price of a local day',
      zones: 'of a plan: number, name and price of each zone',
      document: 'as it was published: JSON, see schemas/SPEC.md, section 18',
    },
    `SELECT t.event_index, t.plan, nullif(t.kind, ''), t.valid_from, t.fault, t.currency,
            t.standing * (10::numeric ^ t.price_scaler)::numeric(20, 9),
            (SELECT array_agg(format('%s %s %s', z.zone, z.name, z.price * (10::numeric ^ t.price_scaler)::numeric(20, 9)) ORDER BY z.zone)
               FROM store.tariff_zones z WHERE z.event_index = t.event_index),
            t.document
       FROM store.tariffs t`,
  )

/** Where a name was mistyped nobody is billed, and nobody would see it. */
const unpriced = (db: Kysely<unknown>) =>
  createView(
    db,
    'analytics.unpriced_points',
    'Times for which a usage point has a plan of which no version holds, or a time zone of which none is published',
    {
      usage_point: 'usage point',
      meter: 'the meter’s id',
      plan: 'the plan that it has',
      zone: 'its time zone',
      valid_from: 'start',
      valid_to: 'end, itself outside; infinity: until further notice',
      missing: 'plan or time-zone',
    },
    `SELECT p.usage_point, m.meter, p.plan, p.zone, p.valid_from, least(p.valid_to, f.first), f.missing
       FROM store.assignments p
       JOIN store.meters m ON m.number = p.meter
      CROSS JOIN LATERAL (
        SELECT 'plan' AS missing, coalesce((SELECT min(valid_from) FROM store.tariffs t
                                             WHERE t.plan = p.plan AND t.kind IN ('interval-plan', 'register-plan')), 'infinity') AS first
        UNION ALL
        SELECT 'time-zone', coalesce((SELECT min(valid_from) FROM store.tariffs t WHERE t.plan = p.zone AND t.kind = 'time-zone'),
                                     'infinity')
         WHERE p.zone NOT IN ('UTC', 'Etc/UTC')) f
      WHERE f.first > p.valid_from`,
  )
