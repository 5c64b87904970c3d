/** Bills proved from tables, and checked with the genesis alone. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type pg from 'pg'
import pino from 'pino'
import { writeBillProof } from '../../infra/cli/bill-proof.js'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { timeZoneDocument } from '../../infra/registry/time-zone-document.js'
import { BilledChain } from '../../infra/testing/billed-chain.js'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { runCli } from '../../infra/testing/run-cli.js'
import type { UsagePoint } from '../../schemas/records.js'
import type { BillProof } from '../../schemas/tariff/bill-proof-format.js'
import { checkBill } from '../../schemas/tariff/check-bill.js'
import { proveBill } from '../../schemas/tariff/prove-bill.js'
import { Database } from '../database.js'
import { withClient } from '../migrate.js'
import { inSnapshot } from '../query/row-source.js'
import { BILL_TABLES, gatherBill } from './gather.js'

const seconds = (text: string) => Date.parse(text) / 1000
const OBIS = Buffer.from([1, 0, 1, 8, 0, 255])
const MONEY = { version: 1, currency: 'GBP', decimals: 2, priceScaler: -5, standing: 2_500 } as const
const PLAN = {
  ...{ ...MONEY, kind: 'interval-plan', measures: '1-0:1.8.0*255', holidays: [], signal: false },
  zones: [
    { name: 'day', price: 14_228 },
    { name: 'night', price: 7_777 },
  ],
  schedule: [{ zone: 1, hours: { from: '23:00', to: '06:30' } }],
} as const
const DIALS = { ...MONEY, kind: 'register-plan', zones: [{ name: 'dial', price: 20_000, register: '1-0:1.8.1*255' }] } as const
const point = (id: string, plan: string): UsagePoint => ({ id, zone: 'Europe/London', feeder: '', region: '', plan })

let folder: string
let testDatabase: TestDatabase
let database: Database
const chain = new BilledChain()
const genesis = () => chain.registry.state.store.eventBytes(0) ?? Buffer.alloc(0)

function day(meter: string, date: string, first = 1_000, changes: { revises?: number; register?: number } = {}): void {
  const start = seconds(`${date}T00:00Z`)
  const values = Array.from({ length: 48 }, (_, i) => first + i)
  const profile = { obis: OBIS, unit: 30, scaler: -1, start, step: 1_800, values, quality: [] }
  const register = { obis: Buffer.from([1, 0, 1, 8, 1, 255]), unit: 30, scaler: 3, at: start, value: changes.register ?? 0 }
  const registers = changes.register === undefined ? [] : [register]
  chain.add(meter, { profiles: [profile], registers, revises: changes.revises ?? null, sentAt: (start + 86_400) * 1_000 })
}
const dates = (from: string, count: number) =>
  Array.from({ length: count }, (_, i) => new Date(Date.parse(`${from}T00:00Z`) + i * 86_400_000).toISOString().slice(0, 10))

function fill(): void {
  chain.publish('Europe/London', 0, timeZoneDocument('Europe/London', 2005, 2020))
  chain.publish('plan', seconds('2013-01-01T00:00Z'), PLAN)
  chain.publish('plan', seconds('2013-03-20T00:00Z'), { ...PLAN, decimals: 3 })
  chain.publish('dials', seconds('2013-01-01T00:00Z'), DIALS)
  chain.enrol([
    { meter: 'one', usagePoint: point('house', 'plan') },
    { meter: 'two', usagePoint: point('store', 'plan') },
    { meter: 'three', usagePoint: point('shed', 'dials') },
    { meter: 'four', usagePoint: point('nobody-pays', 'no plan') },
  ])
  chain.assign('one', seconds('2013-03-10T12:00Z'), point('store', 'plan'))
  chain.assign('two', seconds('2013-03-10T12:00Z'), point('house', 'plan'))
  for (const [at, date] of dates('2013-02-20', 60).entries()) {
    day('one', date, 1_000 + 10 * at)
    day('two', date, 5_000 + 10 * at)
    day('three', date, 1_000, { register: 100 + at * (at % 3) })
    day('four', date)
    if (at % 9 === 8) chain.seal()
  }
  day('two', '2013-03-21', 9_000, { revises: 30 })
  chain.seal()
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'bill-proof-'))
  testDatabase = await createTestDatabase()
  database = new Database({ url: testDatabase.writerUrl, logger: pino({ level: 'silent' }), connections: 4 })
  fill()
  await chain.cover()
  await chain.write(database)
})
afterAll(async () => {
  await database.close()
  await testDatabase.drop()
  rmSync(folder, { recursive: true })
})

const withWriter = <T>(use: (client: pg.Client) => Promise<T>) => withClient(testDatabase.writerUrl, use)
const gathered = (asked: { point: string; month: string; wholeEvents?: number }) =>
  withWriter((client) =>
    inSnapshot(client, BILL_TABLES, async (source) =>
      proveBill(await gatherBill({ source, signatures: sodiumSignatures, onProgress: () => undefined, ...asked })),
    ),
  )
async function proved(asked: Parameters<typeof gathered>[0]) {
  const proof = await gathered(asked)
  const checked = checkBill(proof, genesis(), sodiumSignatures)
  if (!checked.ok) throw new Error(checked.reason)
  return { proof, ...checked.proved }
}
const linesOf = ({ lines }: BillProof) =>
  lines.map(({ name, event, amount, count }) => [name, String(event), amount, String(count)])
const inTables = (asked: { point: string; month: string }) =>
  withWriter(async (client) => {
    const { rows } = await client.query<string[]>({
      text: `SELECT name, event::text, amount::text, measured::text FROM analytics.bill_lines WHERE usage_point = $1 AND month = $2
              ORDER BY tariff_zone IS NULL, event, tariff_zone`,
      values: [asked.point, `${asked.month}-01`],
      rowMode: 'array',
    })
    return rows
  })

describe('the proof of a bill from the tables', () => {
  test('gives the lines that the tables have, offline: through an exchange, a new plan, a correction, and by registers', async () => {
    for (const asked of [
      { point: 'house', month: '2013-03' },
      { point: 'store', month: '2013-03' },
      { point: 'shed', month: '2013-03' },
      { point: 'house', month: '2013-04' },
    ]) {
      const { proof, meters } = await proved(asked)
      expect(proof.lines.length).toBeGreaterThan(1)
      expect([asked, linesOf(proof)]).toEqual([asked, await inTables(asked)])
      expect(meters.flatMap(({ gaps }) => gaps)).toEqual([])
    }
  })

  test('has all events of a short registry, and of a long one those that it depends on', async () => {
    const asked = { point: 'house', month: '2013-03' }
    expect((await proved(asked)).registry).toMatchObject({ isWhole: true })
    const some = await proved({ ...asked, wholeEvents: 3 })
    expect(some.registry).toMatchObject({ isWhole: false, events: 6, size: 8 })
    expect(linesOf(some.proof)).toEqual(await inTables(asked))
  })

  test('of nobody, and of what no checkpoint covers, says so', async () => {
    await expect(gathered({ point: 'nowhere', month: '2013-03' })).rejects.toThrow(
      /no meter was ever at usage point nowhere [^;]*$/,
    )
    const path = join(folder, 'none.json')
    const none = withWriter((client) =>
      writeBillProof(client, { point: 'nobody-pays', month: '2013-03', path, onProgress: () => undefined }),
    )
    await expect(none).rejects.toThrow(
      /^no bill of nobody-pays for 2013-03: nothing was measured that the checkpoint covers, [^;]*$/,
    )
  })
})

describe('meterchain', () => {
  const settings = () => ({ METERCHAIN_DATABASE_URL: testDatabase.writerUrl, METERCHAIN_ANALYST_URL: testDatabase.analystUrl })
  let path: string
  let genesisPath: string
  beforeAll(() => {
    Object.assign(process.env, settings())
    path = join(folder, 'march.json')
    genesisPath = join(folder, 'genesis.bin')
    writeFileSync(genesisPath, genesis())
  })
  afterAll(() => {
    for (const name of Object.keys(settings())) delete process.env[name]
  })
  const verify = (...more: string[]) => runCli('verify', '--proof', path, '--genesis', genesisPath, ...more)
  const proof = () => JSON.parse(readFileSync(path, 'utf8')) as BillProof
  const tampered = async (change: (proof: BillProof) => unknown, ...more: string[]) => {
    const whole = readFileSync(path)
    writeFileSync(path, JSON.stringify(change(proof())))
    const answer = await verify(...more)
    writeFileSync(path, whole)
    return answer
  }

  test('bill --proof writes a bill that verify --proof makes again from its entries', async () => {
    const made = await runCli('bill', 'house', '2013-03', '--proof', path)
    expect([made.code, made.stderr]).toEqual([0, ''])
    const { code, stdout } = await verify()
    expect(code).toBe(0)
    const [amount] = proof().totals
    expect(stdout).toContain(`amount     ${amount?.amount} GBP\n`)
    expect(stdout).toMatch(/\n {2}day \(plan plan, event 2\): \d+\.\d{12} kWh of \d+ values at 0\.14228 GBP = \d+\.\d\d\n/)
    expect(stdout).toMatch(
      /meter {6}two: sequences \d+ to 61, \d+ readings that count, and \d+ that are about another time: none was left out/,
    )
    expect(stdout).toContain('registry   all 8 events')
    expect(made.stdout).toContain(stdout)
  })

  test('verify --proof names the line that differs, and the reading that is missing', async () => {
    const other = await tampered((each) => ({
      ...each,
      lines: each.lines.map((line, at) => (at === 1 ? { ...line, price: 7_776 } : line)),
    }))
    expect([other.code, other.stdout]).toEqual([
      1,
      `FAULT: ${path}: line 1, ‘night’ of plan plan (event 2): its price is 7776, and the entries and the plan give 7777\n`,
    ])
    const shorter = (each: BillProof) => ({
      ...each,
      meters: each.meters.map((one) => ({ ...one, readings: one.readings.toSpliced(one.readings.length - 20, 1) })),
    })
    expect((await tampered(shorter)).stdout).toMatch(
      /^FAULT: .*: readings of meter one are missing, sequences 22: if they count, the bill may be another /,
    )
  })

  test('a month with a gap is proved to who accepts that, and the gap is told', async () => {
    const gap = new BilledChain()
    gap.publish('Europe/London', 0, timeZoneDocument('Europe/London', 2005, 2020))
    gap.publish('plan', 0, PLAN)
    gap.enrol([{ meter: 'm', usagePoint: point('p', 'plan') }])
    const reading = (at: number) => ({
      profiles: [
        {
          obis: OBIS,
          unit: 30,
          scaler: 0,
          start: seconds('2013-03-05T00:00Z') + at * 1_800,
          step: 1_800,
          values: [1_000],
          quality: [],
        },
      ],
      ...{ registers: [], revises: null, sentAt: 0 },
    })
    gap.add('m', reading(0))
    gap.lose('m', reading(1))
    gap.add('m', reading(2))
    gap.seal()
    await gap.cover()
    const db = await createTestDatabase()
    const own = new Database({ url: db.writerUrl, logger: pino({ level: 'silent' }), connections: 4 })
    try {
      await gap.write(own)
      const gapPath = join(folder, 'gap.json')
      const made = await withClient(db.writerUrl, (client) =>
        writeBillProof(client, { point: 'p', month: '2013-03', path: gapPath, onProgress: () => undefined }),
      )
      expect(made).toContain('GAP        m: sequences 2 are missing; if they count, the bill may be another')
      const gapGenesis = join(folder, 'gap-genesis.bin')
      writeFileSync(gapGenesis, gap.registry.state.store.eventBytes(0) ?? '')
      const refused = await runCli('verify', '--proof', gapPath, '--genesis', gapGenesis)
      expect([refused.code, refused.stdout]).toEqual([
        1,
        `FAULT: ${gapPath}: readings of meter m are missing, sequences 2: if they count, the bill may be another (--accept-gaps: all else is looked at, and they are told)\n`,
      ])
      const accepted = await runCli('verify', '--proof', gapPath, '--genesis', gapGenesis, '--accept-gaps')
      expect([accepted.code, accepted.stdout.includes('GAP ')]).toEqual([0, true])
    } finally {
      await own.close()
      await db.drop()
    }
  })

  test('bill --proof tells where the tables are ahead of the checkpoint, and what to do', async () => {
    chain.publish('plan', seconds('2013-03-25T00:00Z'), { ...PLAN, standing: 0 })
    chain.seal()
    await chain.write(database)
    const ahead = await runCli('bill', 'house', '2013-03', '--proof', path)
    expect([ahead.code, ahead.stdout]).toEqual([
      0,
      expect.stringMatching(/\nlater {6}the tables say \d+\.\d+ GBP: by blocks or events/),
    ])
    expect((await verify()).code).toBe(0)
    day('two', '2013-03-22', 7_000, { revises: 31 })
    chain.seal()
    await chain.write(database)
    const early = await runCli('bill', 'house', '2013-03', '--proof', path)
    expect([early.code, early.stderr]).toEqual([
      1,
      expect.stringMatching(
        /block 9 of lane 0, which the bill depends on, is in no signed checkpoint yet: try again in some seconds\n$/,
      ),
    ])
    await chain.cover()
    await chain.write(database)
    const later = await runCli('bill', 'house', '2013-03', '--proof', path)
    expect([later.code, later.stdout.includes('the tables say')]).toEqual([0, false])
    expect(linesOf(proof())).toEqual(await inTables({ point: 'house', month: '2013-03' }))
    expect((await runCli('bill', 'house', '2013-03', '--proof', '--entries')).stderr).toContain('leave out --as-of and --entries')
  })

  test('bill --proof tells where a plan or an assignment is too new for the blocks of the checkpoint, and when it counts', async () => {
    chain.publish('no plan', seconds('2013-01-01T00:00Z'), PLAN)
    chain.assign('four', seconds('2013-06-01T00:00Z'), point('new', 'plan'))
    await chain.write(database)
    expect((await runCli('bill', 'nobody-pays', '2013-03')).stdout).toMatch(/\d+\.\d+ GBP; /)
    const later =
      /; blocks that the checkpoint covers name (\d+) of (\d+) registry events: a newer one.* the next reading brings that block\n$/
    for (const [asked, words] of [
      ['nobody-pays', 'no bill of nobody-pays for 2013-03: nothing was measured'],
      ['new', 'no meter was ever at usage point new '],
    ] as const) {
      const { code, stderr } = await runCli('bill', asked, '2013-03', '--proof', path)
      expect([code, stderr]).toEqual([1, expect.stringContaining(words)])
      const { size } = chain.registry.state
      expect(later.exec(stderr)?.slice(1).map(Number)).toEqual([size - 2, size])
    }
    day('four', '2013-05-01')
    chain.seal()
    await chain.cover()
    await chain.write(database)
    expect(await runCli('bill', 'nobody-pays', '2013-03', '--proof', path)).toMatchObject({ code: 0, stderr: '' })
    expect((await verify()).code).toBe(0)
  })

  test('bill --proof of tables that somebody changed refuses, and names what is to be done', async () => {
    await withClient(testDatabase.adminUrl, (client) =>
      client.query(
        'UPDATE ledger.blocks SET record = set_byte(record, octet_length(record) - 1, get_byte(record, octet_length(record) - 1) # 1)',
      ),
    )
    const answer = await runCli('bill', 'house', '2013-03', '--proof', path)
    expect([answer.code, answer.stderr]).toEqual([
      1,
      expect.stringMatching(/what the tables hold does not prove it \(.*\): run 'meterchain audit'\n$/),
    ])
  })
})
