import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import type { Finalized } from '../infra/chain/lane-reader.js'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { TestLane } from '../infra/testing/final-blocks.js'
import { createTestDatabase, type TestDatabase } from '../infra/testing/postgres.js'
import { applyEvent, type TestRegistry, testRegistry } from '../infra/testing/registry.js'
import { SignedMeter } from '../infra/testing/signed-meters.js'
import { LIMITS } from '../schemas/limits.js'
import type { Profile } from '../schemas/records.js'
import { audit } from './audit.js'
import { Database } from './database.js'
import { LaneWriter } from './lane-writer.js'
import { projectBlock } from './project.js'
import { recover } from './recover.js'
import { RegistryRows } from './registry-rows.js'

const OBIS = Buffer.from([1, 0, 1, 29, 0, 255])
const END = LIMITS.epochSeconds
const profileOf = (changes: Partial<Profile>): Profile => ({
  ...{ obis: OBIS, unit: 30, scaler: 0, start: 1_700_006_400, step: 900, values: [1], quality: [] },
  ...changes,
})

let testDatabase: TestDatabase
let database: Database
let admin: pg.Client
let registry: TestRegistry
let lane: TestLane
const blocks: Finalized[] = []
const numberOf = (meter: string, size: number) => registry.state.meterAt(meter, size)?.ordinal

async function writeAll(): Promise<void> {
  const { positions, registrySize } = await recover(database, registry.state)
  const rows = new RegistryRows(registry.state, database, registrySize)
  const failures: Error[] = []
  const writer = new LaneWriter({
    ...{ lane: 0, height: positions.get(0)?.final.height ?? -1n, database, numberOf },
    ...{ registryReached: (size) => rows.reach(size), onWritten: () => undefined, onFailure: (error) => failures.push(error) },
  })
  for (const block of blocks) await writer.take(block)
  await writer.idle()
  expect(failures).toEqual([])
}

async function* recordsOf(log: readonly Buffer[]) {
  for (const [i, value] of log.entries()) yield { offset: BigInt(i), timestamp: 1_700_000_000_001 + i, value }
}

const runAudit = () =>
  audit({
    ...{ registry: registry.state, verify: sodiumSignatures.verify, databaseUrl: testDatabase.writerUrl },
    source: { chain: () => recordsOf(lane.log), plain: async () => ({ low: 0n, records: recordsOf([]) }) },
  })

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  database = new Database({ url: testDatabase.writerUrl, logger: pino({ level: 'silent' }), connections: 4 })
  admin = new pg.Client({ connectionString: testDatabase.adminUrl })
  await admin.connect()
  registry = testRegistry({ meters: 6, lanes: 1 })
  const usagePoint = { id: 'p', zone: 'Mars/Olympus_Mons', feeder: 'é\u{1f600}', region: '', plan: "'; DROP TABLE x; --" }
  applyEvent(
    registry.state,
    { kind: 'AssignUsagePoint', meter: 'meter-1', validFrom: 0, usagePoint },
    registry.authorityKeys.slice(0, 1),
  )
  lane = new TestLane(registry, 0)
  const meters = [1, 2, 3, 4, 5, 6].map((number) => new SignedMeter(`meter-${number}`, registry.chainId))
  const [extreme, coarse, partial, contrary, dense, kept] = meters
  const next = (meter: SignedMeter | undefined, profiles: Profile[], revises: number | null = null) => {
    if (meter === undefined) throw new Error('no meter')
    return meter.next({ profiles, revises })
  }
  const limits = [
    profileOf({ start: 0, step: 1, scaler: 9, values: [LIMITS.long, -LIMITS.long, 0] }),
    profileOf({ start: END - 1, step: 1, scaler: -9, values: [LIMITS.long] }),
    profileOf({ start: 7, step: LIMITS.stepSeconds, unit: 255, values: [-1], quality: [{ code: 255, count: 1 }] }),
  ]
  const registers = [
    { obis: Buffer.alloc(6, 255), unit: 255, scaler: -9, at: END, value: LIMITS.long },
    { obis: Buffer.alloc(6, 0), unit: 0, scaler: 9, at: 0, value: -LIMITS.long },
  ]
  const quarters = { start: 1_700_006_400, step: 900, values: [10, 20, 30, 40] }
  const entries = [
    extreme?.next({ profiles: limits, registers, sentAt: END * 1000 }) ?? Buffer.alloc(0),
    // an hour that corrects its quarters
    next(coarse, [profileOf(quarters)]),
    next(coarse, [profileOf({ step: 3600, values: [101] })], 1),
    // one quarter that corrects one of four, and then an hour that corrects that
    next(partial, [profileOf(quarters)]),
    next(partial, [profileOf({ start: 1_700_007_300, values: [21] })], 1),
    // the same quarter twice in one message, with other values, and in another scaler
    next(contrary, [profileOf({ values: [5] }), profileOf({ values: [6] }), profileOf({ scaler: -3, values: [7000] })]),
    // an hour more, that says nothing of corrections
    next(kept, [profileOf(quarters)]),
    next(kept, [profileOf({ step: 3600, values: [99], obis: Buffer.from([1, 0, 2, 29, 0, 255]) })], 1),
  ]
  blocks.push(lane.finalize(entries))
  blocks.push(
    lane.finalize(
      [Buffer.from('\0\ud800'), Buffer.alloc(0)],
      [1, 0].map((entry) => ({ entry: 1 - entry, code: 2 ** 31 - 1 })),
    ),
  )
  const many = Array.from({ length: LIMITS.valuesPerProfile }, (_, i) => i % 60)
  blocks.push(lane.finalize([1, 2, 3].map((n) => next(dense, [profileOf({ start: n * 100_000_000, values: many })]))))
  await writeAll()
})
afterAll(async () => {
  await admin.end()
  await database.close()
  await testDatabase.drop()
})

test('what is written at every limit equals what the log demands', async () => {
  const { differences, differenceCount, rowsCompared } = await runAudit()
  expect({ differences, differenceCount }).toEqual({ differences: [], differenceCount: 0 })
  expect(rowsCompared).toBeGreaterThan((3 * LIMITS.valuesPerProfile) / 96)
})

test('a row too many, one that is changed and one that is missing are named wherever they stand among many', async () => {
  await admin.query('CREATE TABLE public.kept AS SELECT * FROM store.profiles')
  await admin.query(
    `UPDATE store.profiles SET narrow[2] = narrow[2] + 1 WHERE height = 3 AND entry = 1 AND start = to_timestamp(200086400)`,
  )
  await admin.query(`DELETE FROM store.profiles WHERE height = 3 AND entry = 2 AND start = to_timestamp(300086400)`)
  await admin.query(`INSERT INTO store.profiles SELECT * FROM store.profiles WHERE height = 3 AND entry = 0 LIMIT 1`)
  for (const entry of [-32_768, -1, 3, 32_767])
    await admin.query(
      `CREATE TEMP TABLE odd AS SELECT * FROM store.profiles WHERE height = 3 LIMIT 1; UPDATE odd SET entry = ${entry};
       INSERT INTO store.profiles SELECT * FROM odd; DROP TABLE odd`,
    )
  const { differences } = await runAudit()
  expect(differences.map(({ kind, entry }) => `${kind} ${entry}`).toSorted()).toEqual(
    ['differs 1', 'missing 2', 'too many 0', 'too many -32768', 'too many -1', 'too many 3', 'too many 32767'].toSorted(),
  )
  await admin.query('DELETE FROM store.profiles; INSERT INTO store.profiles SELECT * FROM public.kept')
})

test('analysts see exact numbers at every limit, and days of UTC where the zone is not known', async () => {
  const { rows } = await admin.query(
    `SELECT interval_start::text AS at, zone, unit, value::text, kwh::text, plan FROM analytics.intervals
     WHERE meter = 'meter-1' ORDER BY interval_start`,
  )
  const place = { zone: 'UTC', plan: "'; DROP TABLE x; --" }
  expect(rows).toEqual([
    { at: '1970-01-01 00:00:00+00', unit: 'Wh', value: '4503599627370495000000000', kwh: '4503599627370495000000.000', ...place },
    {
      at: '1970-01-01 00:00:01+00',
      unit: 'Wh',
      value: '-4503599627370495000000000',
      kwh: '-4503599627370495000000.000',
      ...place,
    },
    { at: '1970-01-01 00:00:02+00', unit: 'Wh', value: '0', kwh: '0.000', ...place },
    { at: '1970-01-01 00:00:07+00', unit: 'DLMS unit 255', value: '-1', kwh: null, ...place },
    { at: '9999-12-31 23:59:58+00', unit: 'Wh', value: '4503599.627370495', kwh: '4503.599627370495', ...place },
  ])
  const { rows: days } = await admin.query(
    `SELECT day::text, kwh::text FROM analytics.daily WHERE meter = 'meter-1' ORDER BY day`,
  )
  expect(days).toEqual([{ day: '1970-01-01', kwh: '0.000' }])
  const { rows: ahead } = await admin.query(
    `SELECT meter, begins_at::text FROM analytics.vee_exceptions WHERE rule = 'dated-ahead'`,
  )
  expect(ahead).toEqual([{ meter: 'meter-1', begins_at: '9999-12-31 23:59:58+00' }])
  const { rows: read } = await admin.query(`SELECT read_at::text AS at, value::text FROM analytics.registers ORDER BY read_at`)
  expect(read).toEqual([
    { at: '1970-01-01 00:00:00+00', value: '-4503599627370495000000000' },
    { at: '9999-12-31 23:59:59+00', value: '4503599.627370495' },
  ])
})

test('a verdict’s code that nobody here knows stands as its number', async () => {
  const { rows } = await admin.query(`SELECT fault, meaning, meter, entry FROM analytics.rejections ORDER BY entry`)
  const unknown = { fault: 'code 2147483647', meaning: null, meter: null }
  expect(rows).toEqual([
    { ...unknown, entry: 0 },
    { ...unknown, entry: 1 },
  ])
})

const wattHoursOf = async (meter: string) => {
  const { rows } = await admin.query(
    `SELECT obis, (sum(kwh) * 1000)::text AS wh FROM analytics.daily WHERE meter = $1 GROUP BY 1`,
    [meter],
  )
  return rows.map(({ wh }) => Number(wh))
}

test('no energy counts twice: not by a correction of another step, not by a message that contradicts itself', async () => {
  expect(await wattHoursOf('meter-2')).toEqual([101])
  expect(await wattHoursOf('meter-3')).toEqual([10 + 21 + 30 + 40])
  expect(await wattHoursOf('meter-4')).toEqual([6])
  // another quantity corrects nothing of this one
  expect((await wattHoursOf('meter-6')).toSorted()).toEqual([99, 100].toSorted())
  const { rows } = await admin.query(
    `SELECT value::int, is_superseded AS old FROM analytics.interval_revisions WHERE meter = 'meter-2' ORDER BY sequence, interval_start`,
  )
  expect(rows.map(({ value, old }) => [value, old])).toEqual([
    [10, true],
    [20, true],
    [30, true],
    [40, true],
    [101, false],
  ])
})

test('a block that its proposer dated out of all time is stored, at the nearest time that there is', async () => {
  const [block] = blocks
  if (block === undefined) throw new Error('no block')
  for (const [sealedAt, seconds] of [
    [-LIMITS.long, 0],
    [LIMITS.long, END],
  ] as const) {
    const [row] = [projectBlock({ ...block, header: { ...block.header, sealedAt } }, numberOf).block]
    expect(row[12]).toBe(seconds * 1000)
  }
})

test('the audit sees what stands beside the logs: zones, faults, and partitions that there are not', async () => {
  const tables = ['store.zones', 'store.faults', 'store.door_rejections', 'ledger.cursors']
  for (const table of tables) await admin.query(`CREATE TABLE public.${table.replace('.', '_')} AS SELECT * FROM ${table}`)
  await admin.query(`
    DELETE FROM store.zones WHERE zone = 'Europe/London';
    INSERT INTO store.zones VALUES ('Mars/Olympus_Mons');
    UPDATE store.faults SET meaning = 'all is well' WHERE code = 5;
    INSERT INTO store.door_rejections VALUES (999, 1, now(), 5, 'm', '\\x00', '', '\\x00');
    DELETE FROM ledger.cursors WHERE source = 'rejections';
    INSERT INTO ledger.cursors SELECT 'rejections', 999, height, block_hash, verdict_hash, registry_size, source_epoch, last_offset,
      next_offset FROM ledger.cursors WHERE source = 'checkpoints'`)
  const { differences } = await runAudit()
  expect(differences.map(({ table, kind, key }) => [table, kind, Object.values(key)[0], key.lane]).toSorted()).toEqual([
    ['ledger.cursors', 'missing', 'rejections', '0'],
    ['ledger.cursors', 'too many', 'rejections', '999'],
    ['store.door_rejections', 'too many', '999', '999'],
    ['store.faults', 'differs', '5', undefined],
    ['store.zones', 'missing', 'Europe/London', undefined],
    ['store.zones', 'too many', 'Mars/Olympus_Mons', undefined],
  ])
  for (const table of tables)
    await admin.query(`DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM public.${table.replace('.', '_')}`)
})

test('a cursor of a lane that is none does not keep the projector from starting', async () => {
  await admin.query(
    `INSERT INTO ledger.cursors SELECT source, 900, height, block_hash, verdict_hash, registry_size, source_epoch, last_offset, next_offset
       FROM ledger.cursors WHERE lane = 0`,
  )
  const { positions, plain } = await recover(database, registry.state)
  expect([...positions.keys()]).toEqual([0])
  expect(plain.map(({ source, lane: number }) => `${source}/${number}`).toSorted()).toEqual([
    'checkpoints/0',
    'rejections/0',
    'repairs/0',
  ])
})
