import type { Kysely, Migration } from 'kysely'
import { createTable, run } from './described.js'

/** What bills are made of, beside readings. The registry's events come again from the first: those in the tables were written without
 *  these. */
export const tariffs: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await pastAssignments(db)
    await documents(db)
    await zones(db)
    await shapes(db)
    await times(db)
    await run(db, `UPDATE ledger.cursors SET height = 0, registry_size = 0, next_offset = 0 WHERE source = 'registry'`)
  },
}

const EVENT = ['int8 NOT NULL', 'registry event that published it'] as const

async function pastAssignments(db: Kysely<unknown>): Promise<void> {
  await createTable(
    db,
    'store.past_assignments',
    'Assignments of usage points that a later event with the same start replaced: bills as of a date need them',
    {
      meter: ['int4 NOT NULL', 'number of the meter'],
      valid_from: ['timestamptz NOT NULL', 'start of the period'],
      usage_point: ['text NOT NULL', 'the usage point’s id'],
      zone: ['text NOT NULL', 'IANA time zone of its days'],
      plan: ['text NOT NULL', 'tariff plan'],
      event_index: ['int8 NOT NULL', 'registry event that said so'],
    },
    ['PRIMARY KEY (meter, valid_from, event_index)'],
  )
  // who asks for one usage point's bills must not read those of all
  await run(db, 'CREATE INDEX assignments_point ON store.assignments (usage_point)')
}

const documents = (db: Kysely<unknown>) =>
  createTable(
    db,
    'store.tariffs',
    'Tariff documents of the registry: plans, signals, time zones; see schemas/SPEC.md, section 18',
    {
      event_index: ['int8 PRIMARY KEY', EVENT[1]],
      plan: ['text NOT NULL', 'name of the plan, or of the time zone'],
      kind: ['text NOT NULL', 'interval-plan, register-plan, signal, time-zone; empty where it cannot be read'],
      valid_from: ['timestamptz NOT NULL', 'from when on it holds; a signal: its first moment'],
      fault: ['text', 'why it says nothing to bills; null: it does'],
      currency: ['text', 'plan: ISO 4217'],
      decimals: ['int2', 'plan: digits to which a line is rounded'],
      price_scaler: ['int2', 'plan: prices are integers * 10^price_scaler'],
      standing: ['int8', 'plan: price of a local day'],
      measures: ['text', 'interval plan: OBIS code of the intervals that it bills'],
      signal: ['int2', 'interval plan: 1 where signals go before its rules, else 0'],
      document: ['text NOT NULL', 'the document as it was published, JSON'],
    },
  )

const zones = (db: Kysely<unknown>) =>
  createTable(
    db,
    'store.tariff_zones',
    'Zones of plans',
    {
      event_index: EVENT,
      zone: ['int2 NOT NULL', 'number in the plan, from 0'],
      name: ['text NOT NULL', 'its name'],
      price: ['int8 NOT NULL', 'integer * 10^price_scaler for a kWh'],
      register: ['text', 'register plan: OBIS code of its register'],
    },
    ['PRIMARY KEY (event_index, zone)'],
  )

/** A day's shape instead of rules: a query looks a minute up where it would have to try up to 64 rules for each interval (1.2 million
 *  half hours: 39 s by rules, 15 s by shapes, both on a busy machine). */
async function shapes(db: Kysely<unknown>): Promise<void> {
  await createTable(
    db,
    'store.tariff_days',
    'Days of interval plans by season, weekday and holiday: the zone of each minute, by the plan’s rules',
    {
      event_index: EVENT,
      season: ['int2 NOT NULL', 'number of the part of the year, from 0'],
      first_day: ['int2 NOT NULL', 'first day of that part, month * 100 + day; 0: from the new year on'],
      weekday: ['int2 NOT NULL', 'ISO weekday, 1 Monday to 7'],
      holiday: ['int2 NOT NULL', '1: of holidays; 0: of other days'],
      zones: ['bytea NOT NULL', 'a byte for each of the 1,440 minutes: number of the zone'],
    },
    ['PRIMARY KEY (event_index, season, weekday, holiday)'],
  )
  await createTable(
    db,
    'store.tariff_holidays',
    'Holidays of interval plans',
    {
      event_index: EVENT,
      holiday: ['int2 NOT NULL', 'place among the plan’s holidays, from 0'],
      day: ['int4 NOT NULL', 'the local date, days since 1970-01-01'],
    },
    ['PRIMARY KEY (event_index, holiday)'],
  )
}

async function times(db: Kysely<unknown>): Promise<void> {
  const span = {
    valid_from: ['timestamptz NOT NULL', 'start'],
    valid_to: ['timestamptz NOT NULL', 'end, itself outside'],
  } as const
  await createTable(
    db,
    'store.tariff_signals',
    'Signals of plans, in runs of one zone; where one says nothing there is no row',
    { event_index: EVENT, ...span, zone: ['int2 NOT NULL', 'zone that it says'] },
    ['PRIMARY KEY (event_index, valid_from)'],
  )
  await createTable(
    db,
    'store.zone_offsets',
    'Local time of time zones as the registry says it: what this server knows of zones has no part in bills',
    { event_index: EVENT, ...span, utc_offset: ['int4 NOT NULL', 'seconds that local time is ahead of UTC'] },
    ['PRIMARY KEY (event_index, valid_from)'],
  )
}
