import { expect, test } from '@jest/globals'
import { javaVersion, provideJava, provideMaven } from './java.js'
import { mayEnter, postgresAccount } from './postgres-account.js'
import { type CommandResult, type Machine, mustRun, runCommand } from './run-command.js'

/** A machine on which commands answer as `answers` say (by their beginning), the longest match first; others are missing. */
function machine(isRoot: boolean, answers: Record<string, () => string | undefined>): Machine & { ran: string[] } {
  const ran: string[] = []
  const run = async (command: string, args: readonly string[]): Promise<CommandResult> => {
    const line = [command, ...args].join(' ')
    ran.push(line)
    const key = Object.keys(answers).find((start) => line.startsWith(start))
    const output = key === undefined ? undefined : answers[key]?.()
    return output === undefined ? { status: -1, output: `${command} failed` } : { status: 0, output }
  }
  return { isRoot, run, ran }
}

const silent = () => undefined
const APT_INSTALL = 'env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends'

/** A root's machine with apt; what is installed appears. */
function aptMachine(offered: readonly string[], brings: Record<string, string>) {
  const installed = new Set<string>()
  const install = (name: string) => () => `${installed.add(name).size} installed`
  const installs = Object.fromEntries(offered.map((name) => [`${APT_INSTALL} ${name}`, install(name)]))
  const find = (command: string) => () => [...installed].map((name) => brings[`${command} of ${name}`]).find((found) => found)
  return machine(true, {
    'apt-get': () => 'apt 2.6',
    ...installs,
    'java -version': find('java'),
    'mvn -version': find('mvn'),
  })
}

test.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['openjdk version "21" 2023-09-19', 21],
  ['java version "1.8.0_402"', 8],
  ['no java here', undefined],
])('the version in %j is %s', (output, version) => {
  expect(javaVersion(output)).toBe(version)
})

test('Java and Maven that are there are used as they are', async () => {
  const here = machine(true, { 'java -version': () => 'openjdk version "21.0.1"', 'mvn -version': () => 'Apache Maven 3.8.7' })
  await provideJava(silent, here)
  await provideMaven(silent, here)
  expect(here.ran).toEqual(['java -version', 'mvn -version'])
})

test('as root, with apt, what is missing is installed', async () => {
  const here = aptMachine(['openjdk-17-jre-headless', 'maven'], {
    'java of openjdk-17-jre-headless': 'openjdk version "17.0.15"',
    'mvn of maven': 'Apache Maven 3.8.7',
  })
  const said: string[] = []
  await provideJava((line) => said.push(line), here)
  await provideMaven((line) => said.push(line), here)
  expect(said).toEqual([
    'Java 17 or newer is missing: installing it by apt',
    'apt-get install openjdk-17-jre-headless',
    'Maven 3.6 or newer is missing: installing it by apt',
    'apt-get install maven',
  ])
})

test('where Java 17 is no longer offered, the default Java is installed', async () => {
  const here = aptMachine(['default-jre-headless'], { 'java of default-jre-headless': 'openjdk version "21.0.1"' })
  await provideJava(silent, here)
  expect(here.ran).toContain(`${APT_INSTALL} default-jre-headless`)
})

test('an old Java that apt cannot better is an error that says what to install', async () => {
  const here = aptMachine(['default-jre-headless'], { 'java of default-jre-headless': 'openjdk version "11.0.1"' })
  await expect(provideJava(silent, here)).rejects.toThrow(
    'Java 17 or newer is missing: install it so that it is found on the PATH ' +
      '(Debian, Ubuntu: apt-get install openjdk-17-jre-headless or default-jre-headless)\n' +
      'openjdk-17-jre-headless: env failed\ndefault-jre-headless: installed, but not of use',
  )
})

test.each([
  ['without root', machine(false, { 'apt-get': () => 'apt 2.6' })],
  ['without apt', machine(true, {})],
])('%s nothing is installed, and the error says what to install', async (_why, here) => {
  await expect(provideMaven(silent, here)).rejects.toThrow('Maven 3.6 or newer is missing: install it')
  expect(here.ran.some((line) => line.includes('apt-get install'))).toBe(false)
})

test('PostgreSQL runs under our own account, unless we are root', async () => {
  expect(await postgresAccount(machine(false, {}))).toBeUndefined()
  expect(await mayEnter('/any', undefined)).toBe(true)
})

test('as root, the account postgres is made when it is missing', async () => {
  let isThere = false
  const here = machine(true, {
    getent: () => (isThere ? 'postgres:x:101:104::/nonexistent:/usr/sbin/nologin' : undefined),
    useradd: () => {
      isThere = true
      return ''
    },
  })
  expect(await postgresAccount(here)).toEqual({ uid: 101, gid: 104 })
  expect(await postgresAccount(here)).toEqual({ uid: 101, gid: 104 })
  expect(here.ran.filter((line) => line.startsWith('useradd'))).toHaveLength(1)
})

test('an account that cannot be made is an error', async () => {
  await expect(postgresAccount(machine(true, { useradd: () => '' }))).rejects.toThrow('make one, PostgreSQL does not run as root')
  await expect(postgresAccount(machine(true, {}))).rejects.toThrow('useradd failed')
})

test('a command that fails is told with the end of its output, one that is missing with its name', async () => {
  const failing = mustRun('sh', ['-c', 'seq 1 30; echo last words >&2; exit 3'])
  await expect(failing).rejects.toThrow(/failed \(3\):\n12\n(.*\n)*30\nlast words|failed \(3\):\n(.*\n)*30$/)
  await expect(mustRun('/nowhere/nothing', [])).rejects.toThrow('/nowhere/nothing')
  expect((await runCommand('sh', ['-c', 'kill -9 $$'])).status).toBe(128)
})
