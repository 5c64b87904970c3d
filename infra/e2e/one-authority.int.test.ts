/** The whole line of one authority, from nothing to nothing, by the commands that a person has. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { drawBelow } from '../../ingest/simulate/draw.js'
import { doorUrlOf, withSender } from '../cli/sender.js'
import { tamper } from '../cli/tamper.js'
import { postgresAdminUrl } from '../services/postgres.js'
import { isRunning } from '../supervisor/pid-file.js'
import { databaseUrls } from '../system/database-urls.js'
import { programFile } from '../system/stages.js'
import { startLoad } from '../testing/acknowledged-load.js'
import { isFull } from '../testing/full.js'
import {
  greenButtonTotals,
  HOUSE,
  nem12Text,
  nem12Totals,
  SOLAR,
  type TextTotals,
  writeImportable,
} from '../testing/importable-files.js'
import { buildStages, type LocalSystem, localSystem } from '../testing/local-system.js'
import { cliMust, runCli } from '../testing/run-cli.js'
import { until } from '../testing/until.js'
import { countReadings, untilAllVisible, verifyAndAudit, votesInLog, withDatabase } from '../testing/whole-system.js'

const MINUTE = 60_000
const SEED = Number(process.env.METERCHAIN_TEST_SEED ?? Math.floor(Math.random() * 1_000_000))
let system: LocalSystem

beforeAll(async () => {
  buildStages()
  // the projector's own audit would heal what a test damages to see it named
  system = await localSystem('e2e', { METERCHAIN_AUDIT_ROWS_PER_SECOND: '0' })
}, MINUTE)
afterAll(() => system?.remove(), MINUTE)

const say = (line: string) => void process.stderr.write(`${line}\n`)
const stages = ['ingest', 'chainer', 'validator', 'projector']
const pids = () => [...stages, 'supervisor'].map((name) => system.process(name).pid)

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

describe('up, status, down', () => {
  test(
    'a broker’s port in use is named, with its holder and the setting that moves it; a later up goes on from there',
    async () => {
      const stranger = await listen(system.config.kafkaPort)
      const refused = await runCli('up')
      await new Promise((resolve) => stranger.close(resolve))
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(
        new RegExp(`port ${system.config.kafkaPort} is in use by pid ${process.pid} .*METERCHAIN_KAFKA_PORT`),
      )
    },
    MINUTE,
  )

  test(
    'status of what does not run says so, and ends with 1',
    async () => {
      const { code, stdout } = await runCli('status', '--json')
      expect(code).toBe(1)
      expect(JSON.parse(stdout).stages).toContainEqual({ name: 'ingest', pid: undefined, isReady: false })
    },
    MINUTE,
  )

  test(
    'a stage’s port in use is named before anything waits for it',
    async () => {
      const stranger = await listen(system.config.ingestPort)
      const refused = await runCli('up')
      await new Promise((resolve) => stranger.close(resolve))
      expect(refused.code).toBe(1)
      expect(refused.stderr).toMatch(
        new RegExp(`port ${system.config.ingestPort} is in use by pid ${process.pid} .*METERCHAIN_INGEST_PORT`),
      )
    },
    MINUTE,
  )

  test(
    'up starts everything; a second one changes nothing',
    async () => {
      const first = await cliMust('up', '--authorities', '1')
      expect(first).toBe('')
      const before = pids()
      expect(new Set(before).size).toBe(5)
      await cliMust('up')
      expect(pids()).toEqual(before)
      const { services, stages: seen } = JSON.parse(await cliMust('status', '--json'))
      expect(services.map(({ name, isHealthy }: { name: string; isHealthy: boolean }) => [name, isHealthy])).toEqual([
        ['kafka', true],
        ['registry', true],
        ['postgres', true],
      ])
      expect(seen.map(({ name, isReady }: { name: string; isReady: boolean }) => [name, isReady]).sort()).toEqual(
        [...stages].sort().map((name) => [name, true]),
      )
      expect(await cliMust('status')).toMatch(/ingest +│ ready/)
    },
    2 * MINUTE,
  )

  test(
    'up with another plan than the chain’s is refused, and says what to do',
    async () => {
      const others = await runCli('up', '--authorities', '4')
      expect(others).toMatchObject({ code: 1, stderr: expect.stringMatching(/founded by 1 authorities, not 4: .*down --reset/) })
      const consensus = await runCli('up', '--consensus', 'pos')
      expect(consensus).toMatchObject({ code: 1, stderr: expect.stringMatching(/began with consensus poa, not pos/) })
    },
    MINUTE,
  )

  test(
    'what a killed supervisor left is taken over by the next up',
    async () => {
      const before = pids()
      await system.kill('supervisor')
      await cliMust('up')
      await system.untilReady()
      const after = pids()
      for (const pid of after) expect(before).not.toContain(pid)
      expect((await runCli('status')).code).toBe(0)
    },
    MINUTE,
  )
})

describe('small commands', () => {
  test(
    'topics are made, checked and listed',
    async () => {
      const isAsItMustBe = /^6 topics are as they must be on 127\.0\.0\.1:/
      expect(await cliMust('topics', 'check')).toMatch(isAsItMustBe)
      expect(await cliMust('topics', 'create')).toMatch(isAsItMustBe)
      const list = await cliMust('topics', 'list')
      expect(list).toMatch(/readings +│ 3 /)
      expect(list).toMatch(/registry +│ 0 +│ 0 +│ 1 /)
      process.env.METERCHAIN_TOPIC_PREFIX = 'other.'
      const other = await runCli('topics', 'check')
      delete process.env.METERCHAIN_TOPIC_PREFIX
      expect(other).toMatchObject({ code: 1, stderr: expect.stringMatching(/other\.readings/) })
    },
    MINUTE,
  )

  test(
    'simulated households live on from run to run',
    async () => {
      const day = ['simulate', '--households', '3', '--seed', '9', '--from', '2024-01-01']
      expect(await cliMust(...day)).toBe('72 messages count, 0 are left\n')
      expect(await cliMust(...day, '--days', '2')).toBe('144 messages count, 0 are left\n')
      await untilAllVisible(system.config)
      const sql = 'SELECT count(*) AS intervals, count(DISTINCT meter) AS meters FROM analytics.intervals'
      expect(await cliMust('sql', '--json', sql)).toBe('{"intervals":"864","meters":"3"}\n')
      expect(await cliMust('sql', 'SELECT 1.10 AS exact; SELECT NULL AS nothing')).toMatch(
        /exact.*1\.10.*1 rows.*nothing.*1 rows/s,
      )
    },
    MINUTE,
  )

  test(
    'the analyst may read and not write',
    async () => {
      const { code, stderr } = await runCli('sql', 'DELETE FROM store.profiles')
      expect(code).toBe(1)
      expect(stderr).toMatch(/permission denied|read-only/)
    },
    MINUTE,
  )

  test(
    'migrate makes a database of one’s own, once',
    async () => {
      const args = ['migrate', '--database', 'another', '--admin-url', postgresAdminUrl(system.config)]
      const first = await runCli(...args)
      expect(first.stderr).toMatch(/^applied: /)
      expect(first.stdout).toMatch(
        /^METERCHAIN_DATABASE_URL=postgresql:.*another\nMETERCHAIN_ANALYST_URL=postgresql:.*another\n$/,
      )
      const second = await runCli(...args)
      expect(second).toEqual({ code: 0, stdout: first.stdout, stderr: 'the database was up to date\n' })
    },
    MINUTE,
  )

  test(
    'audit names each row that somebody changed, up to the limit, and ends with 1',
    async () => {
      const changed = await tamper(databaseUrls(system.config).writer)
      const { code, stdout } = await runCli('audit')
      const silent = await runCli('audit', '--limit', '0')
      await changed.undo()
      expect(code).toBe(1)
      expect(stdout).toMatch(
        /store\.profiles \(.*differs: the log demands narrow=\{[\d,]+\}, the table holds narrow=\{[\d,]+\}\n.*1 are not/,
      )
      expect(silent).toMatchObject({ code: 1, stdout: expect.stringMatching(/^… and 1 more \(see --limit\)\n/) })
      expect(await cliMust('audit')).toMatch(/rows compared with the logs: all are as they must be/)
    },
    MINUTE,
  )
})

describe('demo', () => {
  test(
    'it passes, and its last line says that all 67,200 messages count and all 268,800 intervals are visible',
    async () => {
      const { code, stdout, stderr } = await runCli('demo')
      if (code !== 0) throw new Error(stderr)
      const lines = stdout.trimEnd().split('\n')
      const result = JSON.parse(lines.at(-1) ?? '')
      expect(result).toMatchObject({ sent: 67_200, final: 67_200, rows: 268_800, rejected: 0 })
      expect(result.blocks).toBeGreaterThan(0)
      expect(result.messagesPerSecond).toBeCloseTo(67_200 / result.seconds, -1)
      expect(stderr).toMatch(/Sun 26 Oct 2025 .*100/) // the day of 25 hours
      expect(stderr).toMatch(/1 are not/)
      expect(existsSync(join(system.config.home, 'proof.json'))).toBe(true)
    },
    3 * MINUTE,
  )
})

describe('crashes', () => {
  const victims = [...stages, 'broker']
  /** Everybody is killed twice, and in `make test-full` on in the same way as long as there is time. */
  const KILLS_OF_EACH = 2
  const MORE_KILLS_MILLIS = isFull ? 60_000 : 0
  /** Everybody so many times, in an order of the seed; about every third time two at once. */
  function schedule(killsOfEach: number, begin: number): string[][] {
    const waiting = victims.flatMap((name) => Array.from({ length: killsOfEach }, () => name))
    const rounds: string[][] = []
    for (let draws = begin; waiting.length > 0; draws++) {
      const [first = ''] = waiting.splice(drawBelow(waiting.length, SEED, 1, draws), 1)
      const others = waiting.filter((name) => name !== first)
      const second =
        drawBelow(3, SEED, 2, draws) === 0 ? others[drawBelow(Math.max(1, others.length), SEED, 3, draws)] : undefined
      if (second !== undefined) waiting.splice(waiting.indexOf(second), 1)
      rounds.push(second === undefined ? [first] : [first, second])
    }
    return rounds
  }

  const strike = (name: string) => (name === 'broker' ? system.restartBroker() : system.kill(name))

  test(
    'any stage and the broker may be killed at any moment: no acknowledged reading is lost, none counts twice',
    async () => {
      say(`METERCHAIN_TEST_SEED=${SEED}`)
      const acknowledged = await withSender(system.config, doorUrlOf(system.config), async (sender) => {
        const load = startLoad(sender, { seed: 2, households: 120, batchReadings: 16 })
        await load.untilMore(200)
        const started = Date.now()
        const must = schedule(KILLS_OF_EACH, 0)
        for (const [round, names] of [...must, ...schedule(2, 100)].entries()) {
          if (round >= must.length && Date.now() - started > MORE_KILLS_MILLIS) break
          await Promise.all(names.map(strike))
          if (drawBelow(2, SEED, 4, round) === 0) await system.untilReady()
          await load.untilMore(50 + drawBelow(400, SEED, 5, round))
        }
        const { signed } = await load.finish()
        expect(load.acknowledged.size).toBe(signed)
        return load.acknowledged
      })
      say(`${acknowledged.size} readings acknowledged`)
      await system.untilReady()
      await untilAllVisible(system.config)
      const { counted, lost, twice } = await countReadings(system.config, acknowledged)
      expect({ lost, twice }).toEqual({ lost: [], twice: 0 })
      expect(await verifyAndAudit(system.config)).toEqual({ counted })
    },
    4 * MINUTE,
  )

  test(
    'SIGTERM under load ends each stage with code 0, and loses nothing',
    async () => {
      const acknowledged = await withSender(system.config, doorUrlOf(system.config), async (sender) => {
        const load = startLoad(sender, { seed: 3, households: 100, batchReadings: 16 })
        for (const name of stages) {
          await load.untilMore(100)
          const asked = system.process(name)
          process.kill(asked.pid, 'SIGTERM')
          await until(`${name} ends`, 20_000, () => !isRunning(asked))
        }
        await load.finish()
        return load.acknowledged
      })
      await system.untilReady()
      await untilAllVisible(system.config)
      const { lost, twice } = await countReadings(system.config, acknowledged)
      expect({ lost, twice }).toEqual({ lost: [], twice: 0 })
      const endings = system.log('supervisor').flatMap((line) => (line.includes('ended by itself') ? [JSON.parse(line)] : []))
      const newest = stages.map((name) => endings.findLast(({ stage }) => stage === name))
      expect(newest.map(({ stage, code }) => [stage, code])).toEqual(stages.map((name) => [name, 0]))
    },
    2 * MINUTE,
  )

  test(
    'no validator ever contradicted itself or the log',
    async () => {
      expect(await votesInLog(system.config)).toEqual({ voters: ['authority-1'], contradicted: [] })
      expect(system.log('validator').filter((line) => line.includes('the final verdict is not the one found here'))).toEqual([])
    },
    MINUTE,
  )
})

const LONDON = '../shared/data/lcl-2013'
const files = existsSync(LONDON)
  ? readdirSync(LONDON)
      .sort()
      .slice(0, 4)
      .map((name) => join(LONDON, name))
  : []
if (files.length === 0) say(`the London files are not in ${LONDON}: their tests are skipped`)

;(files.length === 0 ? describe.skip : describe)('import of the London files', () => {
  const days = files.slice(0, 3)
  const [halfHours = ''] = files.slice(3)

  test(
    'three files come in to the last digit, and a second time they change nothing',
    async () => {
      const first = JSON.parse(await cliMust('import', '--format', 'lcl', '--json', ...days))
      expect(first).toMatchObject({ files: 3, knownFiles: 0, meters: 3, left: 0, refused: {}, setAside: [] })
      expect(first.confirmed).toBe(first.messages)
      await untilAllVisible(system.config)
      expect(await cliMust('import', '--format', 'lcl', '--compare', ...days)).toMatch(
        new RegExp(`3 meters, ${first.intervals} intervals: all equal, to the last digit`),
      )
      const again = await cliMust('import', '--format', 'lcl', ...days)
      expect(again).toMatch(/3 files \(3 known\).*\n0 intervals signed in 0 messages.*\n0 messages found to count, 0 left/)
      expect(JSON.parse(await cliMust('import', '--format', 'lcl', '--compare', '--json', ...days)).ok).toBe(true)
    },
    MINUTE,
  )

  test(
    'an import that was killed half-way goes on where it was',
    async () => {
      const args = ['import', '--format', 'lcl', '--message', 'half-hour', halfHours]
      const importer = spawn(process.execPath, [programFile, ...args], { stdio: 'ignore', env: { ...process.env } })
      const ended = new Promise((resolve) => importer.once('exit', (_code, signal) => resolve(signal)))
      await withDatabase(system.config, 'analyst', (client) =>
        until('the first half hours in the tables', MINUTE, async () => {
          const { rows } = await client.query('SELECT 1 FROM analytics.intervals WHERE meter = $1 LIMIT 1', [
            basename(halfHours, '.csv.gz'),
          ])
          return rows.length > 0
        }),
      )
      importer.kill('SIGKILL')
      expect(await ended).toBe('SIGKILL')
      expect((await runCli('import', '--format', 'lcl', '--compare', halfHours)).code).toBe(1)
      const rest = JSON.parse(await cliMust('import', '--format', 'lcl', '--message', 'half-hour', '--json', halfHours))
      expect(rest).toMatchObject({ left: 0, setAside: [] })
      expect(rest.confirmed).toBeGreaterThan(0)
      await untilAllVisible(system.config)
      expect(JSON.parse(await cliMust('import', '--format', 'lcl', '--compare', '--json', halfHours)).ok).toBe(true)
      expect(await countReadings(system.config, new Set())).toMatchObject({ twice: 0 })
    },
    2 * MINUTE,
  )
})

const SAMPLES = '../shared/data'
const samples = (folder: string, end: string) =>
  existsSync(join(SAMPLES, folder))
    ? readdirSync(join(SAMPLES, folder))
        .filter((name) => name.endsWith(end))
        .map((name) => join(SAMPLES, folder, name))
    : []
const nem12Samples = samples('nem12', '.csv')
const greenButtonSamples = samples('green-button', '.xml')
if (nem12Samples.length + greenButtonSamples.length === 0)
  say(`there are no samples in ${SAMPLES}: only files of our own are imported`)

describe('import of NEM12 and Green Button', () => {
  const folder = mkdtempSync(join(tmpdir(), 'importable-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const query = async (sql: string) =>
    (await cliMust('sql', '--json', sql))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>)
  /** What analysts see of these meters, in the form of the texts' totals. */
  async function seen(totals: TextTotals): Promise<TextTotals> {
    const meters = Object.keys(totals).map((key) => `'${key.split(' ')[0]}'`)
    const rows = await query(
      `SELECT meter || ' ' || obis AS key, count(*) AS intervals, trim_scale(sum(value) * 1000)::text AS thousandths
         FROM analytics.intervals WHERE meter IN (${meters.join(', ')}) GROUP BY 1`,
    )
    return Object.fromEntries(
      rows.map(({ key, intervals, thousandths }) => [
        key,
        { intervals: Number(intervals), thousandths: BigInt(thousandths ?? 0) },
      ]),
    )
  }

  test('an import of which all is malformed ends with code 1, and says so', async () => {
    const path = join(folder, 'random.bin')
    writeFileSync(path, Buffer.from([0, 255, 7]))
    const { code, stdout, stderr } = await runCli('import', path)
    expect([code, stdout]).toEqual([1, expect.stringMatching(/^1 files \(0 known\), 0 meters, 0 records: 1 malformed/)])
    expect(stderr).toMatch(
      /random\.bin:1: its content is of none of .*\n(.*\n)*nothing was imported: no value could be taken from the files \(1 malformed/,
    )
  })

  test(
    'files come in with the sums that stand in them, by channel; a day of 92 quarter hours is whole; a later version corrects',
    async () => {
      const { nem12, greenButton } = writeImportable(folder)
      const paths = [nem12, greenButton, ...nem12Samples, ...greenButtonSamples]
      const first = JSON.parse(await cliMust('import', '--json', ...paths))
      expect(first).toMatchObject({ files: paths.length, malformed: 0, registers: 2, left: 0, refused: {}, setAside: [] })
      await untilAllVisible(system.config)
      const expected = Object.assign({}, ...[nem12, ...nem12Samples].map(nem12Totals)) as TextTotals
      // two of the samples are of one usage point and of two days
      for (const path of greenButtonSamples)
        for (const [key, { intervals, thousandths }] of Object.entries(greenButtonTotals(path))) {
          const before = expected[key] ?? { intervals: 0, thousandths: 0n }
          expected[key] = { intervals: before.intervals + intervals, thousandths: before.thousandths + thousandths }
        }
      expect(await seen(expected)).toEqual(expected)

      // the sums of 300 + 37n mod 91 and of 10 times n mod 7 over 92 quarter hours
      expect(
        await query(
          `SELECT meter, day::text AS day, kwh::text AS kwh, expected_intervals AS expected, completeness::text AS completeness
             FROM analytics.daily WHERE meter IN ('${HOUSE}', '${SOLAR}') ORDER BY meter`,
        ),
      ).toEqual([
        { meter: HOUSE, day: '2021-03-14', kwh: expect.stringMatching(/^31\.695/), expected: '92', completeness: '1.0000' },
        { meter: SOLAR, day: '2021-03-14', kwh: expect.stringMatching(/^2\.730/), expected: '92', completeness: '1.0000' },
      ])
      expect(
        await query(`SELECT obis, trim_scale(kwh) AS kwh FROM analytics.registers WHERE meter = '${HOUSE}' ORDER BY read_at`),
      ).toEqual([
        { obis: '1-0:1.8.0*255', kwh: '51234' },
        { obis: '1-0:1.8.0*255', kwh: '51265' },
      ])
      expect(
        await query(
          `SELECT quality, count(*) AS count FROM analytics.intervals
            WHERE meter = 'NMI0000042' AND obis = '1-0:1.29.0*255' GROUP BY 1 ORDER BY 1`,
        ),
      ).toEqual([
        { quality: '0', count: '76' },
        { quality: '8', count: '20' },
      ])

      writeFileSync(nem12, nem12Text('2.25', '20201006120000'))
      expect(JSON.parse(await cliMust('import', '--json', nem12))).toMatchObject({
        messages: 1,
        intervals: 1,
        corrected: 1,
        left: 0,
      })
      await untilAllVisible(system.config)
      const corrected = nem12Totals(nem12)
      expect(await seen(corrected)).toEqual(corrected)
      expect(
        await query(
          `SELECT trim_scale(value) AS value, is_superseded::text FROM analytics.interval_revisions
            WHERE meter = 'NMI0000042' AND obis = '1-0:1.29.0*255' AND interval_start = '2020-10-02T14:00Z' ORDER BY sequence`,
        ),
      ).toEqual([
        { value: '1500', is_superseded: 'true' },
        { value: '2250', is_superseded: 'false' },
      ])
      expect(await cliMust('import', ...paths)).toMatch(/0 intervals signed in 0 messages/)
    },
    2 * MINUTE,
  )
})

describe('the end', () => {
  test(
    'down leaves no process, not even after its supervisor was killed; the data stays',
    async () => {
      const before = [...stages, 'supervisor', 'kafka', 'registry', 'postgres'].map((name) => system.process(name))
      const tips = await cliMust('sql', '--json', 'SELECT lane, max(height) FROM analytics.blocks GROUP BY lane ORDER BY lane')
      await system.kill('supervisor')
      await cliMust('down')
      expect(before.filter(isRunning)).toEqual([])
      expect((await runCli('status')).code).toBe(1)
      await cliMust('up', '--no-stages')
      expect(await cliMust('sql', '--json', 'SELECT lane, max(height) FROM analytics.blocks GROUP BY lane ORDER BY lane')).toBe(
        tips,
      )
    },
    MINUTE,
  )

  test(
    'down --reset deletes the data, the keys and the chain',
    async () => {
      await cliMust('down', '--reset')
      const left = readdirSync(system.config.home).filter((name) => !['proof.json', 'tips.json'].includes(name))
      expect(left).toEqual([])
    },
    MINUTE,
  )
})
