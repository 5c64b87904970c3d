import type { Kysely, Migration } from 'kysely'
import { createSchema, createTable, type DescribedColumns, run } from './described.js'

/** Where a row comes from. Few tables here have a key: the cursor in the same transaction gives the exactly-once effect, and a
 *  unique index would halve the rate of loading and more (measured: 1.09 M rows/s by COPY without, 237 k with). */
const ORIGIN: DescribedColumns = {
  lane: ['int2 NOT NULL', 'lane of the block that it came in'],
  height: ['int8 NOT NULL', 'height of that block'],
  entry: ['int2 NOT NULL', 'entry of that block, from 0'],
}

/** Wide columns first: PostgreSQL aligns, so this order saves 8 bytes a row. */
const wideFirst = (columns: DescribedColumns): DescribedColumns => {
  const width = (definition: string) => ['int8', 'timestamptz', 'int4', 'int2'].findIndex((type) => definition.startsWith(type))
  const rank = ([, [definition]]: readonly [string, readonly [string, string]]) => (width(definition) + 5) % 5
  return Object.fromEntries(Object.entries(columns).sort((a, b) => rank(a) - rank(b)))
}

export const store: Migration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createSchema(db, 'store', 'The rows that follow from the logs; made again from them at any time')
    await meters(db)
    await assignments(db)
    await channels(db)
    await readings(db)
    await intervals(db)
    await registers(db)
    await rejections(db)
    await references(db)
  },
}

async function meters(db: Kysely<unknown>): Promise<void> {
  await createTable(db, 'store.meters', 'Enrolled meters, as of the registry size of the cursor', {
    number: ['int4 PRIMARY KEY', 'place in the order of enrolment, from 1: the same after every replay'],
    meter: ['text NOT NULL', 'the meter’s id'],
    lane: ['int2 NOT NULL', 'lane of its readings'],
    signer: ['text NOT NULL', 'who holds its key: device, gateway or importer'],
    key: ['bytea NOT NULL', 'the public key registered last'],
    event_index: ['int8 NOT NULL', 'registry event of its enrolment'],
    leaf_index: ['int4 NOT NULL', 'its place in that enrolment, from 0'],
    retired_from: ['int8', 'from this sequence on nothing counts; null: in use'],
  })
  await run(db, 'CREATE INDEX meters_meter ON store.meters (meter)')
}

const assignments = (db: Kysely<unknown>) =>
  createTable(
    db,
    'store.assignments',
    'Which usage point a meter measures, and when; periods of one meter touch and do not overlap',
    {
      meter: ['int4 NOT NULL', 'number of the meter'],
      valid_from: ['timestamptz NOT NULL', 'start of the period'],
      valid_to: ['timestamptz NOT NULL', 'end of the period, itself outside; infinity: until further notice'],
      usage_point: ['text NOT NULL', 'the usage point’s id'],
      zone: ['text NOT NULL', 'IANA time zone of its days'],
      feeder: ['text NOT NULL', 'feeder that supplies it'],
      region: ['text NOT NULL', 'region that it lies in'],
      plan: ['text NOT NULL', 'tariff plan'],
      event_index: ['int8 NOT NULL', 'registry event that says so'],
    },
    ['PRIMARY KEY (meter, valid_from)'],
  )

const channels = (db: Kysely<unknown>) =>
  createTable(db, 'store.channels', 'What the values of a channel are', {
    channel: [
      'int8 PRIMARY KEY',
      'the 8 bytes OBIS, unit, scaler + 128 as a number: the same after every replay, whoever writes first',
    ],
    obis: ['text NOT NULL', 'OBIS code A-B:C.D.E*F'],
    unit: ['int2 NOT NULL', 'DLMS unit: 30 Wh, 32 varh, 27 W'],
    scaler: ['int2 NOT NULL', 'value * 10^scaler unit'],
    factor: ['numeric NOT NULL', '10^scaler'],
  })

/** Hash on leaf: proofs are asked for by it. It holds 4 bytes of each, a btree would hold all 32. */
async function readings(db: Kysely<unknown>): Promise<void> {
  await createTable(
    db,
    'store.readings',
    'Messages that count',
    wideFirst({
      ...ORIGIN,
      meter: ['int4 NOT NULL', 'number of the meter'],
      sequence: ['int8 NOT NULL', 'the meter’s number of the message'],
      sent_at: ['timestamptz NOT NULL', 'by the meter’s clock'],
      revises: ['int8', 'the sequence that it corrects'],
      leaf: ['bytea NOT NULL', 'leaf hash of the entry: the receipt, and the link of the next message'],
    }),
  )
  await indexOrigin(db, 'readings')
  await run(db, 'CREATE INDEX readings_meter ON store.readings (meter, sequence)')
  // corrections are few: the views ask for them of every interval
  await run(db, 'CREATE INDEX readings_corrections ON store.readings (meter, sequence) WHERE revises IS NOT NULL')
  await run(db, 'CREATE INDEX readings_leaf ON store.readings USING hash (leaf)')
}

/** 84 bytes a row, and 49 more for the index by which analysts ask. Loading 2 million rows by 20,000 on 2 shared cores: 234 k rows/s
 *  without an index, 219 k with BRIN, 163 k with both. */
async function intervals(db: Kysely<unknown>): Promise<void> {
  await createTable(
    db,
    'store.intervals',
    'Interval data of messages that count, one row each; corrections stand beside what they correct',
    wideFirst({
      ...ORIGIN,
      meter: ['int4 NOT NULL', 'number of the meter'],
      sequence: ['int8 NOT NULL', 'sequence of the message: of one interval’s rows that of the highest holds'],
      channel: ['int8 NOT NULL', 'what the value is: see store.channels'],
      start: ['timestamptz NOT NULL', 'start of the interval'],
      step: ['int4 NOT NULL', 'length of the interval, seconds'],
      value: ['int8 NOT NULL', 'raw integer: value * 10^scaler unit'],
      quality: ['int2 NOT NULL', 'ESPI quality: 0 valid, 7 edited, 8 to 11 estimated, …'],
    }),
  )
  await indexOrigin(db, 'intervals')
  await run(db, 'CREATE INDEX intervals_meter ON store.intervals (meter, start)')
}

async function registers(db: Kysely<unknown>): Promise<void> {
  await createTable(
    db,
    'store.registers',
    'Register readings of messages that count, one row each',
    wideFirst({
      ...ORIGIN,
      meter: ['int4 NOT NULL', 'number of the meter'],
      sequence: ['int8 NOT NULL', 'sequence of the message'],
      channel: ['int8 NOT NULL', 'what the value is: see store.channels'],
      at: ['timestamptz NOT NULL', 'when the register was read'],
      value: ['int8 NOT NULL', 'raw integer: value * 10^scaler unit'],
    }),
  )
  await indexOrigin(db, 'registers')
  await run(db, 'CREATE INDEX registers_meter ON store.registers (meter, at)')
}

/** BRIN: a block's rows lie together, and it costs next to nothing (24 kB for a million rows against 32 MB of a btree). */
const indexOrigin = (db: Kysely<unknown>, table: string) =>
  run(
    db,
    `CREATE INDEX ${table}_origin ON store.${table} USING brin (lane, height) WITH (pages_per_range = 32, autosummarize = on)`,
  )

async function rejections(db: Kysely<unknown>): Promise<void> {
  await createTable(db, 'store.rejections', 'Entries of final blocks that do not count', {
    ...ORIGIN,
    fault: ['int4 NOT NULL', 'why: see store.faults; a verdict of rules that this program does not know may give any number'],
    meter: ['text', 'the meter id that it gives, unproven; null: it could not be read'],
    sequence: ['int8', 'the sequence that it gives; null: it could not be read'],
    leaf: ['bytea NOT NULL', 'leaf hash of the entry'],
  })
  await indexOrigin(db, 'rejections')
  await run(db, 'CREATE INDEX rejections_leaf ON store.rejections USING hash (leaf)')
  await createTable(
    db,
    'store.door_rejections',
    'What the door refused; the topic keeps it for 90 days',
    {
      lane: ['int2 NOT NULL', 'partition of topic rejections'],
      log_offset: ['int8 NOT NULL', 'offset in it'],
      at: ['timestamptz NOT NULL', 'when the door refused it'],
      fault: ['int2 NOT NULL', 'why: see store.faults'],
      meter: ['text NOT NULL', 'the meter id that it gave, unproven; empty: it could not be read'],
      leaf: ['bytea NOT NULL', 'leaf hash of what was sent'],
      detail: ['text NOT NULL', 'what exactly was wrong'],
      bytes: ['bytea NOT NULL', 'its first bytes'],
    },
    ['PRIMARY KEY (lane, log_offset)'],
  )
}

/** Filled by every run of `migrate`, for they follow from the program and from the server, not from the logs. */
async function references(db: Kysely<unknown>): Promise<void> {
  await createTable(db, 'store.faults', 'What each fault code means', {
    code: ['int2 PRIMARY KEY', 'number in verdicts'],
    name: ['text NOT NULL', 'short name'],
    meaning: ['text NOT NULL', 'what is wrong'],
    remedy: ['text NOT NULL', 'what the sender can do'],
  })
  await createTable(db, 'store.zones', 'Time zones that this server knows; days of any other zone are shown in UTC', {
    zone: ['text PRIMARY KEY', 'IANA name'],
  })
}
