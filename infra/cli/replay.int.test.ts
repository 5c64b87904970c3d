/** `meterchain replay` as a person runs it: as a command, as a process that is ended by signals, and from a replica. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { migrate, urlOf, withClient } from '../../projector/migrate.js'
import { saveGenesis } from '../registry/genesis.js'
import { databasePasswords } from '../system/database-urls.js'
import { programFile } from '../system/stages.js'
import { fullTest } from '../testing/full.js'
import { buildStages } from '../testing/local-system.js'
import { type TestDatabase, testAdminUrl } from '../testing/postgres.js'
import { openProjecting, type Projecting } from '../testing/projecting.js'
import { cliMust, runCli } from '../testing/run-cli.js'
import { until } from '../testing/until.js'

const MINUTE = 60_000
const logger = pino({ level: 'silent' })
const home = mkdtempSync(join(tmpdir(), 'replay-command-'))
let database: TestDatabase
let line: Projecting
let settings: Record<string, string>

/** With the roles that the command knows, whose passwords are those of the server's home. */
async function createDatabase(): Promise<TestDatabase> {
  const name = `meterchain_test_${randomBytes(6).toString('hex')}`
  const adminUrl = testAdminUrl()
  const passwords = databasePasswords(process.env.METERCHAIN_TEST_HOME ?? '.meterchain')
  const { writerUrl, analystUrl } = await migrate({ adminUrl, database: name, passwords })
  const drop = () => withClient(adminUrl, (client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`)).then(() => undefined)
  return { adminUrl: urlOf(adminUrl, name), writerUrl, analystUrl, drop }
}

beforeAll(async () => {
  database = await createDatabase()
  line = await openProjecting('replay-command', database, logger, { METERCHAIN_AUDIT_ROWS_PER_SECOND: '0' })
  await saveGenesis(join(home, 'genesis.json'), line.follower.state.store.eventBytes(0) ?? Buffer.alloc(0))
  settings = {
    METERCHAIN_HOME: home,
    METERCHAIN_BROKERS: line.config.brokers.join(','),
    METERCHAIN_REGISTRY_URL: process.env.METERCHAIN_TEST_REGISTRY_URL ?? line.config.registryUrl,
    METERCHAIN_TOPIC_PREFIX: line.config.topicPrefix,
    METERCHAIN_LANES: '2',
    METERCHAIN_DATABASE_URL: database.writerUrl,
    METERCHAIN_ANALYST_URL: database.analystUrl,
  }
  Object.assign(process.env, settings)
}, 2 * MINUTE)
afterAll(async () => {
  for (const name of Object.keys(settings ?? {})) delete process.env[name]
  await line?.close()
  await database?.drop()
  rmSync(home, { recursive: true })
}, MINUTE)

const admin = () => ['--admin-url', database.adminUrl]
const asked = async (sql: string) => (await line.asAdmin((client) => client.query(sql))).rows

test(
  'the command shows each table’s digest, puts the new tables in place, and keeps the old ones until it is told',
  async () => {
    const said = await cliMust('replay', ...admin())
    expect(said).toMatch(/store\.arrivals +│? *[0-9a-f]{64}.*equal/)
    expect(said).toMatch(/\d+ messages, \d+ intervals in \d+ ms\nin place; the tables so far are kept until/)
    expect(await runCli('replay', ...admin())).toMatchObject({ code: 1, stderr: expect.stringMatching(/--drop-old/) })
    expect(await cliMust('replay', '--drop-old', ...admin())).toMatch(/schemas old_… are deleted/)
    expect(await cliMust('replay', '--drop-old', ...admin())).toMatch(/there are no schemas old_…/)
    expect(await runCli('replay', '--drop', 'live', ...admin())).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/the live tables are not dropped/),
    })
  },
  MINUTE,
)

test(
  'from a replica, with --verify full: the same tables, without Kafka',
  async () => {
    const { METERCHAIN_BROKERS } = process.env
    process.env.METERCHAIN_BROKERS = '127.0.0.1:1'
    const done = JSON.parse(await cliMust('replay', '--from', database.adminUrl, '--verify', 'full', '--json', ...admin()))
    process.env.METERCHAIN_BROKERS = METERCHAIN_BROKERS
    expect(done).toMatchObject({ messages: line.readings, differing: [], notCompared: [] })
    await cliMust('replay', '--drop-old', ...admin())
  },
  MINUTE,
)

test(
  'what is asked for wrongly is named, with what there is',
  async () => {
    const cases: [args: string[], said: RegExp][] = [
      [['--until', 'tomorrow'], /neither checkpoint:SIZE nor height:N nor a time/],
      [['--until', 'height:2', ...admin()], /what shall the set be called\? --as NAME/],
      [['--as', 'No-Name'], /a set of schemas is named by 1 to 31 of a-z and 0-9/],
      [['--verify', 'nothing'], /Allowed choices are votes, full/],
      [[], /who makes schemas in your PostgreSQL\? .*--admin-url/],
      [['--from', database.adminUrl, '--genesis', join(home, 'none.json'), ...admin()], /none\.json/],
    ]
    for (const [args, said] of cases)
      expect(await runCli('replay', ...args)).toMatchObject({ code: 1, stderr: expect.stringMatching(said) })
  },
  MINUTE,
)

test(
  'the tables as they were, and what changed since',
  async () => {
    expect(await cliMust('replay', '--until', 'height:2', '--as', 'two', ...admin())).toMatch(
      /two_analytics holds the tables as of height 2: 40 messages, 160 intervals were replayed/,
    )
    const { code, stdout } = await runCli('diff', 'two', 'live', ...admin())
    expect(code).toBe(1)
    expect(stdout).toMatch(/store\.arrivals/)
    expect(await cliMust('replay', '--drop', 'two', ...admin())).toMatch(/schemas two_… are deleted/)
  },
  MINUTE,
)

/** The command as a process of its own, and how it ended. */
function startReplay() {
  const child: ChildProcess = spawn(process.execPath, [programFile, 'replay', ...admin()], {
    env: { ...process.env, ...settings },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (text: Buffer) => (said += text.toString()))
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null; said: string }>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, said }))
  })
  return { child, ended }
}

/** Blocks in the tables that are being filled; 0: none, or there are no tables yet. */
async function replayedBlocks(): Promise<number> {
  const [{ isThere } = { isThere: false }] = await asked(`SELECT to_regclass('replay_ledger.cursors') IS NOT NULL AS "isThere"`)
  if (!isThere) return 0
  const rows = await asked(`SELECT coalesce(sum(height), 0)::int AS n FROM replay_ledger.cursors WHERE source = 'chain'`)
  return rows[0].n
}

/** By a signal, when more blocks than these are in the tables. */
async function endedInTheMiddle(signal: 'SIGTERM' | 'SIGKILL', above = 0) {
  const { child, ended } = startReplay()
  await until('it has filled some blocks', MINUTE, async () => (await replayedBlocks()) > above)
  child.kill(signal)
  return ended
}

fullTest(
  'replay ended by SIGTERM stops in order and by SIGKILL at once: the same command goes on, and the digests are equal',
  async () => {
    buildStages()
    await line.sendBlocks(150)
    await line.running?.caughtUp()
    const killed = await endedInTheMiddle('SIGKILL')
    expect(killed).toMatchObject({ code: null, signal: 'SIGKILL' })
    const before = await replayedBlocks()
    expect(before).toBeGreaterThan(0)
    expect(await asked(`SELECT FROM pg_namespace WHERE nspname = 'old_store'`)).toEqual([])
    await line.sendBlocks(20)
    const stopped = await endedInTheMiddle('SIGTERM', before)
    expect(stopped).toMatchObject({ code: 1, said: expect.stringMatching(/stopped; the same command goes on where it was/) })
    expect(await replayedBlocks()).toBeGreaterThan(before)
    const done = JSON.parse(await cliMust('replay', '--json', ...admin()))
    expect(done.differing).toEqual([])
    expect(done.messages).toBeLessThan(line.readings)
    await line.untilWhole('after the replay')
    await cliMust('replay', '--drop-old', ...admin())
  },
  4 * MINUTE,
)
