import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import { packedIntervals } from '../infra/testing/packed-intervals.js'
import { createTestDatabase, type TestDatabase } from '../infra/testing/postgres.js'
import { copyRows } from './database.js'
import type { IntervalRow } from './rows/logical-tables.js'
import { ASSIGNMENTS, CHANNELS, METERS, PROFILES } from './rows/tables.js'

let database: TestDatabase
let client: pg.Client
const channel = Buffer.from([1, 0, 1, 8, 0, 255, 30, 125])
const HALF_HOUR = 1_800_000

/** Half hours of 1.001 Wh each. */
function halfHours(from: string, count: number, meter = 1): IntervalRow[] {
  const start = Date.parse(from)
  return Array.from({ length: count }, (_, i) => [
    0,
    1n,
    0,
    meter,
    1,
    channel,
    start + i * HALF_HOUR,
    1800,
    1001,
    i === 0 ? 8 : 0,
  ])
}

beforeAll(async () => {
  database = await createTestDatabase()
  client = new pg.Client({ connectionString: database.writerUrl })
  await client.connect()
  await copyRows(client, CHANNELS, []) // nothing to copy is no statement
  await client.query(`INSERT INTO store.channels VALUES ($1, '1-0:1.8.0*255', 30, -3, 0.001)`, [String(channel.readBigInt64BE())])
  await copyRows(client, METERS, [[1, 'm1', 0, 'device', Buffer.alloc(32), 1, 0, null]])
  const switched = Date.parse('2013-07-10T12:00:00Z')
  const place = ['f', 'r', 'p'] as const
  await copyRows(client, ASSIGNMENTS, [
    [1, 0, switched, 'old', 'Europe/London', ...place, 1],
    [1, switched, Number.POSITIVE_INFINITY, 'new', 'Asia/Kolkata', ...place, 2],
  ])
  const rows = [
    ...halfHours('2013-03-31T00:00:00Z', 46),
    ...halfHours('2013-10-26T18:30:00Z', 24),
    ...halfHours('2012-10-27T23:00:00Z', 50),
    ...halfHours('2013-07-10T11:00:00Z', 4),
  ]
  await copyRows(client, PROFILES, packedIntervals(rows))
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

test('days of 23 and 25 hours are full with 46 and 50 half hours; energy is exact; bills follow the point', async () => {
  const { rows } = await client.query(
    `SELECT day::text, usage_point, kwh::text, intervals::int, expected_intervals::int AS expected, completeness::text, estimated_intervals::int AS estimated
     FROM analytics.daily ORDER BY day, usage_point DESC`,
  )
  const day = (name: string, point: string, kwh: string, intervals: number, expected: number, completeness: string) => {
    return {
      day: name,
      usage_point: point,
      kwh,
      intervals,
      expected,
      completeness,
      estimated: point === 'new' && intervals === 2 ? 0 : 1,
    }
  }
  expect(rows).toEqual([
    day('2012-10-28', 'old', '0.050050', 50, 50, '1.0000'),
    day('2013-03-31', 'old', '0.046046', 46, 46, '1.0000'),
    day('2013-07-10', 'old', '0.002002', 2, 48, '0.0417'),
    day('2013-07-10', 'new', '0.002002', 2, 48, '0.0417'),
    day('2013-10-27', 'new', '0.024024', 24, 48, '0.5000'),
  ])
})

test('a month has the days of its usage point, also where a midnight comes twice', async () => {
  await client.query('BEGIN')
  await copyRows(client, METERS, [[2, 'm2', 0, 'device', Buffer.alloc(32), 1, 0, null]])
  await copyRows(client, ASSIGNMENTS, [[2, 0, Number.POSITIVE_INFINITY, 'cuban', 'America/Havana', 'f', 'r', 'p', 1]])
  // 3 November, 1 o’clock: back to midnight
  const all = halfHours('2013-11-01T04:00:00Z', 30 * 48 + 2, 2)
  await copyRows(client, PROFILES, packedIntervals(all))
  const { rows: days } = await client.query(
    `SELECT sum(kwh)::text AS kwh, count(*)::int AS days, max(intervals)::int AS most FROM analytics.point_days
      WHERE usage_point = 'cuban' AND covered_seconds = expected_seconds`,
  )
  const { rows: months } = await client.query(
    `SELECT kwh::text, full_days::int AS days FROM analytics.top_consumers WHERE usage_point = 'cuban'`,
  )
  await client.query('ROLLBACK')
  expect(days).toEqual([{ kwh: '1.443442', days: 30, most: 50 }])
  expect(months).toEqual([{ kwh: '1.443442', days: 30 }])
})

test('a meter that measured its point for a moment of a day more leaves completeness of all to be asked', async () => {
  await client.query('BEGIN')
  await copyRows(client, METERS, [[3, 'm3', 0, 'device', Buffer.alloc(32), 1, 0, null]])
  const until = Date.parse('2013-12-03T00:00:00.300Z')
  await copyRows(client, ASSIGNMENTS, [[3, 0, until, 'short', 'Europe/London', 'short', 'r', 'p', 1]])
  await copyRows(client, PROFILES, packedIntervals(halfHours('2013-12-02T00:00:00Z', 50, 3)))
  const { rows } = await client.query(
    `SELECT day::text, points::int, completeness::text FROM analytics.completeness WHERE feeder = 'short' ORDER BY day`,
  )
  await client.query('ROLLBACK')
  expect(rows).toEqual([
    { day: '2013-12-02', points: 1, completeness: '1.0000' },
    { day: '2013-12-03', points: 1, completeness: null },
  ])
})
