/** A query API over real PostgreSQL, of a small chain that has something for every list: two usage points with an exchange of meters,
 *  corrections, registers, bills; and, written by hand, what only faults and other authorities would make. */
import pino, { type Logger } from 'pino'
import { Database } from '../../projector/database.js'
import { withClient } from '../../projector/migrate.js'
import type { AccessOptions } from '../../projector/query/access/permit.js'
import type { List } from '../../projector/query/lists/list.js'
import { ReadOnlyDatabase } from '../../projector/query/read-only.js'
import { buildQueryServer } from '../../projector/query/server.js'
import type { UsagePoint } from '../../schemas/records.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { createMetrics } from '../metrics.js'
import { BilledChain } from './billed-chain.js'
import { createTestDatabase, type TestDatabase } from './postgres.js'

const DAY = 86_400
const STEP = 1_800
/** The first day that is there, seconds since 1970. */
export const FIRST_DAY = Date.UTC(2026, 0, 30) / 1000
export const DAYS = 4
const EXPORT = Buffer.from([1, 0, 2, 29, 0, 255])
const IMPORT = Buffer.from([1, 0, 1, 29, 0, 255])
const REGISTER = Buffer.from([1, 0, 1, 8, 0, 255])

const point = (id: string, plan = 'flat'): UsagePoint => ({ id, zone: 'UTC', feeder: 'feeder-1', region: 'north', plan })
const PLAN = {
  ...{ version: 1, kind: 'interval-plan', measures: '1-0:1.29.0*255', currency: 'GBP', decimals: 2, priceScaler: -5 },
  ...{ standing: 50_000, holidays: [], signal: false, zones: [{ name: 'all', price: 14_228 }], schedule: [] },
}

/** What no chain of one honest authority has. */
const BY_HAND = [
  `INSERT INTO store.repair_events (lane, log_offset, id, kind, of_lane, subject, fault, status, told_by, at, took_millis, first_sequence, last_sequence, detail)
   SELECT 0, i, 'repair ' || i / 2, CASE WHEN i < 10 THEN 'resend' ELSE 'wait' END, CASE WHEN i < 10 THEN 0 ELSE -1 END, 'meter-' || i / 2, 'gap',
          CASE i % 2 WHEN 0 THEN 'requested' ELSE 'completed' END, 'authority-1', '2026-02-01'::timestamptz + i * interval '1 minute',
          CASE i % 2 WHEN 1 THEN 60000 + i END, i, NULL, 'says "so", and' || chr(10) || 'more'
     FROM generate_series(0, 13) i`,
  `INSERT INTO store.door_rejections SELECT 0, i, '2026-02-02'::timestamptz + i * interval '1 hour', 65, CASE WHEN i % 2 = 0 THEN '' ELSE 'meter-9' END,
          sha256(int4send(i::int4)), 'odd', '\\x00' FROM generate_series(0, 4) i`,
  `INSERT INTO store.rejections SELECT 0, 1, 900 + i, i, NULL, NULL, sha256(int4send(i::int4)) FROM generate_series(1, 4) i`,
  `INSERT INTO store.evidence SELECT 0, 1, i, 'void-block', 'authority-2', 2, sha256('b'), 3, sha256(int4send(i::int4)) FROM generate_series(0, 2) i`,
  `INSERT INTO store.checkpoints SELECT i, i * 10, sha256(int4send(i::int4)), sha256('h'), sha256('v'), 3, 1, 'authority-1',
          '2026-02-01'::timestamptz + i * interval '5 seconds', '2026-02-01'::timestamptz + i * interval '6 seconds', i, i
     FROM generate_series(1, 5) i`,
]

/** The usage point whose meters are exchanged, as a path has it. */
export const POINT = encodeURIComponent('point/1 ü')

/** What a list must be given, and has rows for. */
export function givenTo(list: List): Record<string, string> {
  const isTime = 'format' in (list.query.from?.kind.schema ?? {}) && list.path.endsWith('/intervals')
  const values: Record<string, string> = { month: '2026-01', from: '2026-01-30', to: '2026-02-07' }
  const required = Object.entries(list.query).filter(([, { isRequired }]) => isRequired)
  return Object.fromEntries(required.map(([name]) => [name, `${values[name]}${isTime ? 'T00:00:00Z' : ''}`]))
}

/** An address at which a list has rows. */
export function addressOf(list: List): string {
  const id = list.path.startsWith('/v1/meters') ? 'meter-3' : POINT
  const path = list.path.replace(':id', id).replace(':lane', '0')
  const query = Object.entries(givenTo(list)).map(([name, value]) => `${name}=${value}`)
  return query.length === 0 ? path : `${path}?${query.join('&')}`
}

export interface Queried {
  readonly chain: BilledChain
  readonly url: string
  readonly testDatabase: TestDatabase
  readonly database: ReadOnlyDatabase
  close(): Promise<void>
}

export interface QueriedOptions {
  readonly access?: AccessOptions
  readonly logger?: Logger
  /** Default: the small one, and what is written by hand. */
  readonly chain?: BilledChain
  /** Of a statement whose answer is bounded. Default: 5 s. */
  readonly statementMillis?: number
}

const OPEN: AccessOptions = { keys: undefined, ratePerSecond: 0 }

export async function openQueried(options: QueriedOptions = {}): Promise<Queried> {
  const { access = OPEN, logger, statementMillis = 5_000, chain = chainOf() } = options
  const silent = pino({ level: 'silent' })
  const testDatabase = await createTestDatabase()
  const writing = new Database({ url: testDatabase.writerUrl, logger: silent, connections: 4 })
  await chain.write(writing)
  await writing.close()
  await withClient(testDatabase.adminUrl, async (admin) => {
    for (const statement of options.chain === undefined ? BY_HAND : ['ANALYZE']) await admin.query(statement)
  })
  const database = new ReadOnlyDatabase({
    ...{ url: testDatabase.writerUrl, logger: logger ?? silent, connections: 4, statementMillis },
    ...{ waitMillis: 2_000, streams: 2, streamStatementMillis: 30_000 },
  })
  const app = await buildQueryServer({
    ...{ database, access, logger: logger ?? silent, metrics: createMetrics('projector'), isReady: () => ({ ready: true }) },
    ...{ registry: chain.registry.state, signatures: sodiumSignatures, witnesses: [] },
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const close = async () => {
    await app.close()
    await database.close()
    await testDatabase.drop()
  }
  return { chain, url, testDatabase, database, close }
}

function chainOf(): BilledChain {
  const chain = new BilledChain()
  chain.enrol([
    { meter: 'meter-1', usagePoint: point('point/1 ü') },
    { meter: 'meter-2', usagePoint: point('store', '') },
    { meter: 'meter-3', usagePoint: point('point-2') },
  ])
  chain.publish('flat', 0, PLAN)
  chain.publish('broken', 0, 'no JSON')
  const exchange = FIRST_DAY + 2 * DAY
  chain.assign('meter-1', exchange, point('store', ''))
  chain.assign('meter-2', exchange, point('point/1 ü'))
  for (let day = 0; day < DAYS; day++) {
    const start = FIRST_DAY + day * DAY
    const profile = (obis: Buffer, seed: number) => ({
      ...{ obis, unit: 30, scaler: -1, start, step: STEP, quality: [] },
      values: Array.from({ length: DAY / STEP }, (_, i) => ((i * 7_919 + seed * 104_729) % 9_973) + 1),
    })
    const registers = [{ obis: REGISTER, unit: 30, scaler: 0, at: start + DAY, value: 1_000 + 20 * day }]
    const changes = { registers, revises: null, sentAt: (start + DAY) * 1000 }
    chain.add(day < 2 ? 'meter-1' : 'meter-2', { ...changes, profiles: [profile(IMPORT, day)] })
    chain.add('meter-3', { ...changes, profiles: [profile(IMPORT, day + 10), profile(EXPORT, day + 20)] })
    chain.seal((start + DAY) * 1000)
  }
  const corrected = { obis: IMPORT, unit: 30, scaler: 0, start: FIRST_DAY, step: STEP, values: [7, 8], quality: [] }
  chain.add('meter-3', { profiles: [corrected], registers: [], revises: 1, sentAt: (FIRST_DAY + 9 * DAY) * 1000 })
  chain.seal((FIRST_DAY + 9 * DAY) * 1000)
  return chain
}
