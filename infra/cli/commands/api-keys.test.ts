import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { cliMust, runCli } from '../../testing/run-cli.js'

let folder: string

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'api-keys-')), 'keys')
  process.env.METERCHAIN_API_KEY_FOLDER = folder
})
afterEach(() => {
  delete process.env.METERCHAIN_API_KEY_FOLDER
  rmSync(join(folder, '..'), { recursive: true })
})

test('add prints a key once and keeps its hash; list shows it; revoke ends it', async () => {
  const { code, stdout, stderr } = await runCli('keys', 'api', 'add', 'billing team', '--scope', 'bills,readings', '--days', '30')
  expect(code).toBe(0)
  expect(stdout).toMatch(/^meterchain_[A-Za-z0-9_-]{43}\n$/)
  expect(stderr).toMatch(/^key-[0-9a-f]{8} for billing team: readings, bills\. This is the key/)
  const [file = ''] = readdirSync(folder)
  expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600)
  expect(readFileSync(join(folder, file), 'utf8')).not.toContain(stdout.trim().slice(11))
  const id = file.replace('.json', '')
  const listed = await cliMust('keys', 'api', 'list')
  expect(listed).toMatch(new RegExp(`${id} .*billing team.*readings, bills.*valid`))
  expect(await cliMust('keys', 'api', 'revoke', id)).toMatch(new RegExp(`^${id} \\(billing team\\) is revoked since 2`))
  expect(await cliMust('keys', 'api', 'list')).toMatch(/revoked/)
  const since = await cliMust('keys', 'api', 'revoke', id)
  expect(await cliMust('keys', 'api', 'revoke', id)).toBe(since)
})

test('a key is for all scopes, or for those of analysts, and good until it is revoked', async () => {
  await cliMust('keys', 'api', 'add', 'operator', '--scope', 'all')
  await cliMust('keys', 'api', 'add', 'analyst')
  const listed = await cliMust('keys', 'api', 'list')
  expect(listed).toMatch(/operator.*ledger, readings, bills, operations.*valid.*never/)
  expect(listed).toMatch(/analyst.*readings, bills /)
})

test('a file that is no key is told, and the others are shown', async () => {
  await cliMust('keys', 'api', 'add', 'analyst')
  writeFileSync(join(folder, 'key-1.json'), 'no JSON')
  const { stdout, stderr } = await runCli('keys', 'api', 'list')
  expect(stdout).toMatch(/analyst/)
  expect(stderr).toMatch(/key-1\.json is no key, and lets nobody in: /)
})

test.each([
  [['add', 'x', '--scope', 'everything'], /there is no scope 'everything': ledger, readings, bills, operations, or all/],
  [['add', 'x', '--days', '0'], /expected a whole number from 1 to 3660/],
  [['add', 'x', '--days', '4000'], /expected a whole number from 1 to 3660/],
  [['add'], /missing required argument 'name'/],
  [['revoke', 'key-00000000'], /there is no key 'key-00000000' in .*: see meterchain keys api list/],
] as const)('keys api %j is refused, with what to do', async (args, expected) => {
  const { code, stderr } = await runCli('keys', 'api', ...args)
  expect(code).toBe(1)
  expect(stderr).toMatch(expected)
})
