import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { nem12Text } from '../testing/importable-files.js'
import { runCli } from '../testing/run-cli.js'
import { createProgram } from './program.js'

const NOWHERE = 'http://127.0.0.1:1'
let home: string

function clearSettings(): void {
  for (const name of Object.keys(process.env))
    if (name.startsWith('METERCHAIN_') && !name.startsWith('METERCHAIN_TEST_')) delete process.env[name]
}

beforeEach(() => {
  clearSettings()
  home = mkdtempSync(join(tmpdir(), 'cli-'))
  process.env.METERCHAIN_HOME = home
})
afterEach(clearSettings)

const commands = createProgram().commands.flatMap((command) => [
  [command.name()],
  ...command.commands.map((each) => [command.name(), each.name()]),
])

test.each(commands.map((names) => names.join(' ')))('%s --help says what it does', async (command) => {
  const names = command.split(' ')
  const { code, stdout } = await runCli(...names, '--help')
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`^Usage: meterchain ${names.join(' ')}`))
  expect(stdout.split('\n')[2]).toMatch(/\w+ \w+/)
})

test('help lists every command but the supervisor’s own', async () => {
  const { stdout } = await runCli('--help')
  for (const [name = ''] of commands.filter((names) => names.length === 1 && names[0] !== 'supervise'))
    expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'))
  expect(stdout).not.toMatch(/^ {2}supervise/m)
})

test('the version is the package’s', async () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  expect(await runCli('--version')).toEqual({ code: 0, stdout: `${version}\n`, stderr: '' })
})

test.each([
  [['dance'], /unknown command 'dance'/],
  [['up', '--fast'], /unknown option '--fast'/],
  [['up', '--authorities', '0'], /expected a whole number from 1 to/],
  [['up', '--consensus', 'lottery'], /Allowed choices are poa, pos/],
  [['simulate', '--households', '0'], /expected a whole number from 1 to 10000000/],
  [['simulate', '--days', '1.5'], /expected a whole number from 1 to 3660/],
  [['simulate', '--from', '2026-13-01'], /expected a date of the calendar, as 2026-01-31/],
  [['simulate', '--from', '2026-02-30'], /expected a date of the calendar, as 2026-01-31/],
  [['simulate', '--from', 'yesterday'], /expected a date of the calendar, as 2026-01-31/],
  [['bill', 'p', '2013-03', '--as-of', '2013-02-30'], /'2013-02-30' is invalid. expected a date of the calendar, as 2027-03-01 /],
  [['bill', 'p', '2013-03', '--as-of', '2013-03-01T00:00:00'], /expected a date of the calendar, .* or a time with its zone/],
  [
    ['registry', 'propose', 'assign-usage-point', 'm', '--point', 'p', '--zone', 'z', '--valid-from', '2013-02-30'],
    /'2013-02-30' is invalid. expected a date of the calendar/,
  ],
  [
    ['registry', 'propose', 'publish-tariff', 'p', 'p.json', '--valid-from', '2027-01-01T00:00:00.5Z'],
    /'2027-01-01T00:00:00.5Z' is invalid. expected whole seconds/,
  ],
  [['replay', '--until', '2013-02-30', '--as', 'may'], /neither checkpoint:SIZE nor height:N nor a time: '2013-02-30'/],
  [['import', '--format', 'excel', 'a.csv'], /Allowed choices are lcl/],
  [['import', '--compare', 'a.csv'], /--compare knows the files of --format lcl alone/],
  [['import', '--zone', 'Atlantis', 'a.csv'], /expected an IANA time zone as Australia\/Sydney/],
  [['import', '--format', 'lcl'], /missing required argument 'files'/],
  [['migrate'], /required option '--admin-url <url>' not specified/],
  [['verify', '--chain-id', 'abc'], /--chain-id/],
])('%j is refused in words, with code 1 and the help', async (args, words) => {
  const { code, stdout, stderr } = await runCli(...args)
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toMatch(words)
  expect(stderr).toMatch(/Usage: meterchain/)
})

test('a setting that cannot be used is named, with what is expected; a secret’s value is not shown', async () => {
  process.env.METERCHAIN_LANES = 'many'
  process.env.METERCHAIN_DATABASE_URL = 'secret-that-is-no-url'
  process.env.METERCHAIN_COLOUR = 'red'
  const { code, stderr } = await runCli('status')
  expect(code).toBe(1)
  expect(stderr).toMatch(/METERCHAIN_LANES=many: expected a whole number from 1 to 1024/)
  expect(stderr).toMatch(/METERCHAIN_DATABASE_URL=\*\*\*: expected a URL/)
  expect(stderr).toMatch(/METERCHAIN_COLOUR: there is no such setting/)
  expect(stderr).not.toContain('secret-that-is-no-url')
})

test('config shows every setting and masks secrets', async () => {
  process.env.METERCHAIN_DATABASE_URL = 'postgresql://writer:hunter2@db:5432/meterchain'
  process.env.METERCHAIN_KAFKA_PASSWORD = 'hunter3'
  const asTable = await runCli('config')
  const asJson = await runCli('config', '--json')
  for (const { code, stdout } of [asTable, asJson]) {
    expect(code).toBe(0)
    expect(stdout).toContain('METERCHAIN_INGEST_PORT')
    expect(stdout).not.toMatch(/hunter/)
  }
  const rows: { variable: string; value: string }[] = JSON.parse(asJson.stdout)
  expect(rows).toContainEqual(expect.objectContaining({ variable: 'METERCHAIN_KAFKA_PASSWORD', value: '***' }))
  expect(rows).toContainEqual(expect.objectContaining({ variable: 'METERCHAIN_HOME', value: home }))
})

test('a key is made once, for its owner alone, and shown without its secret', async () => {
  const path = join(home, 'keys', 'utility-7.json')
  const made = await runCli('keys', 'create', 'utility-7')
  const [id, publicKey, where] = made.stdout.trim().split(' ')
  expect([made.code, id, where]).toEqual([0, 'utility-7', path])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const { seed } = JSON.parse(readFileSync(path, 'utf8'))
  expect(await runCli('keys', 'show', path)).toEqual({ code: 0, stdout: `utility-7 ${publicKey}\n`, stderr: '' })
  expect(made.stdout).not.toContain(seed)
  const again = await runCli('keys', 'create', 'utility-7')
  expect(again).toMatchObject({ code: 1, stderr: expect.stringMatching(/exists already: a key is never overwritten/) })
  expect(JSON.parse(readFileSync(path, 'utf8')).seed).toBe(seed)
})

test('a witness of a name that runs already is refused: two would not know what the other has signed', async () => {
  mkdirSync(join(home, 'run'))
  const running = readFileSync(`/proc/${process.ppid}/stat`, 'utf8') + readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')
  writeFileSync(join(home, 'run', 'witness-w1.pid'), running)
  const { code, stderr } = await runCli('witness', '--name', 'w1')
  expect(code).toBe(1)
  expect(stderr).toContain(`witness w1 runs already, as process ${process.ppid}: two of one name`)
  expect(readFileSync(join(home, 'run', 'witness-w1.pid'), 'utf8')).toBe(running)
})

test('without an id or a file, the key is the one of METERCHAIN_AUTHORITY', async () => {
  process.env.METERCHAIN_AUTHORITY = 'grid'
  expect((await runCli('keys', 'show')).stderr).toMatch(/grid\.json: no such key file\. Make one with: meterchain keys create/)
  const other = join(home, 'elsewhere.json')
  expect((await runCli('keys', 'create', '--out', other)).stdout).toMatch(new RegExp(`^grid [0-9a-f]{64} ${other}\n$`))
  expect((await runCli('keys', 'create')).code).toBe(0)
  expect((await runCli('keys', 'show')).stdout).toMatch(/^grid [0-9a-f]{64}\n$/)
})

test('sql --url prints the analyst’s address and connects to nothing', async () => {
  process.env.METERCHAIN_DATABASE_URL = 'postgresql://writer@db/meterchain'
  process.env.METERCHAIN_ANALYST_URL = 'postgresql://analyst@db/meterchain'
  expect(await runCli('sql', '--url')).toEqual({ code: 0, stdout: 'postgresql://analyst@db/meterchain\n', stderr: '' })
})

test('commands on a system that was never started say so', async () => {
  const asked = await runCli('sql', 'SELECT 1')
  expect(asked).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^meterchain: .*PostgreSQL was not started with this home yet/),
  })
  const status = await runCli('status')
  expect(status.code).toBe(1)
  expect(status.stdout).toMatch(/kafka +│ stopped/)
  expect((await runCli('down')).code).toBe(0)
})

test('status of a system that runs elsewhere asks for its stages alone', async () => {
  process.env.METERCHAIN_BROKERS = 'broker-1:9092,broker-2:9092'
  const { code, stdout } = await runCli('status', '--json')
  expect(code).toBe(1)
  expect(JSON.parse(stdout).services).toEqual([])
})

test('a genesis that is none, a tips file that is none, a dump that is none: each is told by its path', async () => {
  const path = join(home, 'nonsense.json')
  writeFileSync(path, '{"nonsense": true}')
  expect((await runCli('verify', '--from', home)).stderr).toMatch(/manifest/)
  process.env.METERCHAIN_REGISTRY_URL = NOWHERE
  expect((await runCli('verify', '--genesis', path)).stderr).toMatch(/nonsense\.json is not a genesis file/)
  expect((await runCli('verify', '--expect-tips', path)).stderr).toMatch(/nonsense\.json is not a file of tips/)
})

test('import --check tells what is in files and what is wrong in them, with nothing that runs', async () => {
  const [good, bad] = [join(home, 'good.csv'), join(home, 'bad.csv')]
  writeFileSync(good, nem12Text('1.5', '20201005120000'))
  writeFileSync(bad, 'what\n')
  const { code, stdout, stderr } = await runCli('import', '--check', good)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/NMI0000042 │ 1-0:3\.29\.0\*255 │ 48 +│ 0\.336 /)
  expect(stdout).toMatch(
    /1 files, 1 meters, 11 records: 0 malformed, 0 values missing\n192 intervals and 0 registers would be signed in 4 messages\n$/,
  )
  const both = await runCli('import', '--check', '--json', good, bad)
  expect(both).toMatchObject({
    code: 1,
    stderr: `${bad}:1: its content is of none of lcl, nem12, green-button: name the format with --format\n`,
  })
  expect(JSON.parse(both.stdout)).toMatchObject({ files: 2, malformed: 1, intervals: 192 })
})
