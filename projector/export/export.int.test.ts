/** What an export writes, read by DuckDB: another implementation than the one that wrote it. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import { timeZoneDocument } from '../../infra/registry/time-zone-document.js'
import { BilledChain } from '../../infra/testing/billed-chain.js'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { runCli } from '../../infra/testing/run-cli.js'
import { parseNote } from '../../schemas/checkpoint/note.js'
import { Database } from '../database.js'
import { withClient } from '../migrate.js'
import type { Done } from './copy-rows.js'
import { type ExportFacts, exportView, sidecarPath } from './export-view.js'
import type { Format } from './row-file.js'

const OBIS = Buffer.from([1, 0, 1, 8, 0, 255])
const START = Date.UTC(2013, 2, 1) / 1000
const POINTS = ['point-1', 'point-2', 'a "quoted", name']
const PLAN = {
  ...{ version: 1, kind: 'interval-plan', currency: 'GBP', decimals: 2, priceScaler: -5, standing: 1_000 },
  ...{ measures: '1-0:1.8.0*255', zones: [{ name: 'all', price: 14_228 }], schedule: [], holidays: [], signal: false },
}

let folder: string
let testDatabase: TestDatabase
let database: Database
const chain = new BilledChain()

/** Half hours of 40 days in the finest unit that there is. */
function fill(): void {
  chain.publish('Europe/London', 0, timeZoneDocument('Europe/London', 2005, 2020))
  chain.publish('plan', 0, PLAN)
  const usagePoint = (id: string) => ({ id, zone: 'Europe/London', feeder: 'feeder', region: '', plan: 'plan' })
  chain.enrol(POINTS.map((id, i) => ({ meter: `meter-${i + 1}`, usagePoint: usagePoint(id) })))
  for (let day = 0; day < 40; day++) {
    for (let meter = 1; meter <= POINTS.length; meter++) {
      const values = Array.from({ length: 48 }, (_, i) => 1_234_567_890_123 * meter + day * 48 + i)
      const profile = { obis: OBIS, unit: 30, scaler: -9, start: START + day * 86_400, step: 1800, values, quality: [] }
      const register = { obis: OBIS, unit: 30, scaler: 0, at: START + day * 86_400, value: 1_000 + day }
      chain.add(`meter-${meter}`, {
        profiles: [profile],
        registers: [register],
        revises: null,
        sentAt: (START + day * 86_400) * 1000,
      })
    }
    if (day % 10 === 9) chain.seal()
  }
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'export-'))
  testDatabase = await createTestDatabase()
  database = new Database({ url: testDatabase.writerUrl, logger: pino({ level: 'silent' }), connections: 4 })
  fill()
  await chain.cover()
  chain.seal()
  await chain.write(database)
})
afterAll(async () => {
  await database.close()
  await testDatabase.drop()
  rmSync(folder, { recursive: true })
})

const withAnother = <T>(use: (client: pg.Client) => Promise<T>) => withClient(testDatabase.writerUrl, use)
const NO_RANGE = { points: [], meters: [] }
async function exported(view: string, format: Format, range: Partial<Parameters<typeof exportView>[0]['range']> = {}) {
  const path = join(folder, `${view}-${Math.random()}.${format}`)
  const progress: [number, number][] = []
  const onProgress = ({ done, total }: Done) => void progress.push([done, total])
  const made = await withAnother((client) =>
    exportView({ client, view, range: { ...NO_RANGE, ...range }, path, format, onProgress }),
  )
  return { path, progress, ...made }
}

/** Rows as DuckDB gives them, each value as its text. */
async function duck(sql: string): Promise<(string | null)[][]> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  try {
    await connection.run("SET TimeZone = 'UTC'")
    const reader = await connection.runAndReadAll(sql)
    return reader.getRows().map((row) => row.map((value) => (value === null ? null : String(value))))
  } finally {
    connection.closeSync()
  }
}
async function postgres(sql: string): Promise<(string | null)[][]> {
  const types = { getTypeParser: () => (value: string) => value } as never
  const client = new pg.Client({ connectionString: testDatabase.writerUrl, types })
  await client.connect()
  try {
    return (await client.query<(string | null)[]>({ text: sql, rowMode: 'array' })).rows
  } finally {
    await client.end()
  }
}
const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')

describe('an export', () => {
  test('to Parquet and CSV holds what the view holds, to the last digit, as DuckDB reads it', async () => {
    const expected =
      await postgres(`SELECT meter, usage_point, extract(epoch FROM interval_start)::int8, step_seconds, value::numeric(38, 12),
        kwh::numeric(38, 12), sequence, lane, height, entry, region FROM analytics.intervals
      ORDER BY usage_point COLLATE "C", meter, interval_start`)
    expect(expected).toHaveLength(40 * 48 * 3)
    for (const format of ['parquet', 'csv'] as const) {
      const { path, facts } = await exported('intervals', format)
      expect(facts.rows).toBe(expected.length)
      const source = format === 'csv' ? `read_csv('${path}', all_varchar = true, allow_quoted_nulls = false)` : `'${path}'`
      const rows =
        await duck(`SELECT meter, usage_point, epoch(interval_start::timestamptz)::int8, step_seconds, value::decimal(38, 12),
        kwh::decimal(38, 12), sequence, lane, height, entry, region FROM ${source}`)
      expect(rows).toEqual(expected)
    }
  })

  test('has exact types: whole numbers, decimals of 12 digits, times of UTC, days', async () => {
    const { path } = await exported('intervals', 'parquet')
    const types = new Map((await duck(`DESCRIBE SELECT * FROM '${path}'`)).map(([name, type]) => [name, type]))
    expect(types.get('sequence')).toBe('BIGINT')
    expect(types.get('step_seconds')).toBe('INTEGER')
    expect(types.get('kwh')).toBe('DECIMAL(38,12)')
    expect(types.get('interval_start')).toBe('TIMESTAMP WITH TIME ZONE')
    const daily = await exported('daily', 'parquet')
    expect(await duck(`SELECT typeof(day), min(day)::text, sum(kwh)::text FROM '${daily.path}' GROUP BY 1`)).toEqual([
      ['DATE', '2013-03-01', (await postgres('SELECT sum(kwh)::numeric(38, 12) FROM analytics.daily'))[0]?.[0]],
    ])
  })

  test('holds decimals of either sign and any size, alone and in lists, to the last digit', async () => {
    const texts = ['-0.000000000001', '0', '-1', '-256.5', '18446744073.709551616', '-18446744073.709551617']
    const largest = `${'9'.repeat(26)}.${'9'.repeat(12)}`
    const values = [...texts, largest, `-${largest}`, 'NULL'].map((text, i) => `(${i}, ${text})`)
    const path = join(folder, 'decimals.parquet')
    await withClient(testDatabase.adminUrl, async (client) => {
      // numbers that repeat, as readings do, and more of them than are remembered
      await client.query(
        `CREATE VIEW analytics.decimals AS SELECT n, d, ARRAY[d, NULL, -d] AS pair FROM (VALUES ${values.join(', ')}) v (n, d)
         UNION ALL SELECT n, (n % 10007 - 5000) / 1000.0, '{}' FROM generate_series(9, 60000) n`,
      )
      await exportView({ client, view: 'decimals', range: NO_RANGE, path, format: 'parquet', onProgress: () => undefined })
    })
    const decimal = (each: string) => `${each}::decimal(38, 12)::text`
    const digest = "md5(string_agg(coalesce(d::decimal(38, 12)::text, 'none'), ',' ORDER BY n))"
    const few = `SELECT n::text, ${decimal('d')}, ${decimal('pair[1]')}, ${decimal('pair[3]')} FROM`
    const expected = await withClient(testDatabase.adminUrl, async (client) => {
      const rows = async (text: string) => (await client.query<(string | null)[]>({ text, rowMode: 'array' })).rows
      const both = [
        await rows(`${few} analytics.decimals WHERE n < 9 ORDER BY n`),
        await rows(`SELECT ${digest} FROM analytics.decimals`),
      ]
      await client.query('DROP VIEW analytics.decimals')
      return both
    })
    expect(await duck(`${few} '${path}' WHERE n < 9 ORDER BY n`)).toEqual(expected[0])
    expect(await duck(`SELECT ${digest} FROM '${path}'`)).toEqual(expected[1])
    expect(await duck(`SELECT DISTINCT converted_type FROM parquet_schema('${path}') WHERE precision IS NOT NULL`)).toEqual([
      ['DECIMAL'],
    ])
  })

  test('of intervals, asked for by usage point, is what it would be at once', async () => {
    await withClient(testDatabase.adminUrl, (client) =>
      client.query(
        'CREATE VIEW analytics.at_once AS SELECT * FROM analytics.intervals; GRANT SELECT ON analytics.at_once TO PUBLIC',
      ),
    )
    for (const range of [{}, { points: ['point-2', 'point-1', 'nobody'] }, { meters: ['meter-3'], from: '2013-03-09' }]) {
      const [byPoint, atOnce] = [await exported('intervals', 'csv', range), await exported('at_once', 'csv', range)]
      expect(byPoint.facts.rows).toBeGreaterThan(0)
      expect(byPoint.sha256).toBe(atOnce.sha256)
    }
    await withClient(testDatabase.adminUrl, (client) => client.query('DROP VIEW analytics.at_once'))
  })

  test('of every view can be made, and read again', async () => {
    const views = await postgres("SELECT viewname FROM pg_views WHERE schemaname = 'analytics' ORDER BY 1")
    expect(views.length).toBeGreaterThan(25)
    for (const [view = ''] of views) {
      const name = view ?? ''
      const { path, facts } = await exported(name, 'parquet')
      expect([name, await duck(`SELECT count(*)::text FROM '${path}'`)]).toEqual([name, [[String(facts.rows)]]])
      expect([name, (await postgres(`SELECT count(*) FROM analytics.${name}`))[0]?.[0]]).toEqual([name, String(facts.rows)])
      const csv = await exported(name, 'csv')
      expect([name, csv.facts.rows]).toEqual([name, facts.rows])
    }
  })

  test('of lists and of endless times says what files can say', async () => {
    const bills = await exported('bills', 'parquet')
    expect(await duck(`SELECT DISTINCT plans[1], len(problems)::text FROM '${bills.path}'`)).toEqual([['plan', '0']])
    const meters = await exported('usage_point_meters', 'parquet')
    expect(await duck(`SELECT count(*)::text, count(valid_to)::text FROM '${meters.path}'`)).toEqual([['3', '0']])
    const csv = await exported('usage_point_meters', 'csv')
    expect(readFileSync(csv.path, 'utf8').split('\r\n')[1]).toMatch(/^"a ""quoted"", name",/)
  })

  test('says of which moment it is: chain, signed checkpoint, height of each lane, in its metadata or beside', async () => {
    const { path, facts } = await exported('daily', 'parquet')
    const [row] = await duck(`SELECT decode(value) FROM parquet_kv_metadata('${path}') WHERE decode(key) = 'meterchain'`)
    expect(JSON.parse(row?.[0] ?? '')).toEqual(facts)
    expect(facts.chainId).toBe(chain.registry.chainId.toString('hex'))
    const last = chain.blocks.at(-1)
    // the newest block came after the checkpoint
    expect(facts.lanes).toEqual([
      {
        ...{ lane: 0, height: 5, hash: last?.hash.toString('hex'), verdictHash: last?.verdictHash.toString('hex') },
        checkpointHeight: 4,
      },
    ])
    expect(facts.registrySize).toBe(chain.registry.state.size)
    const note = parseNote(facts.checkpoint?.note ?? '')
    expect(note?.head).toEqual({ size: 4, root: Buffer.from(facts.checkpoint?.root ?? '', 'hex') })
    expect(note?.lines).toHaveLength(chain.registry.authorityKeys.length)

    const csv = await exported('daily', 'csv')
    const beside = JSON.parse(readFileSync(sidecarPath(csv.path), 'utf8')) as ExportFacts
    expect(beside).toEqual({ ...csv.facts, bytes: csv.bytes, sha256: sha256(csv.path) })
    expect(csv.sha256).toBe(sha256(csv.path))
  })

  test('is the same file where the ledger’s state is the same', async () => {
    const [a, b] = [await exported('intervals', 'parquet'), await exported('intervals', 'parquet')]
    expect(a.sha256).toBe(b.sha256)
    expect(a.sha256).toBe(sha256(a.path))
  })

  test('takes usage points, meters and times', async () => {
    const from = '2013-03-05T00:00:00Z'
    const one = await exported('intervals', 'parquet', { points: ['point-1', 'nobody'], from, to: '2013-03-07T00:00:00Z' })
    expect(
      await duck(`SELECT usage_point, count(*)::text, epoch(min(interval_start))::int8::text FROM '${one.path}' GROUP BY 1`),
    ).toEqual([['point-1', '96', String(Date.parse(from) / 1000)]])
    expect((await exported('daily', 'csv', { meters: [], from: '2013-03-05', to: '2013-03-06' })).facts.rows).toBe(3)
    expect((await exported('intervals', 'csv', { meters: ['meter-2'] })).facts.rows).toBe(40 * 48)
    expect((await exported('intervals', 'csv', { from, timeColumn: 'interval_end' })).facts.rows).toBe((36 * 48 + 1) * 3)
    expect((await exported('daily', 'parquet', { points: ["'; DROP"] })).facts.rows).toBe(0)
  })

  test('that cannot be says why', async () => {
    const why = (view: string, range: Parameters<typeof exported>[2]) => exported(view, 'csv', range)
    await expect(why('nothing', {})).rejects.toThrow(
      /there is no view analytics.nothing; there are arrivals, bill_lines, bills, /,
    )
    await expect(why('blocks', { points: ['a'] })).rejects.toThrow('no column usage_point')
    await expect(why('bills', { meters: ['a'] })).rejects.toThrow('no column meter')
    await expect(why('meters', { from: '2013-01-01' })).rejects.toThrow('no column of time')
    await expect(why('daily', { from: '2013-01-01T00:00:00Z' })).rejects.toThrow('day is a day')
    await expect(why('daily', { from: 'yesterday' })).rejects.toThrow("not a time: 'yesterday'")
    for (const from of ['', '5', '2013-03-01T00:00:00', '2013-02-30', '2013-02-30T00:00:00Z'])
      await expect(why('intervals', { from })).rejects.toThrow(`not a time: '${from}' (a date of the calendar, as 2027-03-01`)
    await expect(why('daily', { to: '2013-02-30' })).rejects.toThrow("not a time: '2013-02-30'")
    await expect(why('daily', { timeColumn: 'kwh' })).rejects.toThrow('its times are day')
    expect(readdirSync(folder).filter((name) => name.includes('nothing') || name.endsWith('.part'))).toEqual([])
  })

  test('is of one moment though blocks become final meanwhile, and tells how far it is', async () => {
    const before = (await postgres('SELECT count(*) FROM analytics.intervals'))[0]?.[0]
    const path = join(folder, 'while.parquet')
    let later = Promise.resolve()
    const progress: Done[] = []
    const made = await withAnother((client) =>
      exportView({
        ...{ client, view: 'intervals', range: NO_RANGE, path, format: 'parquet' },
        onProgress: (done) => {
          progress.push(done)
          if (progress.length > 1) return
          expect(existsSync(path)).toBe(false)
          chain.add('meter-1', {
            profiles: [{ obis: OBIS, unit: 30, scaler: 0, start: START + 60 * 86_400, step: 1800, values: [1], quality: [] }],
            ...{ registers: [], revises: null, sentAt: 0 },
          })
          chain.seal()
          later = chain.write(database)
        },
      }),
    )
    await later
    expect(progress).toEqual(
      [0, 1, 2, 3].map((done) => ({ done, total: 3, of: 'usage points', rows: Math.min(done + 1, 3) * 40 * 48 })),
    )
    expect(String(made.facts.rows)).toBe(before)
    expect(made.facts.lanes[0]?.height).toBe(5)
    expect((await postgres('SELECT count(*) FROM analytics.intervals'))[0]?.[0]).toBe(String(Number(before) + 1))
  })

  test('that breaks off leaves no file', async () => {
    const path = join(folder, 'broken.parquet')
    const onProgress = () => {
      throw new Error('stopped')
    }
    const options = { view: 'intervals', range: NO_RANGE, path, format: 'parquet', onProgress } as const
    await expect(withAnother((client) => exportView({ client, ...options }))).rejects.toThrow('stopped')
    expect(readdirSync(folder).filter((name) => name.includes('broken'))).toEqual([])
  })

  test('of many row groups is read as one table', async () => {
    const path = join(folder, 'many.parquet')
    await withClient(testDatabase.adminUrl, async (client) => {
      await client.query(
        `CREATE VIEW analytics.many AS SELECT n::int8 AS n, 'text ' || n % 7 AS t FROM generate_series(1, 120000) n`,
      )
      await exportView({ client, view: 'many', range: NO_RANGE, path, format: 'parquet', onProgress: () => undefined })
      await client.query('DROP VIEW analytics.many')
    })
    expect(await duck(`SELECT count(*)::text, sum(n)::text, count(DISTINCT t)::text FROM '${path}'`)).toEqual([
      ['120000', '7200060000', '7'],
    ])
    expect(await duck(`SELECT max(row_group_id)::text FROM parquet_metadata('${path}')`)).toEqual([['2']])
  })
})

describe('meterchain export', () => {
  const settings = () => ({ METERCHAIN_DATABASE_URL: testDatabase.writerUrl, METERCHAIN_ANALYST_URL: testDatabase.analystUrl })
  beforeAll(() => void Object.assign(process.env, settings()))
  afterAll(() => {
    for (const name of Object.keys(settings())) delete process.env[name]
  })

  test('tells the checkpoint and the sha256 of the file, and replaces none unasked', async () => {
    const path = join(folder, 'told.csv')
    const first = await runCli('export', 'daily', path, '--point', 'point-1', 'point-2', '--from', '2013-03-02')
    expect([first.code, first.stderr]).toEqual([0, ''])
    expect(first.stdout).toMatch(/^81 rows of analytics\.daily in .*told\.csv, \d+ bytes\nrange {6}day 2013-03-02 to …\n/)
    expect(first.stdout).toContain('checkpoint size 4, root ')
    expect(first.stdout).toContain(`sha256     ${sha256(path)}\n`)
    const again = await runCli('export', 'daily', path)
    expect([again.code, again.stderr]).toEqual([1, `meterchain: ${path} is there already: name another file, or --overwrite\n`])
    const json = await runCli('export', 'daily', path, '--overwrite', '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ view: 'daily', sha256: sha256(path) })
    writeFileSync(sidecarPath(join(folder, 'other.csv')), '')
    expect((await runCli('export', 'daily', join(folder, 'other.csv'))).stderr).toContain('other.csv.json is there already')
  })

  test('asks for a format where the name says none', async () => {
    const path = join(folder, 'daily.txt')
    expect((await runCli('export', 'daily', path)).stderr).toContain('ends in neither .parquet nor .csv: say which by --format')
    expect((await runCli('export', 'daily', path, '--format', 'csv')).code).toBe(0)
    expect((await runCli('export', 'daily', path, '--format', 'excel')).code).toBe(1)
  })
})
