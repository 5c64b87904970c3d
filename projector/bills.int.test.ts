import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import { billText } from '../infra/cli/bill.js'
import { timeZoneDocument } from '../infra/registry/time-zone-document.js'
import { BilledChain } from '../infra/testing/billed-chain.js'
import { fullTest } from '../infra/testing/full.js'
import { addHousehold, hasLondon, households, londonFiles, publishLondon, signalRows, unzipped } from '../infra/testing/london.js'
import { createTestDatabase, type TestDatabase } from '../infra/testing/postgres.js'
import type { Reading, UsagePoint } from '../schemas/records.js'
import { billOf } from '../schemas/tariff/bill.js'
import { decimalText } from '../schemas/tariff/money.js'
import type { AssignmentFact, BillSources, PublishedDocument } from '../schemas/tariff/places.js'
import { Database } from './database.js'
import { withClient } from './migrate.js'

const logger = pino({ level: 'silent' })

/** A database of its own, with a client that gets every value as PostgreSQL’s text. */
class Billed {
  private constructor(
    readonly testDatabase: TestDatabase,
    readonly database: Database,
    readonly client: pg.Client,
  ) {}

  static async open(): Promise<Billed> {
    const testDatabase = await createTestDatabase()
    const types = { getTypeParser: () => (value: string) => value } as never
    const client = new pg.Client({ connectionString: testDatabase.analystUrl, types })
    await client.connect()
    return new Billed(testDatabase, new Database({ url: testDatabase.writerUrl, logger, connections: 4 }), client)
  }

  async rows(text: string, values: unknown[] = []): Promise<Record<string, string | null>[]> {
    return (await this.client.query<Record<string, string | null>>(text, values)).rows
  }

  async close(): Promise<void> {
    await this.client.end()
    await this.database.close()
    await this.testDatabase.drop()
  }
}

const seconds = (text: string) => Date.parse(text) / 1000
const MONEY = { version: 1, currency: 'GBP', decimals: 2, priceScaler: -5, standing: 0 } as const
const PLAN = {
  ...{ ...MONEY, kind: 'interval-plan', measures: '1-0:1.8.0*255', holidays: [] as string[], signal: false },
  zones: ['a', 'b', 'c', 'd'].map((name, i) => ({ name, price: 10_001 + 7_777 * i })),
  schedule: [] as object[],
}
const point = (id: string, plan: string, zone = 'Europe/London'): UsagePoint => ({ id, zone, feeder: '', region: '', plan })
const OBIS = Buffer.from([1, 0, 1, 8, 0, 255])

/** What the pure core is given, gathered while the chain is made. */
class Sources implements BillSources {
  readonly documents: PublishedDocument[] = []
  readonly assignments: AssignmentFact[] = []
  readonly readings = new Map<string, Reading[]>()
  readonly #sequences = new Map<string, number>()

  constructor(readonly chain: BilledChain) {}

  enrol(meter: string, usagePoint: UsagePoint): void {
    this.assignments.push({ index: this.chain.registry.state.size, meter, validFrom: 0, usagePoint })
    this.chain.enrol([{ meter, usagePoint }])
  }
  publish(plan: string, validFrom: string, document: object | string): void {
    const text = typeof document === 'string' ? document : JSON.stringify(document)
    const from = seconds(validFrom)
    this.documents.push({ index: this.chain.registry.state.size, plan, validFrom: from, document: text })
    this.chain.publish(plan, from, text)
  }
  assign(meter: string, validFrom: string, usagePoint: UsagePoint): void {
    this.assignments.push({ index: this.chain.registry.state.size, meter, validFrom: seconds(validFrom), usagePoint })
    this.chain.assign(meter, seconds(validFrom), usagePoint)
  }
  add(meter: string, changes: Partial<Pick<Reading, 'profiles' | 'registers' | 'revises'>>): void {
    const sequence = (this.#sequences.get(meter) ?? 0) + 1
    this.#sequences.set(meter, sequence)
    const content = { profiles: [], registers: [], revises: null, sentAt: 0, ...changes }
    const reading = { version: 17, meter, sequence, previous: Buffer.alloc(32), ...content }
    this.readings.set(meter, [...(this.readings.get(meter) ?? []), reading])
    this.chain.add(meter, content)
  }
  intervals(
    meter: string,
    start: string,
    values: number[],
    changes: Partial<Reading['profiles'][number]> = {},
    revises?: number,
  ) {
    const profile = { obis: OBIS, unit: 30, scaler: -1, start: seconds(start), step: 1800, values, quality: [], ...changes }
    this.add(meter, { profiles: [profile], revises: revises ?? null })
  }
  /** As the tables give them. */
  bills(pointId: string, months: readonly string[]): Record<string, string | null>[] {
    return months.flatMap((month) => {
      const { lines, problems } = billOf(this, pointId, month)
      return lines.map((line) => ({
        ...{ usage_point: pointId, month: `${month}-01`, plan: line.plan, event: String(line.event), name: line.name },
        ...{ zone: line.zone === null ? null : String(line.zone), measured: String(line.count), currency: line.currency },
        kwh: line.zone === null ? null : decimalText(line.energy, 12),
        estimated: line.zone === null ? null : decimalText(line.estimated, 12),
        amount: decimalText(line.amount, line.decimals),
        problems: `{${problems.join(',')}}`,
      }))
    })
  }
}

const LINES = `SELECT usage_point, month, plan, event, name, tariff_zone AS zone, measured, currency, kwh::numeric(40, 12) AS kwh,
    estimated_kwh::numeric(40, 12) AS estimated, amount, problems`
const ORDER = 'ORDER BY usage_point, month, tariff_zone IS NULL, event, tariff_zone'
const MONTHS = ['2013-01', '2013-02', '2013-03', '2013-04', '2013-10', '2013-11']

/** Values that differ everywhere, without a library of chance. */
const values = (count: number, seed: number) => Array.from({ length: count }, (_, i) => ((i * 7919 + seed * 104_729) % 9973) + 1)

function fill(sources: Sources): void {
  sources.publish('Europe/London', '2005-01-01T00:00Z', timeZoneDocument('Europe/London', 2005, 2020))
  sources.publish('America/Sao_Paulo', '2005-01-01T00:00Z', timeZoneDocument('America/Sao_Paulo', 2005, 2020))
  sources.publish('rules', '2013-01-01T00:00Z', {
    ...PLAN,
    standing: 23_456,
    schedule: [
      { zone: 3, holidays: true, hours: { from: '08:00', to: '20:00' } },
      { zone: 2, days: '67', holidays: false, season: { from: '10-15', to: '03-10' } },
      { zone: 1, hours: { from: '22:30', to: '06:15' } },
      { zone: 2, season: { from: '03-20', to: '03-31' }, hours: { from: '12:00', to: '24:00' } },
    ],
    holidays: ['2013-01-01', '2013-03-29', '2013-04-01'],
  })
  sources.publish('rules', '2013-03-15T12:00Z', { ...PLAN, decimals: 3, schedule: [{ zone: 3, days: '1' }] })
  sources.publish('signal', '2013-01-01T00:00Z', {
    ...PLAN,
    signal: true,
    schedule: [{ zone: 1, hours: { from: '00:00', to: '12:00' } }],
  })
  sources.publish('signal', '2013-01-10T00:00Z', { version: 1, kind: 'signal', step: 1800, zones: '0123--7'.repeat(100) })
  sources.publish('signal', '2013-01-12T00:15Z', { version: 1, kind: 'signal', step: 900, zones: '33-22-'.repeat(50) })
  sources.publish('broken', '2013-01-01T00:00Z', '{"zones":[]}')
  sources.publish('rules', '2013-02-01T00:00Z', '{ }')
  sources.publish('registers', '2013-01-01T00:00Z', {
    ...{ ...MONEY, kind: 'register-plan', standing: 1 },
    zones: [1, 2, 3, 4].map((i) => ({ name: `T${i}`, price: i * 11_111, register: `1-0:1.8.${i}*255` })),
  })
  sources.enrol('m1', point('home', 'rules'))
  sources.enrol('m2', point('store', ''))
  sources.enrol('m3', point('shop', 'signal', 'America/Sao_Paulo'))
  sources.enrol('m4', point('mill', 'registers'))
  sources.enrol('m5', point('far', 'rules', 'Asia/Tokyo'))
  sources.enrol('m6', point('odd', 'rules'))
  sources.enrol('m7', point('lost', 'broken'))
  sources.assign('m1', '2013-02-10T10:00Z', point('store', ''))
  sources.assign('m2', '2013-02-10T10:00Z', point('home', 'signal'))
  sources.assign('m2', '2013-03-05T00:00Z', point('home', 'rules'))
  sources.intervals('m1', '2012-12-31T20:00Z', values(60 * 48, 1), {
    quality: [
      { code: 0, count: 2000 },
      { code: 8, count: 880 },
    ],
  })
  sources.intervals('m2', '2013-02-01T00:00Z', values(75 * 48, 2))
  sources.intervals('m2', '2013-10-20T00:00Z', values(20 * 48, 3), { scaler: -4 })
  sources.intervals('m3', '2013-01-09T00:00Z', values(60 * 48, 4), { step: 900 })
  sources.intervals('m3', '2013-10-19T00:00Z', values(2 * 48, 5))
  const register = (tariff: number, at: string, value: number) => {
    return { obis: Buffer.from([1, 0, 1, 8, tariff, 255]), unit: 30, scaler: 3, at: seconds(at), value }
  }
  for (const [i, at] of ['2013-01-01T00:00Z', '2013-01-14T07:00Z', '2013-02-01T00:00Z', '2013-03-01T00:00Z'].entries())
    sources.add('m4', { registers: [1, 2, 3, 4].map((tariff) => register(tariff, at, i * i * tariff * 17 + 5)) })
  sources.add('m4', { registers: [register(1, '2013-02-20T00:00Z', 1)] })
  sources.intervals('m5', '2013-01-31T15:00Z', values(48, 6))
  sources.intervals('m6', '2013-01-05T00:00Z', values(48, 7))
  sources.intervals('m6', '2013-01-06T00:00Z', values(3, 8), { unit: 32 })
  sources.intervals('m7', '2013-01-06T00:00Z', values(3, 9))
  sources.chain.seal()
}

describe('bills in the tables', () => {
  let billed: Billed
  const sources = new Sources(new BilledChain())
  const expected = () => ['far', 'home', 'mill', 'odd', 'shop', 'store'].flatMap((id) => sources.bills(id, MONTHS))

  beforeAll(async () => {
    billed = await Billed.open()
    fill(sources)
    await sources.chain.write(billed.database)
  })
  afterAll(() => billed.close())

  test('are those of the pure core, line by line, to the last digit', async () => {
    const found = await billed.rows(`${LINES} FROM analytics.bill_lines ${ORDER}`)
    expect(found).toEqual(expected())
    expect(new Set(found.map(({ problems }) => problems))).toEqual(
      new Set(['{}', '{register-fell}', '{time-zone-not-published}', '{wrong-unit}']),
    )
    expect(found.length).toBeGreaterThan(30)
  })

  test('add up: the sum of lines is the bill, and there is no amount where there is a problem', async () => {
    const wrong = await billed.rows(
      `SELECT b.usage_point, b.month FROM analytics.bills b
         JOIN (SELECT usage_point, month, sum(amount) AS amount FROM analytics.bill_lines GROUP BY 1, 2) s USING (usage_point, month)
        WHERE b.amount IS DISTINCT FROM CASE WHEN b.problems = '{}' THEN s.amount END OR b.completeness > 1`,
    )
    expect(wrong).toEqual([])
    const march = await billed.rows(
      `SELECT completeness FROM analytics.bills WHERE usage_point = 'home' AND month = '2013-03-01'`,
    )
    expect(march).toEqual([{ completeness: '1.0000' }])
  })

  test('of one usage point and month are those of all', async () => {
    const one = await billed.rows(
      `${LINES} FROM analytics.bill_lines WHERE usage_point = 'home' AND month = '2013-03-01' ${ORDER}`,
    )
    expect(one).toEqual(sources.bills('home', ['2013-03']))
    expect(await billed.rows(`${LINES} FROM analytics.bill_lines_as_of('infinity', 'shop') ${ORDER}`)).toEqual(
      sources.bills('shop', MONTHS),
    )
  })

  test('are shown to a person, with the entries behind them', async () => {
    const asked = { point: 'home', month: '2013-03', withEntries: true }
    const show = (changes = {}) =>
      withClient(billed.testDatabase.writerUrl, (client) => billText(client, { ...asked, ...changes }))
    const text = (await show()).join('\n')
    for (const { amount } of sources.bills('home', ['2013-03'])) expect(text).toContain(` ${amount} `)
    expect(text).toMatch(/\d+\.\d{3} GBP; 100\.00 % of the month is measured/)
    expect(text).toMatch(/1 entries hold values(.|\n)*[0-9a-f]{64}/)
    expect((await show({ point: 'mill', month: '2013-02', withEntries: false })).join('\n')).toContain('no amount: register-fell')
    expect(await show({ asOf: '1970-01-01T00:00:01Z' })).toEqual([expect.stringContaining('no bill of home for 2013-03')])
  })

  test('as of a date are what they were, after corrections, other assignments and new versions', async () => {
    const before = expected()
    const known = sources.chain.blocks.at(-1)?.timestamp ?? 0
    sources.intervals('m2', '2013-03-10T00:00Z', values(24, 11), { step: 3600 }, 1)
    sources.intervals('m3', '2013-01-15T00:00Z', values(10, 12), { step: 900 })
    sources.assign('m1', '2013-02-10T10:00Z', point('home', 'rules'))
    sources.publish('signal', '2013-01-01T00:00Z', { ...PLAN, currency: 'EUR', signal: true })
    sources.chain.seal()
    await sources.chain.write(billed.database)
    const now = await billed.rows(`${LINES} FROM analytics.bill_lines ${ORDER}`)
    expect(now).toEqual(expected())
    expect(now).not.toEqual(before)
    expect(await billed.rows(`${LINES} FROM analytics.bill_lines_as_of('infinity') ${ORDER}`)).toEqual(now)
    const then = new Date(known)
    expect(await billed.rows(`${LINES} FROM analytics.bill_lines_as_of($1) ${ORDER}`, [then])).toEqual(before)
    const home = await billed.rows(`${LINES} FROM analytics.bill_lines_as_of($1, 'home') ${ORDER}`, [then])
    expect(home).toEqual(before.filter((line) => line.usage_point === 'home'))
    expect(await billed.rows('SELECT FROM analytics.bills_as_of($1)', [new Date(1_000)])).toEqual([])
  })

  test('that nobody gets for want of a plan or a time zone are told, and why a document says nothing', async () => {
    expect(await billed.rows('SELECT DISTINCT usage_point, missing FROM analytics.unpriced_points ORDER BY 1, 2')).toEqual([
      { usage_point: 'far', missing: 'plan' },
      { usage_point: 'far', missing: 'time-zone' },
      ...['home', 'lost', 'mill', 'odd', 'shop', 'store'].flatMap((usage_point) => [
        { usage_point, missing: 'plan' },
        { usage_point, missing: 'time-zone' },
      ]),
    ])
    expect(await billed.rows('SELECT plan, kind, fault FROM analytics.tariffs WHERE fault IS NOT NULL ORDER BY event')).toEqual([
      { plan: 'broken', kind: null, fault: 'unknown-kind' },
      { plan: 'rules', kind: null, fault: 'not-canonical' },
    ])
  })
})

/** All that the files say of a household’s bills, in code of its own: month → [zone, 10^-7 kWh] → pence, each zone rounded by itself. */
function billsByHand(path: string, group: string, signal: ReadonlyMap<string, string>): Map<string, number> {
  const price: Record<string, bigint> = { Std: 14_228n, High: 67_200n, Normal: 11_760n, Low: 3_990n }
  const energies = new Map<string, bigint>()
  for (const line of unzipped(path).split(/\r?\n/).slice(1)) {
    const [, time = '', text = ''] = line.split(',').map((field) => field.trim())
    if (!/^[\d.]+$/.test(text)) continue
    const [whole = '0', fraction = ''] = text.split('.')
    const gmt = new Date(`${time.slice(0, 19).replace(' ', 'T')}Z`)
    const isSummer = gmt >= new Date('2013-03-31T01:00Z') && gmt < new Date('2013-10-27T01:00Z')
    const month = new Date(gmt.getTime() + (isSummer ? 3_600_000 : 0)).toISOString().slice(0, 7)
    const zone = group === 'Std' ? 'Std' : (signal.get(time.slice(0, 19)) ?? 'Normal')
    const key = `${month} ${zone}`
    energies.set(key, (energies.get(key) ?? 0n) + BigInt(whole) * 10_000_000n + BigInt(fraction.padEnd(7, '0')))
  }
  const bills = new Map<string, number>()
  for (const [key, energy] of energies) {
    const [month = '', zone = ''] = key.split(' ')
    const exact = energy * (price[zone] ?? 0n) // 10^-12 pounds
    bills.set(month, (bills.get(month) ?? 0) + Number((exact + 5_000_000_000n) / 10_000_000_000n))
  }
  return bills
}

async function compareLondon(files: ReturnType<typeof londonFiles>): Promise<number> {
  const billed = await Billed.open()
  try {
    const chain = new BilledChain()
    const groups = households()
    chain.enrol(files.map(({ meter }) => ({ meter, usagePoint: point(meter, groups.get(meter) ?? '') })))
    publishLondon(chain)
    for (const file of files) addHousehold(chain, file)
    chain.seal()
    await chain.write(billed.database)
    const signal = new Map(signalRows())
    const byHand = files.flatMap(({ meter, path }) =>
      [...billsByHand(path, groups.get(meter) ?? '', signal)]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([month, pence]) => ({
          usage_point: meter,
          month: `${month}-01`,
          amount: decimalText(BigInt(pence), 2),
          problems: '{}',
        })),
    )
    const began = Date.now()
    const found = await billed.rows(
      'SELECT usage_point, month, amount, problems FROM analytics.bills ORDER BY usage_point COLLATE "C", month',
    )
    process.stderr.write(`${found.length} bills of ${files.length} households in ${Date.now() - began} ms\n`)
    expect(found).toEqual(byHand)
    return found.length
  } finally {
    await billed.close()
  }
}

const london = hasLondon() ? test : test.skip
if (!hasLondon()) process.stderr.write('no ../shared/data: the bills of London are not compared\n')

london(
  'bills of London households, of either tariff, are those that the files give, to the penny',
  async () => {
    const groups = households()
    const of = (group: string, count: number) =>
      londonFiles()
        .filter(({ meter }) => groups.get(meter) === group)
        .slice(0, count)
    expect(await compareLondon([...of('Std', 1), ...of('ToU', 2)])).toBeGreaterThan(24)
  },
  60_000,
)

const all = 'all bills of London of 2013 are those that the files give, to the penny'
const compareAll = async () => expect(await compareLondon(londonFiles())).toBe(810)
if (hasLondon()) fullTest(all, compareAll, 600_000)
else test.skip(`${all} (there are no London files)`, compareAll)
