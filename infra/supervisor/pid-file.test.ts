import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { claimPidFile } from './claim.js'
import {
  BOOT_ID_FILE,
  endProcess,
  hasEnded,
  identityOf,
  isRunning,
  parseIdentity,
  readPidFile,
  signalProcess,
} from './pid-file.js'

const bootId = readFileSync(BOOT_ID_FILE, 'utf8').trim()
const newPath = () => join(mkdtempSync(join(tmpdir(), 'pid-file-')), 'some.pid')

/** A line of /proc/PID/stat; only pid, name, state and start time matter. */
const statLine = (pid: number, startTime: string, name = '(sleep)') =>
  `${pid} ${name} S ${Array.from({ length: 18 }, () => 0).join(' ')} ${startTime} 0 0`

const started: ReturnType<typeof spawn>[] = []
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

async function start(script: string) {
  const child = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  started.push(child)
  await once(child.stdout, 'data')
  const identity = identityOf(child.pid ?? 0)
  if (identity === undefined) throw new Error('the child did not start')
  return { child, identity }
}

test('an identity is read from a stat line whose name holds spaces and parentheses', () => {
  const text = `${statLine(4711, '98765', '(a) b) (c)')}\n${bootId}\n`
  expect(parseIdentity(text)).toEqual({ pid: 4711, startTime: '98765', bootId })
})

test.each([
  ['empty', ''],
  ['cut short', '4711 (sleep) S 1'],
  ['without the boot', statLine(4711, '98765')],
  ['pid 1, which nobody may end', `${statLine(1, '5')}\n${bootId}`],
  ['no pid at all', `hello\n${bootId}`],
])('a pid file that is %s names no process, and is left to whoever may be writing it', (_what, text) => {
  const path = newPath()
  writeFileSync(path, text)
  expect(parseIdentity(text)).toBeUndefined()
  expect(readPidFile(path)).toBeUndefined()
  expect(existsSync(path)).toBe(true)
})

test('a missing pid file names no process', () => {
  expect(readPidFile(newPath())).toBeUndefined()
})

test('the pid file of a running process names it', async () => {
  const { child, identity } = await start('echo; exec sleep 60')
  const path = newPath()
  writeFileSync(path, `${readFileSync(`/proc/${child.pid}/stat`, 'utf8')}${bootId}\n`)
  expect(readPidFile(path)).toEqual(identity)
})

test('a process that has the pid of another, started at another time or boot, is not taken for it', async () => {
  const { identity } = await start('echo; exec sleep 60')
  const path = newPath()
  for (const stranger of [
    { ...identity, startTime: '1' },
    { ...identity, bootId: 'another' },
  ]) {
    expect(isRunning(stranger)).toBe(false)
    signalProcess(stranger, 'SIGKILL')
    writeFileSync(path, `${statLine(stranger.pid, stranger.startTime)}\n${stranger.bootId}\n`)
    expect(readPidFile(path)).toBeUndefined()
    expect(existsSync(path)).toBe(false)
  }
  expect(isRunning(identity)).toBe(true)
})

test('a process of which only the exit status is left does not run', async () => {
  // the shell becomes a program that never asks for its child's status
  const { child } = await start('sleep 0.01 & echo $!; exec sleep 60')
  const deadline = Date.now() + 5_000
  const children = () => readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim()
  const zombie = Number(children())
  while (readFileSync(`/proc/${zombie}/stat`, 'utf8').includes(' S ') && Date.now() < deadline) await new Promise(setImmediate)
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(readFileSync(`/proc/${zombie}/stat`, 'utf8')).toContain(' Z ')
  expect(identityOf(zombie)).toBeUndefined()
})

test('a process that ends when asked is not killed', async () => {
  const { child, identity } = await start('trap "exit 7" TERM; echo; while :; do sleep 0.01; done')
  const exit = once(child, 'exit')
  await endProcess(identity, 5_000)
  expect(await exit).toEqual([7, null])
  await endProcess(identity, 5_000) // again: nothing to do
})

test('a process that does not end when asked is killed', async () => {
  const { child, identity } = await start('trap "" TERM; echo; while :; do sleep 0.01; done')
  const exit = once(child, 'exit')
  await endProcess(identity, 50)
  expect(await exit).toEqual([null, 'SIGKILL'])
})

test('only one holder has a pid file, and one that was killed loses it', async () => {
  const { child, identity } = await start('echo; exec sleep 60')
  const path = newPath()
  writeFileSync(path, `${readFileSync(`/proc/${child.pid}/stat`, 'utf8')}${bootId}\n`)
  expect(claimPidFile(path)).toEqual(identity)
  await endProcess(identity, 5_000)
  expect(claimPidFile(path)).toBeUndefined()
  expect(readPidFile(path)?.pid).toBe(process.pid)
  expect(claimPidFile(path)).toBeUndefined() // it is ours already
})

test('a pid file whose content was lost is taken over', () => {
  const path = newPath()
  writeFileSync(path, '')
  expect(claimPidFile(path)).toBeUndefined()
  expect(readPidFile(path)?.pid).toBe(process.pid)
})

test('a process has ended when its last thread has: until then its ports are held', () => {
  const line = (state: string, threads: number) =>
    `17 (ja (va) ${state} 1 17 17 0 -1 0 0 0 0 0 0 0 0 0 20 0 ${threads} 0 4711 0 0`
  expect(hasEnded(line('Z', 1))).toBe(true)
  expect(hasEnded(line('Z', 23))).toBe(false)
  expect(hasEnded(line('S', 1))).toBe(false)
})
