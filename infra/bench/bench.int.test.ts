/** The whole bench with few messages, on the services of the tests: own topics, own database, stages of the build in dist/. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import { loadConfig } from '../config.js'
import { createKafka } from '../kafka/client.js'
import { isPortFree } from '../services/ports.js'
import { captureOutput } from '../testing/capture-output.js'
import { createTestDatabase, type TestDatabase } from '../testing/postgres.js'
import { BlockWatch } from './block-watch.js'
import { benchCommand } from './command.js'

const BROKERS = process.env.METERCHAIN_TEST_BROKERS ?? '127.0.0.1:19092'
const PREFIX = `bench-${process.pid}-${Date.now().toString(36)}-`
const STAGES = ['INGEST', 'CHAINER', 'VALIDATOR', 'PROJECTOR', 'QUERY']

let database: TestDatabase
let home: string
let settings: Record<string, string>
const before = { ...process.env }

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

beforeAll(async () => {
  database = await createTestDatabase()
  home = mkdtempSync(join(tmpdir(), 'meterchain-bench-'))
  settings = {
    METERCHAIN_HOME: home,
    METERCHAIN_LOG_LEVEL: 'warn',
    METERCHAIN_BROKERS: BROKERS,
    // not the broker's own port: so it counts as somebody else's, and is neither started nor stopped
    METERCHAIN_KAFKA_PORT: '1',
    METERCHAIN_REGISTRY_URL: process.env.METERCHAIN_TEST_REGISTRY_URL ?? 'http://127.0.0.1:18081/apis/ccompat/v7',
    METERCHAIN_TOPIC_PREFIX: PREFIX,
    METERCHAIN_DATABASE_URL: database.writerUrl,
    METERCHAIN_ANALYST_URL: database.analystUrl,
  }
  for (const stage of STAGES) settings[`METERCHAIN_${stage}_PORT`] = String(await freePort())
  Object.assign(process.env, settings)
}, 60_000)

afterAll(async () => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name]
  const admin = createKafka(loadConfig(settings), pino({ level: 'silent' })).admin()
  await admin.connect()
  const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(PREFIX))
  await admin.deleteTopics({ topics })
  await admin.disconnect()
  await database.drop()
  rmSync(home, { recursive: true, force: true })
}, 60_000)

describe('the bench', () => {
  test('measures messages from the first byte to the last row, prints tables and one line of JSON, and stops what it started', async () => {
    const run = () => benchCommand(process.env).parseAsync(['node', 'bench', ...options])
    const options = ['--messages', '1200', '--single', '64', '--households', '40', '--lanes', '2']
    const { out, err } = await captureOutput(run)
    const result = JSON.parse(out.at(-1) ?? '')
    expect(result).toMatchObject({ messages: 1_200, single: { messages: 64 } })
    expect(result.messagesPerSecond).toBeCloseTo(1_200 / result.seconds, -2)
    expect(result.ratio).toBeCloseTo(result.messagesPerSecond / result.verifyPerSecond, 2)
    expect(result.visible.p50).toBeGreaterThan(result.final.p50)
    expect(Object.keys(result.cpu)).toEqual(['ingest', 'chainer', 'validator', 'projector', 'sender'])
    expect(out.join('\n')).toMatch(/kafka +│ elsewhere/)
    expect(err.join('\n')).toContain('stages stopped')
    expect(await isPortFree(Number(settings.METERCHAIN_INGEST_PORT))).toBe(true)
    const client = new pg.Client({ connectionString: database.writerUrl })
    await client.connect()
    const { rows } = await client.query<{ readings: number; intervals: number }>(
      'SELECT (SELECT count(*)::int FROM store.readings) AS readings, (SELECT coalesce(sum(cardinality(narrow)), 0)::int FROM store.profiles) AS intervals',
    )
    expect(rows).toEqual([{ readings: 180 + 1_200 + 64, intervals: 4 * (180 + 1_200 + 64) }])
    expect(await (await BlockWatch.open(client)).until(0)).toBeUndefined()
    await client.end()
  }, 120_000)

  test('says what is wrong with an option', async () => {
    const command = benchCommand({ ...settings })
      .exitOverride()
      .configureOutput({ writeErr: () => undefined })
    await expect(command.parseAsync(['node', 'bench', '--messages', 'many'])).rejects.toThrow('expected a whole number from 1 on')
  })
})
