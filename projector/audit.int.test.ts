import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import type { Finalized } from '../infra/chain/lane-reader.js'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { TestLane } from '../infra/testing/final-blocks.js'
import { createTestDatabase, type TestDatabase } from '../infra/testing/postgres.js'
import { applyEvent, type TestRegistry, testRegistry } from '../infra/testing/registry.js'
import { SignedMeter } from '../infra/testing/signed-meters.js'
import { encodeRejection, encodeRepair, type Repair } from '../schemas/records.js'
import type { Part } from './audit/part.js'
import { type AuditOptions, type AuditProgress, type AuditResult, audit, auditParts, databaseTime } from './audit.js'
import { type PlainSource, readCursors } from './cursors.js'
import { Database } from './database.js'
import { LaneWriter } from './lane-writer.js'
import { writePlain } from './plain-records.js'
import { recover } from './recover.js'
import { RegistryRows } from './registry-rows.js'
import { type Healed, heal } from './repairs/heal.js'
import { TARIFF_TABLES } from './rows/tariff-tables.js'
import { projectBatch, writeBatch } from './write-block.js'

const logger = pino({ level: 'silent' })
const progress: AuditProgress[] = []
let testDatabase: TestDatabase
let database: Database
let admin: pg.Client
let registry: TestRegistry
let lane: TestLane
let blocks: Finalized[]
const plainLog = [
  {
    offset: 0n,
    value: encodeRejection({
      at: 1_700_000_000_000,
      meter: 'meter-1',
      lane: 0,
      leaf: Buffer.alloc(32, 3),
      fault: 5,
      detail: 'no\0',
      bytes: Buffer.from('x'),
    }),
  },
  { offset: 1n, value: null },
  { offset: 4n, value: Buffer.from('garbage') },
]

const repair: Repair = {
  ...{
    id: 'resend/meter-1/7',
    kind: 'resend',
    lane: 1,
    subject: 'meter-1',
    fault: 'gap',
    status: 'requested',
    by: 'authority-1',
  },
  ...{ at: 1_700_000_000_000, tookMillis: null, range: { from: 5, to: 7 }, detail: 'sequences 5 to 7 are missing' },
}
const repairLog = [
  { offset: 0n, value: encodeRepair(repair) },
  { offset: 1n, value: Buffer.from('garbage') },
  { offset: 2n, value: encodeRepair({ ...repair, status: 'completed', by: 'authority-2', at: 1_700_000_002_500, range: null }) },
  { offset: 3n, value: encodeRepair({ ...repair, by: 'slow', at: 1_700_000_000_000 }) },
  {
    offset: 4n,
    value: encodeRepair({ ...repair, id: 'x', kind: 'rebuild', lane: -1, subject: 'a\0', status: 'failed', tookMillis: 40 }),
  },
]
const logOf = (source: PlainSource) => (source === 'repairs' ? repairLog : plainLog)

const numberOf = (meter: string, size: number) => registry.state.meterAt(meter, size)?.ordinal
const failWith = (error: Error) => {
  throw error
}

async function* recordsOf(log: readonly Buffer[]) {
  for (const [i, value] of log.entries()) yield { offset: BigInt(i), timestamp: 1_700_000_000_001 + i, value }
}
async function* listOf<T>(items: readonly T[]) {
  yield* items
}

function runAudit(log = lane.log, limit?: number, onDifferent?: (part: Part) => Promise<void>): Promise<AuditResult> {
  return audit({
    ...auditOptions(log),
    databaseUrl: testDatabase.writerUrl,
    onProgress: (each) => void progress.push(each),
    ...(limit !== undefined && { limit }),
    ...(onDifferent !== undefined && { onDifferent }),
  })
}

function auditOptions(log = lane.log): Pick<AuditOptions, 'registry' | 'verify' | 'source'> {
  return {
    registry: registry.state,
    verify: sodiumSignatures.verify,
    source: {
      chain: (number) => (number === lane.lane ? recordsOf(log) : listOf([])),
      plain: async (source, partition) => ({
        low: 0n,
        records: listOf(
          (source !== 'checkpoints' && partition > 0 ? [] : logOf(source)).map((each) => ({ ...each, timestamp: 0 })),
        ),
      }),
    },
  }
}

async function writeAll(finalized: readonly Finalized[]): Promise<LaneWriter> {
  const { positions, registrySize } = await recover(database, registry.state)
  const rows = new RegistryRows(registry.state, database, registrySize)
  const height = positions.get(lane.lane)?.final.height ?? -1n
  const registryReached = (size: number) => rows.reach(size)
  const writer = new LaneWriter({
    lane: lane.lane,
    height,
    database,
    numberOf,
    registryReached,
    onWritten: () => undefined,
    onFailure: failWith,
  })
  for (const block of finalized) await writer.take(block)
  await writer.idle()
  await rows.reach(registry.state.size)
  return writer
}

/** One of each kind, and one that says nothing. */
const money = { currency: 'GBP', decimals: 2, priceScaler: -5, standing: 7 }
const zones = ['day', 'night'].map((name, i) => ({ name, price: 100 + i }))
const tariffs = [
  {
    ...{ version: 1, kind: 'interval-plan', ...money, measures: '1-0:1.8.0*255', zones, signal: true },
    ...{ schedule: [{ zone: 1, hours: { from: '22:00', to: '06:00' } }], holidays: ['2013-01-01', '2013-01-02'] },
  },
  { version: 1, kind: 'register-plan', ...money, zones: [{ name: 'T1', price: 1, register: '1-0:1.8.1*255' }] },
  { version: 1, kind: 'signal', step: 1800, zones: '00-11' },
  { version: 1, kind: 'time-zone', offset: 0, transitions: [[1_700_000_000, 3600]] },
  {},
]

const digest = async (): Promise<string> => {
  const tables = [
    'ledger.blocks',
    'ledger.votes',
    'store.readings',
    'store.profiles',
    'store.registers',
    'store.rejections',
    'store.meters',
    'store.assignments',
    'store.past_assignments',
    ...TARIFF_TABLES.map(({ name }) => name),
    'ledger.cursors',
  ]
  const sums = await Promise.all(
    tables.map((table) =>
      database.pool.query(`SELECT count(*), sum(hashtext((to_jsonb(t) - 'read_since')::text)::int8) FROM ${table} t`),
    ),
  )
  return JSON.stringify(sums.map((each) => each.rows))
}

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  database = new Database({ url: testDatabase.writerUrl, logger, connections: 4 })
  admin = new pg.Client({ connectionString: testDatabase.adminUrl })
  await admin.connect()
  registry = testRegistry({ authorities: 4, meters: 3, lanes: 2 })
  const signer = registry.authorityKeys.slice(0, 1)
  lane = new TestLane(registry, 1)
  const [first, second] = [new SignedMeter('meter-1', registry.chainId), new SignedMeter('meter-2', registry.chainId)]
  const obis = Buffer.from([1, 0, 2, 8, 0, 255])
  const registers = [{ obis, unit: 30, scaler: -3, at: 1_700_003_600, value: 123_456_789 }]
  blocks = [
    lane.finalize(
      [first.next(), second.next({ registers }), Buffer.from('nonsense'), new SignedMeter('stranger', registry.chainId).next()],
      [
        { entry: 2, code: 1 },
        { entry: 3, code: 3 },
      ],
    ),
  ]
  const usagePoint = { id: 'point-9', zone: 'Europe/Nowhere', feeder: 'f', region: 'r', plan: 'p' }
  applyEvent(registry.state, { kind: 'AssignUsagePoint', meter: 'meter-1', validFrom: 1_700_008_000, usagePoint }, signer)
  applyEvent(registry.state, { kind: 'RetireMeter', meter: 'meter-3', fromSequence: 5 }, signer)
  applyEvent(registry.state, { kind: 'AssignUsagePoint', meter: 'meter-1', validFrom: 1_700_008_000, usagePoint }, signer)
  for (const document of tariffs) {
    const content = { kind: 'PublishTariff', plan: 'p', validFrom: 1_700_000_000, document: JSON.stringify(document) } as const
    expect(applyEvent(registry.state, content, registry.authorityKeys)).toMatchObject({ counted: true })
  }
  blocks.push(lane.finalize([]))
  const profile = {
    obis: Buffer.from([1, 0, 1, 8, 0, 255]),
    unit: 30,
    scaler: 2,
    start: 1_700_003_600,
    step: 900,
    values: [7],
    quality: [{ code: 8, count: 1 }],
  }
  blocks.push(lane.finalize([first.next(), first.next({ profiles: [profile], revises: 1 }), second.next()]))
  await writeAll(blocks)
  for (const source of ['rejections', 'checkpoints', 'repairs'] as const) {
    const cursor = (await readCursors(admin)).get(`${source}/0`)
    if (cursor !== undefined) await database.transaction((client) => writePlain(client, cursor, logOf(source)))
  }
})
afterAll(async () => {
  await admin.end()
  await database.close()
  await testDatabase.drop()
})

describe('what is written', () => {
  test('equals what the log demands', async () => {
    const result = await runAudit()
    expect(result).toEqual({ rowsCompared: expect.any(Number), differences: [], differenceCount: 0, unfilled: [] })
    expect(result.rowsCompared).toBeGreaterThan(40)
    expect(progress.at(-1)).toMatchObject({ blocks: 3n, blocksInAll: 3n, differences: 0 })
  })

  test('is what analysts see: exact, the newest revision, by the point of that time', async () => {
    const { rows } = await admin.query(
      `SELECT usage_point, zone, kwh::text, quality, sequence::int FROM analytics.intervals
       WHERE meter = 'meter-1' AND interval_start IN (to_timestamp(1700003600), to_timestamp(1700009900)) ORDER BY interval_start`,
    )
    expect(rows).toEqual([
      { usage_point: 'point-of-meter-1', zone: 'Europe/London', kwh: '0.700', quality: 8, sequence: 3 },
      { usage_point: 'point-9', zone: 'UTC', kwh: '0.212', quality: 0, sequence: 2 },
    ])
    const { rows: revisions } = await admin.query(
      `SELECT kwh::text, revises::int, is_superseded FROM analytics.interval_revisions
       WHERE meter = 'meter-1' AND interval_start = to_timestamp(1700003600) ORDER BY sequence`,
    )
    expect(revisions).toEqual([
      { kwh: '0.121', revises: null, is_superseded: true },
      { kwh: '0.700', revises: 1, is_superseded: false },
    ])
    const { rows: read } = await admin.query(`SELECT meter, obis, kwh::text, lane, height::int, entry FROM analytics.registers`)
    expect(read).toEqual([{ meter: 'meter-2', obis: '1-0:2.8.0*255', kwh: '123.456789', lane: 1, height: 1, entry: 1 }])
  })

  test('says what does not count, and why', async () => {
    const { rows } = await admin.query(
      'SELECT source, fault, meter, height::int, entry, detail FROM analytics.rejections ORDER BY source, entry',
    )
    expect(rows).toEqual([
      { source: 'chain', fault: 'malformed', meter: null, height: 1, entry: 2, detail: null },
      { source: 'chain', fault: 'unknown-meter', meter: 'stranger', height: 1, entry: 3, detail: null },
      { source: 'door', fault: 'bad-signature', meter: 'meter-1', height: null, entry: null, detail: 'no\ufffd' },
    ])
  })

  test('says what broke and what was done: the newest by the time that is told', async () => {
    const { rows } = await admin.query(
      'SELECT id, kind, lane, subject, status, by, took::text, events::int FROM analytics.repairs ORDER BY id',
    )
    expect(rows).toEqual([
      {
        ...{ id: 'resend/meter-1/7', kind: 'resend', lane: 1, subject: 'meter-1', status: 'completed', by: 'authority-2' },
        ...{ took: '00:00:02.5', events: 3 },
      },
      {
        ...{ id: 'x', kind: 'rebuild', lane: null, subject: 'a\ufffd', status: 'failed', by: 'authority-1' },
        ...{ took: '00:00:00.04', events: 1 },
      },
    ])
    const { rows: events } = await admin.query(
      `SELECT first_sequence::int, log_offset::int FROM analytics.repair_events WHERE status = 'requested' ORDER BY log_offset`,
    )
    expect(events).toEqual([
      { first_sequence: 5, log_offset: 0 },
      { first_sequence: 5, log_offset: 3 },
    ])
  })

  test('says who voted, and which meter is retired', async () => {
    const { rows } = await admin.query(
      'SELECT entries, counted, rejected, array_length(voters, 1) AS voters FROM analytics.blocks ORDER BY height',
    )
    expect(rows[0]).toEqual({ entries: 4, counted: 2, rejected: 2, voters: 3 })
    const { rows: meters } = await admin.query(`SELECT usage_point, retired_from FROM analytics.meters ORDER BY meter`)
    expect(meters.map((each) => [each.usage_point, each.retired_from])).toEqual([
      ['point-9', null],
      ['point-of-meter-2', null],
      ['point-of-meter-3', '5'],
    ])
  })
})

describe('exactly once', () => {
  test('blocks that are delivered twice, and by a second projector, change nothing', async () => {
    const before = await digest()
    await writeAll(blocks)
    await database.transaction((client) => writeBatch(client, projectBatch(blocks.slice(2), numberOf)))
    expect(await digest()).toBe(before)
    await expect(
      database.transaction((client) => writeBatch(client, projectBatch(blocks.slice(0, 1), numberOf))),
    ).rejects.toThrow('does another projector write here?')
    expect(await digest()).toBe(before)
  })

  test('a crash between COPY and commit leaves nothing', async () => {
    const before = await digest()
    const next = lane.finalize([])
    lane.log.splice(-4)
    const crash = database.transaction(async (client) => {
      await writeBatch(client, projectBatch([next], numberOf))
      throw new Error('crash')
    })
    await expect(crash).rejects.toThrow('crash')
    expect(await digest()).toBe(before)
  })

  test('a database of another chain is refused', async () => {
    const other = testRegistry({ authorities: 2, lanes: 2 })
    await expect(recover(database, other.state)).rejects.toThrow(/holds chain [0-9a-f]{64} and the registry's is/)
  })

  test('a block that does not follow is a bug, not a gap', async () => {
    const writer = new LaneWriter({
      lane: 1,
      height: 0n,
      database,
      numberOf,
      registryReached: async () => undefined,
      onWritten: () => undefined,
      onFailure: failWith,
    })
    const third = blocks[2]
    if (third !== undefined) await expect(writer.take(third)).rejects.toThrow('block 3 after 0')
  })
})

interface Change {
  readonly table: string
  readonly where: string
  readonly set: string
  /** Columns that make a copy of the row another row. */
  readonly move: string
}
const changes: Change[] = [
  {
    table: 'store.profiles',
    where: 'height = 3 AND entry = 0',
    set: 'narrow[1] = narrow[1] + 1',
    move: "start = start + interval '1 microsecond'",
  },
  {
    table: 'store.profiles',
    where: 'height = 1 AND entry = 0',
    set: 'total = total - 1',
    move: "start = start + interval '2 microseconds'",
  },
  { table: 'store.readings', where: 'height = 1 AND entry = 1', set: "sent_at = 'infinity'", move: 'height = 77' },
  { table: 'store.registers', where: 'true', set: 'value = -1', move: 'lane = 9' },
  { table: 'store.rejections', where: 'entry = 2', set: "meter = 'x'", move: 'height = 0' },
  { table: 'store.channels', where: 'scaler = 2', set: 'factor = 10', move: 'channel = 5' },
  { table: 'store.meters', where: 'number = 2', set: "key = '\\x00'", move: 'number = 99' },
  { table: 'store.assignments', where: 'meter = 3', set: "plan = 'cheap'", move: 'meter = 99' },
  { table: 'store.past_assignments', where: 'true', set: "plan = 'cheap'", move: 'meter = 99' },
  { table: 'store.tariffs', where: "kind = 'interval-plan'", set: 'standing = 0', move: 'event_index = 50' },
  { table: 'store.tariff_zones', where: 'zone = 1', set: 'price = 1', move: 'event_index = 50' },
  { table: 'store.tariff_days', where: 'weekday = 6', set: "zones = '\\x00'", move: 'event_index = 50' },
  { table: 'store.tariff_holidays', where: 'day > 15706', set: 'day = 15708', move: 'event_index = 50' },
  { table: 'store.tariff_signals', where: 'zone = 1', set: 'zone = 0', move: 'event_index = 50' },
  { table: 'store.zone_offsets', where: 'utc_offset = 3600', set: 'utc_offset = 0', move: 'event_index = 50' },
  { table: 'ledger.blocks', where: 'height = 2', set: "record = record || '\\x00'", move: 'lane = 0' },
  { table: 'ledger.votes', where: "height = 1 AND authority = 'authority-2'", set: "record = '\\x00'", move: "authority = 'zz'" },
  { table: 'ledger.registry_events', where: 'event_index = 1', set: "record = '\\x00'", move: 'event_index = 50' },
  { table: 'ledger.chains', where: 'true', set: 'lanes = 3', move: "chain_id = '\\x00'" },
  { table: 'store.door_rejections', where: 'true', set: 'fault = 1', move: 'log_offset = 90' },
  { table: 'store.repair_events', where: 'log_offset = 2', set: "status = 'failed'", move: 'log_offset = 90' },
  { table: 'ledger.checkpoint_records', where: 'log_offset = 4', set: "record = '\\x00'", move: 'log_offset = 3' },
]

describe('the audit names a row that was', () => {
  async function auditAfter(...statements: string[]): Promise<AuditResult> {
    for (const statement of statements) await admin.query(statement)
    return runAudit()
  }
  async function rowsBefore(table: string): Promise<string> {
    await admin.query(`DROP TABLE IF EXISTS public.kept; CREATE TABLE public.kept AS SELECT * FROM ${table}`)
    return `DELETE FROM ${table}; INSERT INTO ${table} SELECT * FROM public.kept`
  }

  test.each(changes)('changed, deleted or added in $table', async ({ table, where, set, move }) => {
    const restore = await rowsBefore(table)
    const one = `ctid = (SELECT ctid FROM ${table} WHERE ${where} LIMIT 1)`
    const changed = await auditAfter(`UPDATE ${table} SET ${set} WHERE ${one}`)
    expect(changed).toMatchObject({ differenceCount: 1, differences: [{ table, kind: 'differs' }] })
    expect(changed.differences[0]?.expected).not.toEqual(changed.differences[0]?.found)

    const deleted = await auditAfter(restore, `DELETE FROM ${table} WHERE ${one}`)
    expect(deleted).toMatchObject({ differenceCount: 1, differences: [{ table, kind: 'missing' }] })

    const [column, value] = move.split(' = ')
    const copy = `CREATE TEMP TABLE added AS SELECT * FROM ${table} WHERE ${one}; UPDATE added SET ${column} = ${value}; INSERT INTO ${table} SELECT * FROM added; DROP TABLE added`
    const added = await auditAfter(restore, copy)
    expect(added).toMatchObject({ differenceCount: 1, differences: [{ table, kind: 'too many' }] })
    await admin.query(restore) // whatever it left would be a second difference of the next
  })

  test('written twice', async () => {
    const restore = await rowsBefore('store.profiles')
    const doubled = await auditAfter('INSERT INTO store.profiles SELECT * FROM store.profiles WHERE height = 1')
    expect(doubled).toMatchObject({
      differenceCount: 2,
      differences: expect.arrayContaining([expect.objectContaining({ kind: 'too many', lane: 1, height: '1', entry: 0 })]),
    })
    expect((await runAudit(lane.log, 1)).differences).toHaveLength(1)
    await admin.query(restore)
  })

  test('a cursor', async () => {
    const restore = await rowsBefore('ledger.cursors')
    const changed = await auditAfter(`UPDATE ledger.cursors SET block_hash = '\\x00' WHERE source = 'chain' AND lane = 1`)
    expect(changed.differences).toMatchObject([{ table: 'ledger.cursors', kind: 'differs', key: { source: 'chain', lane: '1' } }])
    await admin.query(restore)
  })

  test('not where all is as it must be again', async () => {
    expect(await runAudit()).toMatchObject({ differenceCount: 0 })
  })

  test('not in a log that was cut short', async () => {
    const result = await runAudit(lane.log.slice(0, 5))
    expect(result.differences.map((each) => each.table)).toContain('ledger.cursors')
    expect(result.differences).toContainEqual(
      expect.objectContaining({ table: 'ledger.blocks', kind: 'too many', lane: 1, height: '3' }),
    )
  })
})

describe('the audit heals a row that was', () => {
  const told: Repair[] = []
  const healing = {
    by: 'audit',
    registryReached: async () => undefined,
    tell: async (event: Repair) => void told.push(event),
  }
  /** What was healed, after a statement of a superuser. */
  async function healAfter(statement: string, log = lane.log): Promise<Healed[]> {
    await admin.query(statement)
    told.length = 0
    const healed: (Healed | 'outdated' | undefined)[] = []
    await runAudit(log, 100, async (part) => void healed.push(await heal(part, { database, ...healing })))
    expect(healed).not.toContain('outdated')
    return healed.filter((each) => each !== undefined && each !== 'outdated')
  }

  test.each(changes)('changed, deleted or added in $table', async ({ table, where, set, move }) => {
    const before = await digest()
    const one = `ctid = (SELECT ctid FROM ${table} WHERE ${where} LIMIT 1)`
    const [column, value] = move.split(' = ')
    const damages = [
      `UPDATE ${table} SET ${set} WHERE ${one}`,
      `DELETE FROM ${table} WHERE ${one}`,
      `CREATE TEMP TABLE added AS SELECT * FROM ${table} WHERE ${one}; UPDATE added SET ${column} = ${value}; INSERT INTO ${table} SELECT * FROM added; DROP TABLE added`,
    ]
    for (const damage of damages) {
      const [healed, ...rest] = await healAfter(damage)
      expect(rest).toEqual([])
      expect(healed).toMatchObject({ status: 'completed', differences: 1, detail: expect.stringContaining(`${table}: 1 `) })
      expect(told.map(({ kind, status }) => [kind, status])).toEqual([
        ['reproject', 'requested'],
        ['reproject', 'completed'],
      ])
      expect(new Set(told.map(({ id }) => id)).size).toBe(1)
      expect(told[1]?.tookMillis).toBe((told[1]?.at ?? 0) - (told[0]?.at ?? 0))
      expect(await digest()).toBe(before)
    }
    expect(await runAudit()).toMatchObject({ differenceCount: 0 })
  })

  test('changed, unless somebody who began to read later has healed there since: also between the comparison and the repair', async () => {
    await admin.query('DELETE FROM store.readings WHERE ctid = (SELECT ctid FROM store.readings LIMIT 1)')
    const healed: (Healed | 'outdated' | undefined)[] = []
    const touch = () => admin.query(`UPDATE ledger.cursors SET read_since = clock_timestamp() WHERE source = 'chain'`)
    const inBetween = async (event: Repair) => {
      told.push(event)
      if (event.status === 'requested') await touch()
    }
    told.length = 0
    for (const tell of [healing.tell, inBetween, healing.tell])
      await runAudit(lane.log, 100, async (part) => {
        if (healed.length === 0) await touch()
        healed.push(await heal(part, { database, ...healing, tell }))
      })
    expect(healed).toMatchObject(['outdated', 'outdated', { status: 'completed' }])
    expect(told.map(({ status, detail }) => [status, detail])).toEqual([
      ['requested', expect.any(String)],
      ['failed', 'somebody who began to read the log later has healed here meanwhile'],
      ['requested', expect.any(String)],
      ['completed', expect.any(String)],
    ])
  })

  test('changed, by a part that knows since when the log was read, where rows tell of places in it', async () => {
    const dated: [subject: string, isDated: boolean][] = []
    const client = new pg.Client({ connectionString: testDatabase.writerUrl })
    await client.connect()
    const parts = auditParts(
      { ...auditOptions(), now: () => databaseTime(client), onBlocks: () => undefined },
      await readCursors(client),
    )
    for await (const { subject, readSince } of parts)
      if (/^blocks? |^cursor of chain|, offsets |beyond the end/.test(subject)) dated.push([subject, readSince !== undefined])
    await client.end()
    expect(dated.length).toBeGreaterThan(10)
    expect(dated.filter(([, isDated]) => !isDated)).toEqual([])
  })

  test('changed in several tables at once, in blocks and outside; nothing else is rewritten', async () => {
    const { rows: kept } = await admin.query('SELECT ctid FROM store.readings WHERE height = 1')
    const healed = await healAfter(
      `UPDATE store.profiles SET narrow[1] = 0 WHERE height = 3; DELETE FROM store.readings WHERE height = 3; DELETE FROM ledger.votes WHERE height = 3;
       INSERT INTO store.profiles SELECT * FROM store.profiles; TRUNCATE store.faults, store.meters CASCADE`,
    )
    expect(healed.map((each) => each.subject)).toEqual([
      expect.stringContaining('meters'),
      'blocks 1 to 3',
      'meanings of faults, and time zones',
    ])
    expect(await runAudit()).toMatchObject({ differenceCount: 0 })
    const { rows: after } = await admin.query('SELECT ctid FROM store.readings WHERE height = 1')
    expect(after).toEqual(kept)
  })

  test.each(['chain', 'registry', 'rejections'])('a cursor of %s', async (source) => {
    const before = await digest()
    await healAfter(`UPDATE ledger.cursors SET block_hash = '\\x00' WHERE source = '${source}'`)
    expect(await runAudit()).toMatchObject({ differenceCount: 0 })
    expect(await digest()).toBe(before)
  })

  test('a cursor beyond the log, with blocks that nobody voted for', async () => {
    const before = await digest()
    const healed = await healAfter(
      `UPDATE ledger.cursors SET height = 9 WHERE source = 'chain' AND lane = 1;
       INSERT INTO ledger.blocks SELECT (jsonb_populate_record(b, '{"height": 4}')).* FROM ledger.blocks b WHERE height = 3`,
    )
    expect(healed).toMatchObject([
      { subject: 'cursor of chain', lane: 1, status: 'completed' },
      { subject: 'rows of blocks that do not exist', status: 'completed' },
    ])
    expect(await runAudit()).toMatchObject({ differenceCount: 0 })
    expect(await digest()).toBe(before)
  })

  test('not where the log has lost blocks that were final: they stay in the tables, to restore it from', async () => {
    const before = await digest()
    const healed = await healAfter('SELECT', lane.log.slice(0, 5))
    expect(healed).toMatchObject([{ subject: 'cursor of chain', status: 'failed', detail: expect.stringMatching(/restore/) }])
    expect(told.at(-1)).toMatchObject({ status: 'failed' })
    expect(await digest()).toBe(before)
  })
})
