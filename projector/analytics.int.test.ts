import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { packedIntervals } from '../infra/testing/packed-intervals.js'
import { createTestDatabase, type TestDatabase } from '../infra/testing/postgres.js'
import { copyRows } from './database.js'
import type { IntervalRow } from './rows/logical-tables.js'
import { ASSIGNMENTS, BLOCKS, type BlockRow, METERS, PROFILES, READINGS, REGISTERS, type RegisterRow } from './rows/tables.js'
import { insertChannel } from './write-block.js'

/** By hand: meter 1 is exchanged for meter 2 at noon of 10 July at point p; meter 3 measures q; meter 4 is the head of feeder f. */
let database: TestDatabase
let writer: pg.Client
let analyst: pg.Client

const HALF_HOUR = 1_800
const channelOf = (...bytes: number[]) => Buffer.from(bytes)
const IMPORT = channelOf(1, 0, 1, 29, 0, 255, 30, 128)
const IN_MILLI = channelOf(1, 0, 1, 29, 0, 255, 30, 125)
const EXPORT = channelOf(1, 0, 2, 29, 0, 255, 30, 128)
const VOLTAGE = channelOf(1, 0, 32, 7, 0, 255, 35, 128)
const register = (tariff: number) => channelOf(1, 0, 1, 8, tariff, 255, 30, 128)
const at = (text: string) => Date.parse(`${text}Z`)
const LAST_BLOCK = at('2013-12-31T00:00')

interface Sent {
  readonly meter: number
  readonly from: string
  readonly values: readonly number[]
  readonly sequence?: number
  readonly channel?: Buffer
  readonly step?: number
  readonly quality?: number
  readonly height?: bigint
}

const sent = ({
  meter,
  from,
  values,
  sequence = 1,
  channel = IMPORT,
  step = HALF_HOUR,
  quality = 0,
  height = 1n,
}: Sent): IntervalRow[] =>
  values.map((value, i) => [0, height, meter, meter, sequence, channel, at(from) + i * step * 1000, step, value, quality])

const same = (value: number, count: number) => Array<number>(count).fill(value)

const block = (height: bigint, finalAt: number): BlockRow => {
  const none = Buffer.alloc(32)
  return [0, height, none, none, none, none, 9, 9, 1, 0, 0n, 0n, finalAt, finalAt, 'authority-1', 0, 0n, none]
}

const readRegister = (meter: number, when: string, tariff: number, value: number): RegisterRow => [
  ...([0, 1n, meter, meter, 1, register(tariff), at(when), value] as const),
]

beforeAll(async () => {
  database = await createTestDatabase()
  writer = new pg.Client({ connectionString: database.writerUrl })
  analyst = new pg.Client({ connectionString: database.analystUrl })
  await Promise.all([writer.connect(), analyst.connect()])
  await channels()
  await registry()
  await copyRows(writer, BLOCKS, [block(1n, at('2013-07-01T00:00')), block(2n, at('2013-09-01T00:00')), block(3n, LAST_BLOCK)])
  await copyRows(writer, PROFILES, packedIntervals(intervals()))
  await copyRows(writer, REGISTERS, registers())
  const leaf = Buffer.alloc(32)
  await copyRows(writer, READINGS, [
    [0, 1n, 1, 1, 1, at('2013-07-01T00:10'), null, leaf],
    [0, 2n, 1, 1, 2, at('2013-08-31T23:59'), 1, leaf],
    [0, 1n, 3, 3, 1, at('2013-06-30T12:00'), null, leaf],
    [0, 2n, 3, 3, 2, at('2013-08-31T00:00'), 1, leaf],
  ])
})
afterAll(async () => {
  await Promise.all([writer.end(), analyst.end()])
  await database.drop()
})

async function channels(): Promise<void> {
  const obis = ({ 2: c, 3: d, 4: e }: Buffer) => `1-0:${c}.${d}.${e}*255`
  const wattHours = [IMPORT, EXPORT, register(0), register(1), register(2)]
  for (const channel of wattHours) await insertChannel(writer, [channel, obis(channel), 30, 0, '1'])
  await insertChannel(writer, [IN_MILLI, obis(IN_MILLI), 30, -3, '0.001'])
  await insertChannel(writer, [VOLTAGE, obis(VOLTAGE), 35, 0, '1'])
}

async function registry(): Promise<void> {
  const place = (feeder: string) => [feeder, 'north', 'flat', 1] as const
  const exchange = at('2013-07-10T12:00')
  const ever = Number.POSITIVE_INFINITY
  await copyRows(
    writer,
    METERS,
    [1, 2, 3, 4].map((number) => [number, `m${number}`, 0, 'device', Buffer.alloc(32), 1, 0, null]),
  )
  await copyRows(writer, ASSIGNMENTS, [
    [1, 0, exchange, 'p', 'Europe/London', ...place('f')],
    [1, exchange, ever, 'store', 'Europe/London', ...place('')],
    [2, 0, exchange, 'store', 'Europe/London', ...place('')],
    [2, exchange, ever, 'p', 'Europe/London', ...place('f')],
    [3, 0, ever, 'q', 'Europe/London', ...place('f')],
    [4, 0, ever, 'f', 'Europe/London', ...place('station')],
  ])
}

function intervals(): IntervalRow[] {
  return [
    // days of 23 and 25 hours of q, with export and voltage in between
    ...sent({ meter: 3, from: '2013-03-31T00:00', values: same(100, 46) }),
    ...sent({ meter: 3, from: '2013-10-26T23:00', values: same(100, 50) }),
    ...sent({ meter: 3, from: '2013-10-27T10:00', values: [40], channel: EXPORT }),
    ...sent({ meter: 3, from: '2013-10-27T10:00', values: [230], channel: VOLTAGE }),
    // the day of the exchange of p, and the day before with an hour that is missing
    ...sent({ meter: 1, from: '2013-07-08T23:00', values: same(200, 20) }),
    ...sent({ meter: 1, from: '2013-07-09T10:00', values: same(200, 26) }),
    ...sent({ meter: 1, from: '2013-07-09T23:00', values: same(200, 26) }),
    ...sent({ meter: 2, from: '2013-07-10T12:00', values: same(300, 22) }),
    // three days of which nothing is there, a day of zeros, and a spike
    ...sent({ meter: 2, from: '2013-07-13T23:00', values: same(0, 48) }),
    ...sent({ meter: 2, from: '2013-07-14T23:00', values: [...same(10, 30), 90, ...same(10, 17)] }),
    // estimated in July, measured in August: one of two by another scaler
    ...sent({ meter: 1, from: '2013-07-01T00:00', values: [500, 500], quality: 8 }),
    ...sent({ meter: 1, from: '2013-07-01T00:00', values: [450_500], channel: IN_MILLI, sequence: 2, height: 2n }),
    // a correction of q by a whole hour, over two half hours
    ...sent({ meter: 3, from: '2013-06-30T10:00', values: [70, 80] }),
    ...sent({ meter: 3, from: '2013-06-30T10:00', values: [170], step: 3_600, sequence: 2, height: 2n }),
    ...sent({ meter: 4, from: '2013-10-26T23:00', values: same(110, 50) }),
  ]
}

function registers(): RegisterRow[] {
  return [
    // q: what the intervals say, then 6 Wh more
    readRegister(3, '2013-10-26T23:00', 0, 99_990_000),
    readRegister(3, '2013-10-27T11:00', 0, 99_992_400),
    readRegister(3, '2013-10-28T00:00', 0, 99_995_006),
    // it rolls over, and goes back
    readRegister(3, '2013-11-01T00:00', 0, 1_000),
    readRegister(3, '2013-11-02T00:00', 0, 400),
    readRegister(3, '2013-10-26T23:00', 1, 1_000),
    readRegister(3, '2013-10-27T11:00', 1, 2_000),
    readRegister(3, '2013-10-28T00:00', 1, 3_000),
    readRegister(3, '2013-10-26T23:00', 2, 0),
    readRegister(3, '2013-10-27T11:00', 2, 1_399),
    readRegister(3, '2013-10-28T00:00', 2, 2_000),
  ]
}

/** As the analyst, every value as text. */
async function ask(sql: string): Promise<Record<string, string>[]> {
  return (await analyst.query({ text: sql, types: { getTypeParser: () => String } })).rows
}

test('the sign of a unit is part of a query, not a function that is called for each row', async () => {
  const { rows } = await analyst.query<{ 'QUERY PLAN': string }>('EXPLAIN (VERBOSE) SELECT unit FROM analytics.intervals')
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n')
  expect(plan).toContain("'DLMS unit '")
  expect(plan).not.toContain('unit_name(')
})

describe('days of a usage point', () => {
  test('go on through an exchange, and are full with the intervals of both meters', async () => {
    const rows = await ask(
      `SELECT day, kwh, intervals AS n, expected_seconds / 3600 AS hours, completeness AS part, meters FROM analytics.point_days
        WHERE usage_point = 'p' AND day BETWEEN '2013-07-09' AND '2013-07-11' ORDER BY day`,
    )
    expect(rows).toEqual([
      { day: '2013-07-09', kwh: '9.200', n: '46', hours: '24', part: '0.9583', meters: '{m1}' },
      { day: '2013-07-10', kwh: '11.800', n: '48', hours: '24', part: '1.0000', meters: '{m1,m2}' },
      { day: '2013-07-11', kwh: null, n: '0', hours: '24', part: '0.0000', meters: '{m2}' },
    ])
  })

  test('have 23 and 25 hours where clocks change, and one row for each OBIS code of energy', async () => {
    const rows = await ask(
      `SELECT day, obis, kwh, expected_seconds / 3600 AS hours, completeness AS part FROM analytics.point_days
        WHERE usage_point = 'q' AND day IN ('2013-03-31', '2013-10-27') ORDER BY day, obis`,
    )
    expect(rows).toEqual([
      { day: '2013-03-31', obis: '1-0:1.29.0*255', kwh: '4.600', hours: '23', part: '1.0000' },
      { day: '2013-10-27', obis: '1-0:1.29.0*255', kwh: '5.000', hours: '25', part: '1.0000' },
      { day: '2013-10-27', obis: '1-0:2.29.0*255', kwh: '0.040', hours: '25', part: '0.0200' },
    ])
  })

  test('lead to their entries', async () => {
    const [day] = await ask(`SELECT day_start, day_end FROM analytics.point_days WHERE usage_point = 'p' AND day = '2013-07-10'`)
    const rows = await ask(
      `SELECT DISTINCT lane, height, entry FROM analytics.intervals WHERE usage_point = 'p' AND obis = '1-0:1.29.0*255'
          AND interval_start >= '${day?.day_start}' AND interval_start < '${day?.day_end}' ORDER BY entry`,
    )
    expect(rows).toEqual([
      { lane: '0', height: '1', entry: '1' },
      { lane: '0', height: '1', entry: '2' },
    ])
  })

  test('are summed by feeder', async () => {
    const rows = await ask(
      `SELECT region, feeder, obis, points, full_points, silent_points, estimated_points, completeness, missing_hours
         FROM analytics.completeness WHERE day = '2013-07-11' AND feeder = 'f'`,
    )
    expect(rows).toEqual([
      {
        ...{ region: 'north', feeder: 'f', obis: '1-0:1.29.0*255', points: '2', full_points: '0', silent_points: '2' },
        ...{ estimated_points: '0', completeness: '0.0000', missing_hours: '48.00' },
      },
    ])
  })

  test('have an hour of the clock twice where it is set back', async () => {
    const rows = await ask(
      `SELECT hour, kwh, kw, weekday FROM analytics.hourly WHERE usage_point = 'q' AND day = '2013-10-27' AND obis ~ ':1[.]' AND hour < 3
        ORDER BY hour_start`,
    )
    expect(rows.map(({ hour }) => hour)).toEqual(['0', '1', '1', '2'])
    expect(rows[0]).toEqual({ hour: '0', kwh: '0.200', kw: '0.200000', weekday: '7' })
  })
})

test('gaps are whole, over days that have nothing, within days and to the day’s end', async () => {
  const rows = await ask(
    `SELECT gap_start, gap_end, hours, first_day, last_day, meters FROM analytics.gaps WHERE usage_point = 'p' AND gap_start > '2013-07-08 23:00' ORDER BY gap_start`,
  )
  expect(rows).toEqual([
    {
      ...{ gap_start: '2013-07-09 09:00:00+00', gap_end: '2013-07-09 10:00:00+00', hours: '1.00' },
      ...{ first_day: '2013-07-09', last_day: '2013-07-09', meters: '{m1}' },
    },
    {
      ...{ gap_start: '2013-07-10 23:00:00+00', gap_end: '2013-07-13 23:00:00+00', hours: '72.00' },
      ...{ first_day: '2013-07-11', last_day: '2013-07-13', meters: '{m2}' },
    },
  ])
})

test('which meter measured which point when can be asked', async () => {
  const rows = await ask(
    `SELECT meter, valid_to, first_interval, last_interval FROM analytics.usage_point_meters WHERE usage_point IN ('p', 'store') AND first_interval IS NOT NULL ORDER BY valid_from`,
  )
  expect(rows).toEqual([
    {
      ...{ meter: 'm1', valid_to: '2013-07-10 12:00:00+00', first_interval: '2013-07-01 00:00:00+00' },
      last_interval: '2013-07-10 11:30:00+00',
    },
    { meter: 'm2', valid_to: 'infinity', first_interval: '2013-07-10 12:00:00+00', last_interval: '2013-07-15 22:30:00+00' },
  ])
})

describe('consumption', () => {
  test('peaks are the greatest power of a month, with the entry that says so', async () => {
    const rows = await ask(
      `SELECT kw, at, meter, height, entry FROM analytics.peaks WHERE usage_point = 'p' AND month = '2013-07-01'`,
    )
    expect(rows).toEqual([{ kw: '1.000000', at: '2013-07-01 00:30:00+00', meter: 'm1', height: '1', entry: '1' }])
  })

  test('the greatest consumers come first, with their share', async () => {
    const rows = await ask(
      `SELECT rank, usage_point, kwh, share FROM analytics.top_consumers WHERE month = '2013-10-01' AND obis ~ ':1[.]' ORDER BY rank`,
    )
    expect(rows).toEqual([
      { rank: '1', usage_point: 'f', kwh: '5.500', share: '0.523810' },
      { rank: '2', usage_point: 'q', kwh: '5.000', share: '0.476190' },
    ])
  })

  test('a load curve has the mean and two of the values', async () => {
    const rows = await ask(
      `SELECT weekday, hour, points, hours, mean_kw, p50_kw, p95_kw FROM analytics.load_curve
        WHERE month = '2013-10-01' AND obis ~ ':1[.]' AND hour = 1`,
    )
    expect(rows).toEqual([
      { weekday: '7', hour: '1', points: '2', hours: '4', mean_kw: '0.2100', p50_kw: '0.200000', p95_kw: '0.220000' },
    ])
  })

  test('a feeder loses what goes in and does not come out', async () => {
    const rows = await ask(
      `SELECT delivered_kwh AS d, generated_kwh AS g, consumed_kwh AS c, returned_kwh AS r, losses_kwh AS l, loss_ratio, points
         FROM analytics.feeder_balance WHERE feeder = 'f' AND day = '2013-10-27'`,
    )
    expect(rows).toEqual([{ d: '5.500', g: '0.040', c: '5.000', r: '0', l: '0.540', loss_ratio: '0.097473', points: '1' }])
    const [day] = await ask(
      `SELECT delivered_kwh, losses_kwh, is_complete FROM analytics.feeder_balance WHERE feeder = 'f' AND day = '2013-07-10'`,
    )
    expect(day).toEqual({ delivered_kwh: null, losses_kwh: null, is_complete: 'f' })
  })
})

describe('corrections', () => {
  test('take the place of all that they overlap, whatever their scaler and step', async () => {
    const rows = await ask(
      `SELECT usage_point, kwh, step_seconds, sequence FROM analytics.intervals
        WHERE interval_start < '2013-07-02' AND interval_start > '2013-06-01' ORDER BY interval_start`,
    )
    expect(rows).toEqual([
      { usage_point: 'q', kwh: '0.170', step_seconds: '3600', sequence: '2' },
      { usage_point: 'p', kwh: '0.450500', step_seconds: '1800', sequence: '2' },
      { usage_point: 'p', kwh: '0.500', step_seconds: '1800', sequence: '1' },
    ])
  })

  test('are told with what they changed, and with both entries', async () => {
    const rows = await ask(
      `SELECT meter, revises, intervals, changed_intervals AS changed, kwh_before, kwh_after, days_late, height, entry, revised_height, revised_entry
         FROM analytics.revisions ORDER BY meter`,
    )
    expect(rows).toEqual([
      {
        ...{
          meter: 'm1',
          revises: '1',
          intervals: '1',
          changed: '1',
          kwh_before: '0.500',
          kwh_after: '0.450500',
          days_late: '62.0',
        },
        ...{ height: '2', entry: '1', revised_height: '1', revised_entry: '1' },
      },
      {
        ...{
          meter: 'm3',
          revises: '1',
          intervals: '1',
          changed: '1',
          kwh_before: '0.070',
          kwh_after: '0.170',
          days_late: '62.5',
        },
        ...{ height: '2', entry: '3', revised_height: '1', revised_entry: '3' },
      },
    ])
  })

  test('hold estimates against what was measured', async () => {
    const rows = await ask(
      'SELECT meter, estimated_kwh, actual_kwh, error_kwh, quality, estimated_height, height FROM analytics.estimated_actual',
    )
    expect(rows).toEqual([
      {
        ...{ meter: 'm1', estimated_kwh: '0.500', actual_kwh: '0.450500', error_kwh: '0.049500', quality: '8' },
        ...{ estimated_height: '1', height: '2' },
      },
    ])
  })
})

describe('validation', () => {
  const exceptions = (rule: string) =>
    ask(`SELECT usage_point AS point, meter, begins_at AS at, kwh, limit_kwh, detail, height, entry FROM analytics.vee_exceptions
          WHERE rule = '${rule}' AND begins_at >= '2013-06-01' ORDER BY begins_at`)

  test('finds missing time, and days of zeros', async () => {
    const missing = (await exceptions('missing')).filter(({ point }) => point === 'p')
    const lengths = ['190.00', '1.00', '72.00'].map((hours) => `${hours} h without intervals`)
    expect(missing.map(({ detail }) => detail)).toEqual(lengths)
    expect(await exceptions('zero-run')).toMatchObject([
      { point: 'p', meter: 'm2', at: '2013-07-13 23:00:00+00', detail: '1 days in which every interval is 0', height: '1' },
    ])
  })

  test('finds a spike by the third-highest of its day', async () => {
    expect((await exceptions('spike')).filter(({ point }) => point === 'p')).toEqual([
      {
        ...{ point: 'p', meter: 'm2', at: '2013-07-15 14:00:00+00', kwh: '0.090', limit_kwh: '0.0280', height: '1', entry: '2' },
        detail: 'the third-highest of the day is 0.01 kWh',
      },
    ])
  })

  test('holds registers against intervals and tariff registers, and knows a rollover from a register that goes back', async () => {
    expect(await exceptions('sum-check')).toMatchObject([
      {
        at: '2013-10-27 11:00:00+00',
        kwh: '2.606',
        limit_kwh: '2.600',
        detail: 'the register counted 0.006 kWh more than the intervals',
      },
    ])
    expect(await exceptions('tariff-sum')).toMatchObject([
      { at: '2013-10-27 11:00:00+00', kwh: '1.601', limit_kwh: '2.606', entry: '3' },
    ])
    expect(await exceptions('rollover')).toMatchObject([{ at: '2013-10-28 00:00:00+00', kwh: '5.994' }])
    expect(await exceptions('register-back')).toMatchObject([{ at: '2013-11-01 00:00:00+00', kwh: '-0.600' }])
  })

  test('finds a clock that is ahead, and none that is behind', async () => {
    expect(await exceptions('clock-ahead')).toMatchObject([
      { point: 'p', meter: 'm1', detail: 'its clock is 600 s or more ahead', height: '1', entry: '1' },
    ])
    const clocks = await ask('SELECT meter, day, messages, least_seconds FROM analytics.clocks ORDER BY meter, day')
    expect(clocks).toEqual([
      { meter: 'm1', day: '2013-07-01', messages: '1', least_seconds: '-600.000' },
      { meter: 'm1', day: '2013-09-01', messages: '1', least_seconds: '60.000' },
      { meter: 'm3', day: '2013-07-01', messages: '1', least_seconds: '43200.000' },
      { meter: 'm3', day: '2013-09-01', messages: '1', least_seconds: '86400.000' },
    ])
  })
})
