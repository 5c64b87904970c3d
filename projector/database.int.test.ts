import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import { createTestDatabase, type TestDatabase } from '../infra/testing/postgres.js'
import { type SwitchedProxy, startProxy } from '../infra/testing/proxy.js'
import { until } from '../infra/testing/until.js'
import { TransientError } from '../schemas/errors.js'
import { copyRows, Database, isPassing } from './database.js'
import { CHECKPOINT_RECORDS, type CheckpointRow } from './rows/tables.js'

const logger = pino({ level: 'silent' })
let testDatabase: TestDatabase
let proxy: SwitchedProxy
let database: Database

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  proxy = await startProxy(testDatabase.writerUrl)
  const url = proxy.through(testDatabase.writerUrl)
  database = new Database({ url, logger, connections: 2, patienceMillis: 3_000 })
})
afterAll(async () => {
  await database.close()
  proxy.close()
  await testDatabase.drop()
})

const add = (id: number) => async (client: pg.ClientBase) => {
  await client.query(`INSERT INTO ledger.checkpoint_records VALUES ($1, '\\x00')`, [id])
}
const count = async () => (await database.pool.query('SELECT count(*)::int AS n FROM ledger.checkpoint_records')).rows[0].n

describe('a transaction', () => {
  test('goes on when the database comes back, and takes effect once', async () => {
    let attempts = 0
    await database.transaction(async (client) => {
      attempts++
      await add(1)(client)
      if (attempts === 1) {
        proxy.goAway()
        setTimeout(() => proxy.comeBack(), 150)
      }
      await client.query('SELECT 1')
    })
    expect(attempts).toBe(2)
    expect(database.trouble).toBeUndefined()
    expect(await count()).toBe(1)
  })

  test('that is cut off in the middle of a COPY is tried again, and its rows are there once', async () => {
    let attempts = 0
    const rows = Array.from({ length: 20_000 }, (_, i): CheckpointRow => [BigInt(i + 100), Buffer.alloc(500)])
    await database.transaction(async (client) => {
      attempts++
      const cutting = function* (): Generator<CheckpointRow> {
        for (const [i, row] of rows.entries()) {
          if (attempts === 1 && i === 10_000) proxy.cut()
          yield row
        }
      }
      await copyRows(client, CHECKPOINT_RECORDS, cutting())
    })
    expect(attempts).toBe(2)
    expect(await count()).toBe(20_001)
  })

  test('whose session the server ends in the middle of a COPY is tried again', async () => {
    let attempts = 0
    const before = await count()
    await database.transaction(async (client) => {
      attempts++
      const { rows } = await client.query('SELECT pg_backend_pid() AS pid')
      if (attempts === 1) await database.pool.query('SELECT pg_terminate_backend($1)', [rows[0].pid])
      await copyRows(client, CHECKPOINT_RECORDS, [[99n, Buffer.alloc(500)]])
    })
    expect(attempts).toBe(2)
    expect(await count()).toBe(before + 1)
  })

  test('is given up when the database stays away', async () => {
    proxy.goAway()
    await expect(database.transaction(add(2))).rejects.toThrow(TransientError)
    expect(database.trouble).toContain('PostgreSQL is away')
    proxy.comeBack()
    expect(await database.transaction(async () => 'here')).toBe('here')
    expect(await count()).toBe(20_002)
  })

  test('waits for room on a full disk without an end, but for the end of the process', async () => {
    const impatient = new Database({ url: testDatabase.writerUrl, logger, connections: 1, patienceMillis: 0 })
    const full = () => Object.assign(new pg.DatabaseError('no space', 1, 'error'), { code: '53100', severity: 'ERROR' })
    let attempts = 0
    const done = await impatient.transaction(async () => {
      if (++attempts < 4) throw full()
      return 'done'
    })
    expect([done, attempts, impatient.trouble]).toEqual(['done', 4, undefined])
    const waiting = impatient.transaction(async () => {
      throw full()
    })
    const refused = expect(waiting).rejects.toThrow('the disk of PostgreSQL is full: no space')
    await until('its trouble', 10_000, () => impatient.trouble !== undefined)
    await impatient.close()
    await refused
  })

  test('is not tried again where it can never succeed, and leaves nothing', async () => {
    let attempts = 0
    const wrong = database.transaction(async (client) => {
      attempts++
      await add(3)(client)
      await client.query('SELECT FROM nowhere')
    })
    await expect(wrong).rejects.toThrow('does not exist')
    expect(attempts).toBe(1)
    expect(await count()).toBe(20_002)
  })
})

test('deadlocks and restarts pass; faults of ours do not', () => {
  const withCode = (code: string) => Object.assign(new pg.DatabaseError('x', 1, 'error'), { code, severity: 'ERROR' })
  expect(['40P01', '57P01', '08006', '53300'].every((code) => isPassing(withCode(code)))).toBe(true)
  expect(['42P01', '22003', '23505', '3D000'].some((code) => isPassing(withCode(code)))).toBe(false)
  expect(isPassing(new RangeError('a number does not fit'))).toBe(false)
  expect(isPassing('text')).toBe(false)
})
