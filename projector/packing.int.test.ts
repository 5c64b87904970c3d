import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Kysely, Migrator, PostgresDialect } from 'kysely'
import pg from 'pg'
import { TEST_ROLE_PREFIX, testAdminUrl } from '../infra/testing/postgres.js'
import { copyRows } from './database.js'
import { poolOfOne, urlOf } from './migrate.js'
import { migrations } from './migrations/all.js'
import { profileRows, type Series } from './project.js'
import { INTERVALS, type IntervalRow, sourceOf } from './rows/logical-tables.js'
import {
  ASSIGNMENTS,
  type AssignmentRow,
  BLOCKS,
  METERS,
  PROFILES,
  READINGS,
  REGISTERS,
  type ReadingRow,
  type RegisterRow,
} from './rows/tables.js'
import { insertChannel } from './write-block.js'

/** Two databases: one has its rows flat, as before 0013, and the other is that one migrated. */
const TEMPLATE = `packing_${randomBytes(4).toString('hex')}`
let server: pg.Client

const QUARTER = 900
const HOUR_MILLIS = 3_600_000
/** A day before clocks go back in London, and forward in Fiji. */
const BEGIN = Date.parse('2013-10-26T00:00Z') / 1000
const ZONES = ['Europe/London', 'Asia/Kolkata', 'Pacific/Fiji', 'America/New_York'] as const
const CHANNELS = [
  [1, 0, 1, 29, 0, 255, 30, 128],
  [1, 0, 1, 29, 0, 255, 30, 125],
  [1, 0, 2, 29, 0, 255, 30, 128],
  [1, 0, 32, 7, 0, 255, 35, 128],
].map((bytes) => Buffer.from(bytes))
const REGISTER = Buffer.from([1, 0, 1, 8, 0, 255, 30, 128])

interface Message {
  readonly revises: number
  readonly profiles: readonly {
    readonly channel: number
    readonly start: number
    readonly step: number
    readonly values: readonly number[]
    readonly codes: readonly number[]
  }[]
}

const value = fc.oneof(
  { weight: 60, arbitrary: fc.integer({ min: -5, max: 500 }) },
  fc.integer({ min: 2 ** 31 - 1, max: 2 ** 31 }),
)
const message: fc.Arbitrary<Message> = fc.record({
  revises: fc.integer({ min: -1, max: 2 }),
  profiles: fc.array(
    fc.record({
      channel: fc.constantFrom(0, 0, 0, 1, 2, 3),
      start: fc.nat({ max: 300 }).map((quarter) => BEGIN + quarter * QUARTER),
      step: fc.constantFrom(QUARTER, QUARTER, QUARTER, 1_800, 3_600, 700, 86_400, 40 * 86_400),
      values: fc.integer({ min: 1, max: 210 }).chain((length) => fc.array(value, { minLength: length, maxLength: length })),
      codes: fc.array(fc.constantFrom(0, 8, 18), { minLength: 1, maxLength: 1 }),
    }),
    { minLength: 1, maxLength: 2 },
  ),
})
const meters = fc.noBias(fc.array(fc.array(message, { minLength: 3, maxLength: 5 }), { minLength: 4, maxLength: 4 }))

/** An estimate, and what was measured: that ends later than all else, for which of several that begin last is looked at is nobody’s
 *  promise. */
const LATEST: readonly Message[] = [0, 1].map((place) => ({
  revises: place * 100,
  profiles: [{ channel: 0, start: BEGIN + (699 + place) * QUARTER, step: QUARTER, values: [1, 2, 3], codes: [8 - 8 * place] }],
}))

const seriesOf = (histories: readonly (readonly Message[])[]): Series[] =>
  histories.flatMap((history, meter) =>
    [...history, ...LATEST].flatMap(({ profiles }, index) =>
      profiles.map(({ channel, start, step, values, codes: [code = 0] }): Series => {
        const bytes = CHANNELS[channel] ?? Buffer.alloc(8)
        const quality = code === 0 ? [] : [0, code].map((each, i) => ({ code: each, count: i === 0 ? 1 : values.length - 1 }))
        const profile = { obis: bytes.subarray(0, 6), unit: 30, scaler: 0, start, step, values: [...values], quality }
        return { place: [0, BigInt(index + 1), meter], meter: meter + 1, sequence: index + 1, channel: bytes, profile }
      }),
    ),
  )

/** By hand: a row for each interval. */
const flatRows = (series: readonly Series[]): IntervalRow[] =>
  series.flatMap(({ place, meter, sequence, channel, profile: { start, step, values, quality } }) => {
    const code = quality[1]?.code ?? 0
    return values.map((each, i): IntervalRow => {
      return [...place, meter, sequence, channel, (start + i * step) * 1000, step, each, i === 0 ? 0 : code]
    })
  })

async function migrateTo(client: pg.Client, last: string): Promise<void> {
  await client.query(`SET ROLE ${TEST_ROLE_PREFIX}_owner`)
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool: poolOfOne(client) }) })
  const { error } = await new Migrator({ db, provider: migrations, migrationTableSchema: 'migrations' }).migrateTo(last)
  if (error !== undefined) throw error
}

async function withDatabase<T>(name: string, template: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  await server.query(`CREATE DATABASE ${name} TEMPLATE ${template} OWNER ${TEST_ROLE_PREFIX}_owner`)
  const client = new pg.Client({ connectionString: urlOf(testAdminUrl(), name) })
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

beforeAll(async () => {
  server = new pg.Client({ connectionString: testAdminUrl() })
  await server.connect()
  await withDatabase(TEMPLATE, 'template0', async (client) => {
    await migrateTo(client, '0012-bills')
    const obis = ({ 2: c, 3: d }: Buffer) => `1-0:${c}.${d}.0*255`
    for (const [i, channel] of CHANNELS.entries())
      await insertChannel(client, [channel, obis(channel), i === 3 ? 35 : 30, i === 1 ? -3 : 0, i === 1 ? '0.001' : '1'])
    await insertChannel(client, [REGISTER, obis(REGISTER), 30, 0, '1'])
    await client.query('INSERT INTO store.zones SELECT unnest($1::text[])', [ZONES])
    const none = Buffer.alloc(32)
    const final = Date.parse('2013-11-20T15:17Z')
    await copyRows(
      client,
      BLOCKS,
      Array.from({ length: 8 }, (_, i) => [
        ...([0, BigInt(i + 1), none, none, none, none, 9, 9, 1, 0, 0n, 0n, final + i, final + i, 'authority-1', 0, 0n] as const),
        none,
      ]),
    )
  })
})
afterAll(async () => {
  await server.query(`DROP DATABASE IF EXISTS ${TEMPLATE}`)
  await server.end()
})

async function writeFlat(client: pg.Client, histories: readonly (readonly Message[])[], moves: readonly number[]) {
  await copyRows(
    client,
    METERS,
    histories.map((_, i) => [i + 1, `m${i + 1}`, 0, 'device', Buffer.alloc(32), 1, 0, null]),
  )
  const zone = (i: number) => ZONES[i % ZONES.length] ?? 'UTC'
  const place = (i: number) => [`feeder-${i % 2}`, 'north', 'flat', 1] as const
  await copyRows(
    client,
    ASSIGNMENTS,
    histories.flatMap((_, i): AssignmentRow[] => {
      const moved = (BEGIN + (moves[i] ?? 0)) * 1000
      return [
        [i + 1, 0, moved, `p${i}`, zone(i), ...place(i)],
        [i + 1, moved, Number.POSITIVE_INFINITY, `p${i ^ 1}`, zone(i + 1), ...place(i + 1)],
      ]
    }),
  )
  const readings = histories.flatMap((history, i) =>
    [...history, ...LATEST].map(({ revises }, k): ReadingRow => {
      const of = revises > 0 && k > 0 ? Math.min(revises, k) : null
      return [0, BigInt(k + 1), i, i + 1, k + 1, BEGIN * 1000, of, Buffer.alloc(32)]
    }),
  )
  await copyRows(client, READINGS, readings)
  await copyRows(
    client,
    REGISTERS,
    histories.flatMap((_, i) =>
      [0, 30, 48, 77].map((hour): RegisterRow => {
        return [0, 1n, i, i + 1, 1, REGISTER, BEGIN * 1000 + hour * HOUR_MILLIS, hour * 700]
      }),
    ),
  )
  await copyRows(client, INTERVALS, flatRows(seriesOf(histories)))
}

const VIEWS = [
  ...['intervals', 'interval_revisions', 'daily', 'usage_point_meters', 'point_days', 'hourly', 'completeness', 'gaps', 'peaks'],
  ...['top_consumers', 'feeder_balance', 'register_use', 'revisions', 'estimated_actual', 'vee_exceptions'],
]

async function answers(client: pg.Client): Promise<Record<string, readonly string[]>> {
  const found: Record<string, string[]> = {}
  await client.query(`SET TIME ZONE 'UTC'`)
  for (const view of VIEWS) {
    const { rows } = await client.query<{ row: string }>(`SELECT v::text COLLATE "C" AS row FROM analytics.${view} v ORDER BY 1`)
    found[view] = rows.map(({ row }) => row)
  }
  return found
}

async function texts(client: pg.Client, select: string): Promise<string[]> {
  const { rows } = await client.query<{ row: string }>(`SELECT t::text COLLATE "C" AS row FROM (${select}) t ORDER BY 1`)
  return rows.map(({ row }) => row)
}
const TIMES = [
  ['2013-10-26T11:07Z', '2013-10-27T02:30Z'],
  ['-infinity', 'infinity'],
  ['2013-10-29T00:00Z', '2013-10-29T00:00Z'],
]
/** Rows whose total is not that of their values. */
const WRONG = `SELECT * FROM store.profiles
   WHERE total IS DISTINCT FROM (SELECT sum(value) FROM unnest(narrow) value HAVING abs(sum(value) + 0.5) < 2147483648)`
const columnsOf = ({ columns }: { columns: readonly { readonly name: string }[] }) => columns.map(({ name }) => name).join(', ')

test('packing, and sums kept with rows, change no answer of any view, nor any interval, whatever meters sent: overlaps, corrections, other steps, the same twice', async () => {
  let seen = 0
  await fc.assert(
    fc.asyncProperty(meters, fc.array(fc.nat({ max: 500_000 }), { minLength: 4, maxLength: 4 }), async (histories, moves) => {
      const name = `${TEMPLATE}_${seen++}`
      await withDatabase(name, TEMPLATE, async (client) => {
        await writeFlat(client, histories, moves)
        await client.query('ANALYZE')
        const flat = await texts(client, `SELECT ${columnsOf(INTERVALS)} FROM store.intervals`)
        const before = await answers(client)
        await migrateTo(client, '0020-totals')
        expect(await texts(client, `SELECT ${columnsOf(INTERVALS)} FROM ${sourceOf(INTERVALS)}`)).toEqual(flat)
        expect(await answers(client)).toEqual(before)
        expect(await texts(client, WRONG)).toEqual([])
        for (const [from, to] of TIMES) {
          const columns =
            'meter, usage_point, interval_start, interval_end, obis, value, kwh, quality, sequence, lane, height, entry'
          const view = `SELECT ${columns} FROM analytics.intervals WHERE interval_start >= '${from}' AND interval_start < '${to}'`
          expect(await texts(client, `SELECT ${columns} FROM analytics.intervals_between('${from}', '${to}')`)).toEqual(
            await texts(client, view),
          )
          expect(
            await texts(client, `SELECT ${columns} FROM analytics.intervals_between('${from}', '${to}', 'feeder-1')`),
          ).toEqual(await texts(client, `${view} AND feeder = 'feeder-1'`))
        }
        expect(VIEWS.filter((view) => before[view]?.length === 0)).toEqual([])
        // as the projector writes them
        await client.query('TRUNCATE store.profiles')
        await copyRows(client, PROFILES, profileRows(seriesOf(histories)))
        expect(await texts(client, `SELECT ${columnsOf(INTERVALS)} FROM ${sourceOf(INTERVALS)}`)).toEqual(flat)
        expect(await answers(client)).toEqual(before)
        expect(await texts(client, WRONG)).toEqual([])
      }).finally(() => server.query(`DROP DATABASE ${name}`))
    }),
    // each run is a database: to shrink would make hundreds
    { numRuns: 2, endOnFailure: true },
  )
}, 300_000)
