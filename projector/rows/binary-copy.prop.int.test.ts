import { afterAll, beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import pg from 'pg'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { LIMITS } from '../../schemas/limits.js'
import { render, selectRows } from '../audit/render.js'
import { copyRows } from '../database.js'
import { binaryCopy, CopyData } from './binary-copy.js'
import { ASSIGNMENTS, DOOR_REJECTIONS, PROFILES, READINGS, type Row, type Table } from './tables.js'

let database: TestDatabase
let client: pg.Client

beforeAll(async () => {
  database = await createTestDatabase()
  client = new pg.Client({ connectionString: database.writerUrl })
  await client.connect()
  await client.query(`SET TIME ZONE 'Asia/Kolkata'`)
})
afterAll(async () => {
  await client.end()
  await database.drop()
})

const int = (bits: number) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 })
const long = fc.integer({ min: -LIMITS.long, max: LIMITS.long })
const height = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const time = fc.integer({ min: 0, max: LIMITS.epochSeconds * 1000 })
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((each) => Buffer.from(each))
const text = fc.string({ unit: 'grapheme', maxLength: 100 }).map((each) => each.replaceAll('\0', ''))
const place = [int(16), height, int(16)] as const

async function roundTrip<R extends Row>(table: Table<R>, row: fc.Arbitrary<R>, runs = 40): Promise<void> {
  const rowsOf = fc.array(row, { maxLength: 60 })
  await fc.assert(
    fc.asyncProperty(rowsOf, async (rows) => {
      await client.query(`BEGIN; DELETE FROM ${table.name}`)
      await copyRows(client, table, rows)
      const { rows: found } = await client.query<string[]>({ text: selectRows(table, 'true'), rowMode: 'array' })
      await client.query('ROLLBACK')
      const texts = (each: readonly (string | null)[][]) => each.map((line) => JSON.stringify(line)).sort()
      expect(texts(found)).toEqual(texts(rows.map((each) => [...render(table, each)])))
    }),
    { numRuns: runs },
  )
}

test('readings go into PostgreSQL and come back as they were', () =>
  roundTrip(READINGS, fc.tuple(...place, int(32), long, time, fc.option(long), bytes(32))))

const arrayOf = (element: fc.Arbitrary<number>) => fc.array(element, { minLength: 1, maxLength: 200 })
const values = fc.oneof(
  arrayOf(int(32)).map((narrow) => [narrow, null] as const),
  arrayOf(long).map((wide) => [null, wide] as const),
)

test('intervals do, packed, to the last digit and second, up to the year 9999', () =>
  roundTrip(
    PROFILES,
    fc
      .tuple(fc.tuple(...place, int(32), long, bytes(8), time, int(32)), values, fc.option(arrayOf(int(16))), fc.option(int(32)))
      .map(([origin, [narrow, wide], quality, total]) => [...origin, narrow, wide, quality, total]),
  ))

test('texts of any script, and periods without end, do', async () => {
  const end = fc.oneof(time, fc.constant(Number.POSITIVE_INFINITY))
  const row = fc.tuple(int(32), time, end, text, text, text, text, text, long)
  await roundTrip(ASSIGNMENTS, row)
})

test('bytes of any length do', () =>
  roundTrip(
    DOOR_REJECTIONS,
    fc.tuple(
      int(16),
      height,
      time,
      int(16),
      text,
      bytes(32),
      text,
      fc.uint8Array({ maxLength: 2_000 }).map((each) => Buffer.from(each)),
    ),
  ))

test('rows larger than a chunk, and many chunks, arrive whole', async () => {
  const rows = Array.from(
    { length: 50 },
    (_, i): Row => [1, BigInt(i), 0, 1, 'm', Buffer.alloc(32), 'd', Buffer.alloc(i * 20_000, i)],
  )
  await client.query('BEGIN')
  await copyRows(client, DOOR_REJECTIONS, rows)
  const { rows: found } = await client.query('SELECT log_offset, length(bytes) AS size FROM store.door_rejections ORDER BY 1')
  await client.query('ROLLBACK')
  expect(found).toEqual(rows.map((_, i) => ({ log_offset: String(i), size: i * 20_000 })))
})

test('rows that were made ready, and rows after them, are the same COPY as all at once, each time it is sent', () => {
  const rowsOf = fc.array(fc.tuple(...place, int(32), long, time, fc.option(long), bytes(32)), { maxLength: 200 })
  const joined = (chunks: Iterable<Buffer>) => Buffer.concat([...chunks])
  fc.assert(
    fc.property(rowsOf, rowsOf, (ready, more) => {
      const data = new CopyData(READINGS)
      for (const row of ready) data.add(row)
      expect(data.isEmpty).toBe(ready.length === 0)
      for (let time = 0; time < 2; time++)
        expect(joined(data.chunks(more)).equals(joined(binaryCopy(READINGS, [...ready, ...more])))).toBe(true)
    }),
  )
})

test('a number that a double cannot hold exactly is refused', () => {
  const row: Row = [0, 1n, 0, 1, 2 ** 53, 0, null, Buffer.alloc(32)]
  expect(() => [...binaryCopy(READINGS, [row])]).toThrow(RangeError)
})
