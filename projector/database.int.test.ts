import type { AddressInfo } from 'node:net'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import { createTestDatabase, type TestDatabase } from '../infra/testing/postgres.js'
import { TransientError } from '../schemas/errors.js'
import { copyRows, Database, isPassing } from './database.js'
import { CHECKPOINT_RECORDS, type CheckpointRow } from './rows/tables.js'

const logger = pino({ level: 'silent' })
let testDatabase: TestDatabase
let proxy: Server
let database: Database
const sockets = new Set<Socket>()
let isUp = true

/** A server that can go away: forwards to PostgreSQL while it is up, and resets every connection while it is not. */
beforeAll(async () => {
  testDatabase = await createTestDatabase()
  const url = new URL(testDatabase.writerUrl)
  const target = { port: Number(url.port), host: url.hostname }
  proxy = createServer((incoming) => {
    if (!isUp) return void incoming.resetAndDestroy()
    const outgoing = connect(target)
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => [incoming, outgoing].forEach((each) => void each.destroy()))
    }
    incoming.pipe(outgoing).pipe(incoming)
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  url.port = String((proxy.address() as AddressInfo).port)
  database = new Database({ url: url.href, logger, connections: 2, patienceMillis: 3_000 })
})
afterAll(async () => {
  await database.close()
  for (const socket of sockets) socket.destroy()
  proxy.close()
  await testDatabase.drop()
})

const cutAll = () => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
}
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
        isUp = false
        cutAll()
        setTimeout(() => {
          isUp = true
        }, 150)
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
          if (attempts === 1 && i === 10_000) cutAll()
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
    isUp = false
    cutAll()
    await expect(database.transaction(add(2))).rejects.toThrow(TransientError)
    expect(database.trouble).toContain('PostgreSQL is away')
    isUp = true
    expect(await database.transaction(async () => 'here')).toBe('here')
    expect(await count()).toBe(20_002)
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
