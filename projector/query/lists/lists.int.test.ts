import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { parse } from 'csv-parse/sync'
import pg from 'pg'
import pino from 'pino'
import { addressOf, DAYS, FIRST_DAY, openQueried, POINT, type Queried } from '../../../infra/testing/queried.js'
import { until } from '../../../infra/testing/until.js'
import { ReadOnlyDatabase } from '../read-only.js'
import { LISTS } from './all.js'
import { columnsOf } from './list.js'
import { bodyOf } from './stream.js'

let queried: Queried
let analyst: pg.Client
let admin: pg.Client

beforeAll(async () => {
  queried = await openQueried({ statementMillis: 2_000 })
  analyst = new pg.Client({ connectionString: queried.testDatabase.analystUrl })
  admin = new pg.Client({ connectionString: queried.testDatabase.adminUrl })
  await Promise.all([analyst.connect(), admin.connect()])
}, 60_000)
afterAll(async () => {
  await Promise.all([analyst.end(), admin.end()])
  await queried.close()
})

type Item = Record<string, unknown>
interface Page {
  items: Item[]
  next: string | null
}

const ask = (path: string, accept = 'application/json') => fetch(queried.url + path, { headers: { accept } })
async function get(path: string): Promise<Page> {
  const answer = await ask(path)
  const text = await answer.text()
  expect([path, answer.status, answer.status === 200 ? '' : text]).toEqual([path, 200, ''])
  return JSON.parse(text)
}
async function problem(path: string, accept?: string) {
  const answer = await ask(path, accept)
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  const { status, detail } = (await answer.json()) as { status: number; detail: string }
  return { status, detail }
}
const withQuery = (path: string, more: string) => `${path}${path.includes('?') ? '&' : '?'}${more}`

async function allPages(path: string, limit: number): Promise<Item[]> {
  const items: Item[] = []
  for (let cursor = ''; ; ) {
    const page: Page = await get(withQuery(path, `limit=${limit}${cursor}`))
    expect(page.items.length).toBeLessThanOrEqual(limit)
    items.push(...page.items)
    if (page.next === null) return items
    cursor = `&cursor=${page.next}`
  }
}

describe.each(LISTS.map((list) => [list.path, list] as const))('%s', (_path, list) => {
  const address = addressOf(list)

  test('has each row once, in one order, by pages, as NDJSON and as CSV', async () => {
    const whole = await get(withQuery(address, 'limit=1000'))
    expect(whole.items.length).toBeGreaterThan(0)
    expect(whole.next).toBeNull()
    expect(await allPages(address, Math.ceil(whole.items.length / 3))).toEqual(whole.items)
    const lines = await ask(address, 'application/x-ndjson')
    expect(lines.headers.get('content-type')).toBe('application/x-ndjson')
    const rows = (await lines.text()).trimEnd().split('\n')
    expect(rows.map((row) => JSON.parse(row))).toEqual(whole.items)
    const csv = await ask(address, 'text/csv')
    expect(csv.headers.get('content-type')).toBe('text/csv; charset=utf-8; header=present')
    const asText = (value: unknown) => (value === null ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value))
    const texts = whole.items.map((item) =>
      Object.fromEntries(Object.entries(item).map(([name, value]) => [name, asText(value)])),
    )
    expect(parse(await csv.text(), { columns: true })).toEqual(texts)
  })

  test('says of each column what its schema says', async () => {
    const { items } = await get(withQuery(address, 'limit=1000'))
    for (const { name, kind, isNullable } of columnsOf(list)) {
      const values = items.map((item) => item[name])
      const types = new Set(values.map((value) => (value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value)))
      const expected = { integer: 'number', flag: 'boolean', texts: 'array', integers: 'array' } as Record<string, string>
      if (!isNullable) expect([name, types]).toEqual([name, new Set([expected[kind] ?? 'string'])])
      if (kind === 'integer') expect(values.every((value) => value === null || Number.isSafeInteger(value))).toBe(true)
      const times = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/
      if (kind === 'time') expect(values.every((value) => value === null || times.test(String(value)))).toBe(true)
      if (kind === 'decimal') expect(values.every((value) => value === null || /^-?\d+(\.\d+)?$/.test(String(value)))).toBe(true)
    }
  })

  test('refuses what it does not know, and says so', async () => {
    expect(await problem(withQuery(address, 'depth=1'))).toEqual({
      status: 400,
      detail: "there is no parameter 'depth' here: see /openapi.json",
    })
    for (const cursor of ['x', Buffer.from('["1"').toString('base64url'), Buffer.from('[1]').toString('base64url')])
      expect(await problem(withQuery(address, `cursor=${cursor}`))).toMatchObject({
        status: 422,
        detail: expect.stringMatching(/^the cursor is not one that this list gave/),
      })
    expect(await problem(address, 'image/png')).toEqual({
      status: 406,
      detail: 'accept one of application/json, application/x-ndjson, text/csv',
    })
  })

  test('HEAD costs no rows', async () => {
    const answer = await fetch(queried.url + address, { method: 'HEAD', headers: { accept: 'text/csv' } })
    expect([answer.status, await answer.text()]).toEqual([200, ''])
  })
})

describe('what lists say', () => {
  test('the intervals of a usage point go through the exchange of its meter, exact, each with its entry', async () => {
    const { items } = await get(`/v1/usage-points/${POINT}/intervals?limit=1000`)
    const { rows } = await analyst.query(
      `SELECT meter, value::text, kwh::text, lane, height::int, entry, interval_start AS start FROM analytics.intervals
        WHERE usage_point = 'point/1 ü' ORDER BY interval_start`,
    )
    expect(items).toHaveLength(DAYS * 48)
    expect(
      items.map(({ meter, value, kwh, lane, height, entry, start }) => ({ meter, value, kwh, lane, height, entry, start })),
    ).toEqual(rows.map((row) => ({ ...row, start: row.start.toISOString().replace('.000', '') })))
    expect(new Set(items.map(({ meter }) => meter))).toEqual(new Set(['meter-1', 'meter-2']))
    expect(items[0]).toMatchObject({ unit: 'Wh', value: '0.1', kwh: '0.0001', start: '2026-01-30T00:00:00Z', stepSeconds: 1_800 })
  })

  test('a range of times, an OBIS code, and a correction', async () => {
    const obis = encodeURIComponent('1-0:1.29.0*255')
    const { items } = await get(
      `/v1/meters/meter-3/intervals?from=2026-01-30T00:00:00Z&to=2026-01-30T02:00:00%2B00:30&obis=${obis}`,
    )
    expect(items.map(({ start, value, sequence }) => [start, value, sequence])).toEqual([
      ['2026-01-30T00:00:00Z', '7', 5],
      ['2026-01-30T00:30:00Z', '8', 5],
      ['2026-01-30T01:00:00Z', expect.any(String), 1],
    ])
  })

  test('days and bills are those of analytics', async () => {
    const { items } = await get(`/v1/usage-points/${POINT}/daily?from=2026-01-31&to=2026-02-02`)
    const { rows } = await analyst.query(
      `SELECT day::text, kwh::text, meters FROM analytics.point_days WHERE usage_point = 'point/1 ü' AND day IN ('2026-01-31', '2026-02-01') ORDER BY day`,
    )
    expect(rows).toHaveLength(2)
    expect(items.map(({ day, kwh, meters }) => ({ day, kwh, meters }))).toEqual(rows)
    const bills = await get(`/v1/usage-points/${POINT}/bills`)
    const billed = await analyst.query(
      `SELECT month::text, amount::text FROM analytics.bills WHERE usage_point = 'point/1 ü' ORDER BY month`,
    )
    expect(billed.rows).toHaveLength(2)
    expect(bills.items.map(({ month, amount }) => ({ month, amount }))).toEqual(billed.rows)
    expect((await get('/v1/bills?month=2026-02')).items.map(({ usagePoint }) => usagePoint)).toEqual(['point-2', 'point/1 ü'])
    expect((await get(`/v1/usage-points/${POINT}/bills?asOf=2020-01-01T00:00:00Z`)).items).toEqual([])
    const early = await get('/v1/bill-lines?month=2026-01&asOf=2020-01-01T00:00:00Z')
    expect(early).toEqual({ items: [], next: null })
  })

  test('usage points show their newest meter, and which one was there before', async () => {
    const { items } = await get('/v1/usage-points?feeder=feeder-1&region=north')
    expect(items.map(({ usagePoint, meter, validTo }) => [usagePoint, meter, validTo])).toEqual([
      ['point-2', 'meter-3', null],
      ['point/1 ü', 'meter-2', null],
      ['store', 'meter-1', null],
    ])
    const answer = await ask(`/v1/usage-points/${POINT}`)
    expect(await answer.json()).toEqual(items[1])
    expect(await problem('/v1/usage-points/nowhere')).toMatchObject({ status: 404 })
    const { items: meters } = await get(`/v1/usage-points/${POINT}/meters`)
    const exchange = new Date((FIRST_DAY + 2 * 86_400) * 1000).toISOString().replace('.000', '')
    expect(meters.map(({ meter, validFrom, validTo }) => [meter, validFrom, validTo])).toEqual([
      ['meter-1', '1970-01-01T00:00:00Z', exchange],
      ['meter-2', exchange, null],
    ])
  })

  test('repairs and rejections come newest first', async () => {
    const { items } = await get('/v1/repairs?kind=resend&status=completed&limit=2')
    expect(items.map(({ id, tookMillis }) => [id, tookMillis])).toEqual([
      ['repair 4', 60_009],
      ['repair 3', 60_007],
    ])
    expect((await get('/v1/repairs?kind=wait')).items[0]).toMatchObject({ lane: null, detail: 'says "so", and\nmore' })
    expect((await get('/v1/repair-events?repair=repair%204')).items.map(({ status }) => status)).toEqual([
      'completed',
      'requested',
    ])
    const rejected = await get('/v1/rejections?source=door&from=2026-02-02T03:00:00Z')
    expect(rejected.items.map(({ rejectedAt, meter }) => [rejectedAt, meter])).toEqual([
      ['2026-02-02T04:00:00Z', null],
      ['2026-02-02T03:00:00Z', 'meter-9'],
    ])
  })

  test('what is not there is told with the way to what is', async () => {
    for (const [path, detail] of [
      ['/v1/usage-points/nowhere/daily', "no meter was ever at a usage point 'nowhere': /v1/usage-points lists them"],
      ['/v1/meters/nobody/registers', "no meter 'nobody' is enrolled: /v1/meters lists them"],
      ['/v1/lanes/7/blocks', 'there is no lane 7: /v1/lanes lists them'],
    ] as const)
      expect(await problem(path)).toEqual({ status: 404, detail })
  })

  test('a range that is too long, or none, is told with its values', async () => {
    const range = (from: string, to: string) => problem(`/v1/intervals?from=${from}T00:00:00Z&to=${to}T00:00:00Z`)
    expect(await range('2026-01-01', '2026-02-02')).toMatchObject({
      status: 422,
      detail: expect.stringContaining('more than 31 days'),
    })
    expect(await range('2026-01-02', '2026-01-02')).toMatchObject({
      status: 422,
      detail: expect.stringContaining('before it begins'),
    })
    expect(await problem('/v1/daily?from=2026-01-01')).toEqual({
      status: 400,
      detail: "the parameter 'to' is missing: see /openapi.json",
    })
    expect((await get('/v1/daily?from=0000-01-01&to=0000-12-31')).items).toEqual([])
    expect((await get('/v1/meters/meter-3/intervals?to=2016-12-31T23:59:60Z')).items).toEqual([])
    expect((await get('/v1/meters/meter-3/intervals?from=9999-12-31T23:59:59-23:59')).items).toEqual([])
    expect((await problem('/v1/repairs?kind=dance')).detail).toMatch(/kind is "dance": it must be .* \(resend, reseal, /)
  })

  test('a cursor of another list is none of this one', async () => {
    const { next } = await get('/v1/meters?limit=1')
    expect(await problem(`/v1/tariffs?cursor=${next}`)).toEqual({
      status: 422,
      detail: 'the cursor is not one that this list gave: ask for the first page, without a cursor',
    })
  })
})

describe('a request has a bound', () => {
  test('memory: an answer is made as fast as it is taken', async () => {
    const rows = await queried.database.open(`SELECT i::text, repeat('x', 1000) FROM generate_series(1, 1000000) i`, [])
    await rows.next()
    const before = process.memoryUsage().rss
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    expect(process.memoryUsage().rss - before).toBeLessThan(50_000_000)
    rows.close()
  })

  test('whoever goes away in the middle of an answer leaves no session behind', async () => {
    await admin.query(
      `INSERT INTO store.door_rejections SELECT 1, i, '2026-03-01', 65, '', '\\x00', repeat('x', 500), '\\x00' FROM generate_series(1, 60000) i`,
    )
    for (let i = 0; i < 4; i++) {
      const aborted = new AbortController()
      const answer = await fetch(`${queried.url}/v1/rejections`, { headers: { accept: 'text/csv' }, signal: aborted.signal })
      await answer.body?.getReader().read()
      aborted.abort()
    }
    await until('no session holds rows', 10_000, async () => {
      const { rows } = await admin.query(
        `SELECT count(*)::int AS open FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%analytics.rejections%' AND pid <> pg_backend_pid() AND state <> 'idle'`,
      )
      return rows[0].open === 0
    })
    const all = await ask('/v1/rejections?lane=1', 'text/csv')
    expect((await all.text()).split('\r\n')).toHaveLength(60_002)
  })

  test('an answer whose database goes away in the middle is cut off for whoever asked', async () => {
    const answer = await ask('/v1/rejections?lane=1', 'text/csv')
    expect(answer.status).toBe(200)
    const reader = answer.body?.getReader()
    await reader?.read()
    await admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%analytics.rejections%' AND pid <> pg_backend_pid()`,
    )
    const rest = (async () => {
      while (!(await reader?.read())?.done);
    })()
    await expect(rest).rejects.toThrow('terminated')
  })

  test('time: what is not taken in time is cut off, so that nobody takes a part for all', async () => {
    const rows = await queried.database.open(`SELECT i::text, repeat('x', 1000) FROM generate_series(1, 1000000) i`, [])
    const body = bodyOf({ rows, first: await rows.next(), head: '', line: ([x]) => `${x}\n`.repeat(10), millis: 300 })
    const taken = (async () => {
      for await (const _chunk of body) await new Promise((resolve) => setTimeout(resolve, 50))
    })()
    await expect(taken).rejects.toThrow('the answer was not taken within 0.3 s')
  })

  test('a stream that fails in the middle is cut off too, and a failure before it is a problem', async () => {
    const failing = await queried.database.open('SELECT (1 / (5000 - i))::text FROM generate_series(1, 10000) i', [])
    const body = bodyOf({ rows: failing, first: await failing.next(), head: '', line: ([x]) => `${x}\n` })
    await expect(body.toArray()).rejects.toThrow('division by zero')
    await expect(queried.database.textRows('SELECT 1 / 0', [])).rejects.toThrow('division by zero')
  })

  test('time: a statement that takes too long is told, with what to do', async () => {
    await admin.query('CREATE VIEW analytics.slow AS SELECT pg_sleep(60)::text AS slow')
    await admin.query('GRANT SELECT ON analytics.slow TO PUBLIC')
    await expect(queried.database.textRows('SELECT slow FROM analytics.slow', [])).rejects.toThrow(
      'the query took too long: ask for less at a time',
    )
    await admin.query('DROP VIEW analytics.slow')
  })

  test('streams: whoever comes while all are taken is told to ask again', async () => {
    const taken = [await queried.database.open('SELECT 1', []), await queried.database.open('SELECT 1', [])]
    expect(await problem('/v1/meters', 'text/csv')).toMatchObject({ status: 503 })
    for (const rows of taken) rows.close()
    expect((await ask('/v1/meters', 'text/csv')).status).toBe(200)
  })

  test('rights: where there is no role of readers nothing is answered, and it is said what to do', async () => {
    await admin.query('ALTER SCHEMA ledger RENAME TO elsewhere')
    const fresh = new ReadOnlyDatabase({
      ...{ url: queried.testDatabase.writerUrl, logger: pino({ level: 'silent' }), connections: 1, statementMillis: 1_000 },
      ...{ waitMillis: 2_000, streams: 1, streamStatementMillis: 1_000 },
    })
    await expect(fresh.rows('SELECT 1')).rejects.toThrow(
      'this database has no tables, or no role of readers: run meterchain migrate',
    )
    await admin.query('ALTER SCHEMA elsewhere RENAME TO ledger')
    await expect(fresh.rows('SELECT 1')).resolves.toHaveLength(1)
    await fresh.close()
  })

  test('rights: its sessions can read everything, and change nothing, whatever they are told', async () => {
    const { rows } = await queried.database
      .rows<{ role: string }>('SELECT current_user AS role')
      .then((found) => ({ rows: found }))
    expect(rows).toEqual([{ role: 'meterchain_test_reader' }])
    await expect(queried.database.rows('DELETE FROM store.readings')).rejects.toThrow(/permission denied|read-only/)
    await expect(queried.database.rows(`SELECT set_config('default_transaction_read_only', 'off', false)`)).resolves.toBeDefined()
    await expect(queried.database.rows('DELETE FROM ledger.votes')).rejects.toThrow(/permission denied|read-only/)
  })
})
