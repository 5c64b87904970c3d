import { mkdtempSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { launch } from './launch.js'
import { endProcess, identityOf, isRunning, readPidFile } from './pid-file.js'
import { logFile, pidFile } from './stage-files.js'
import { type ChildSpec, endLeftovers, nextPauseMillis, stagesStatus, superviseStages, supervisorPidFile } from './supervisor.js'

const newHome = () => mkdtempSync(join(tmpdir(), 'supervisor-'))

const SERVER = `
  const name = process.env.STAGE
  process.on('SIGTERM', () => { console.log('asked to end', name, Date.now()); if (name !== 'stubborn') process.exit(0) })
  require('node:http').createServer((_, answer) => answer.end(name)).listen(Number(process.env.PORT), '127.0.0.1')
  console.log('hello from', name)`

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}

async function stage(name: string, script = SERVER): Promise<ChildSpec> {
  const port = await freePort()
  const env = { STAGE: name, PORT: String(port) }
  return { name, command: process.execPath, args: ['-e', script], env, readyUrl: `http://127.0.0.1:${port}/readyz` }
}

async function until<T>(what: string, look: () => T | undefined | false | Promise<T | undefined | false>): Promise<T> {
  const deadline = Date.now() + 10_000
  while (Date.now() < deadline) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    await sleep(20)
  }
  throw new Error(`not seen within 10 s: ${what}`)
}

/** Supervises, with what it logged. */
function supervise(children: ChildSpec[], home: string, stopMillis = 5_000) {
  const abort = new AbortController()
  const lines: Record<string, unknown>[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const done = superviseStages(children, { home, logger, signal: abort.signal, stopMillis })
  const stop = async () => {
    abort.abort()
    await done
  }
  running.push(stop)
  return { done, stop, lines }
}

const running: (() => Promise<void>)[] = []
afterEach(async () => {
  await Promise.allSettled(running.splice(0).map((stop) => stop()))
})

const allReady = async (children: ChildSpec[], home: string) =>
  (await stagesStatus(children, home)).every(({ isReady }) => isReady) && stagesStatus(children, home)

test('the pause doubles from 0.2 s to 10 s, and starts anew after 30 s of life', () => {
  const pauses: number[] = []
  for (let i = 0; i < 8; i += 1) pauses.push(nextPauseMillis(pauses.at(-1), 10))
  expect(pauses).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000])
  expect(nextPauseMillis(10_000, 30_000)).toBe(200)
})

test('stages run with their own environment, are seen to be ready, and end from the last to the first', async () => {
  const home = newHome()
  const children = [await stage('first'), await stage('second')]
  const { stop, lines } = supervise(children, home)
  const status = await until('both ready', () => allReady(children, home))
  expect(status.map(({ name, pid }) => ({ name, hasPid: pid !== undefined }))).toEqual([
    { name: 'first', hasPid: true },
    { name: 'second', hasPid: true },
  ])
  expect(readPidFile(supervisorPidFile(home))?.pid).toBe(process.pid)
  await until('readiness in the log', () => lines.filter(({ msg }) => msg === 'stage ready').length === 2)
  await stop()
  const askedAt = (name: string) => Number(/asked to end \w+ (\d+)/.exec(readFileSync(logFile(home, name), 'utf8'))?.[1])
  expect(readFileSync(logFile(home, 'first'), 'utf8')).toContain('hello from first')
  expect(askedAt('second')).toBeLessThanOrEqual(askedAt('first') + 20)
  expect(await stagesStatus(children, home)).toEqual([
    { name: 'first', pid: undefined, isReady: false },
    { name: 'second', pid: undefined, isReady: false },
  ])
  expect(readPidFile(supervisorPidFile(home))).toBeUndefined()
})

test('a stage that is killed is started again', async () => {
  const home = newHome()
  const children = [await stage('victim')]
  const { lines } = supervise(children, home)
  const before = (await until('ready', () => allReady(children, home)))[0]?.pid
  process.kill(before ?? 0, 'SIGKILL')
  const after = await until('another process', async () => {
    const [now] = await stagesStatus(children, home)
    return now?.isReady === true && now.pid !== before && now
  })
  expect(after.pid).not.toBe(before)
  expect(lines.find(({ killedBy }) => killedBy === 'SIGKILL')).toMatchObject({ stage: 'victim', pauseMillis: 200 })
})

test('a stage that cannot start is tried again, with longer pauses, and does not keep the others from running', async () => {
  const home = newHome()
  const good = await stage('good')
  const bad: ChildSpec = { ...(await stage('bad')), command: '/nowhere/nothing' }
  const { stop, lines } = supervise([bad, good], home)
  await until('the good one', () => allReady([good], home))
  const pauses = await until('three ends', () => {
    const ends = lines.filter(({ stage: name, pauseMillis }) => name === 'bad' && pauseMillis !== undefined)
    return ends.length >= 3 && ends.map(({ pauseMillis }) => pauseMillis)
  })
  expect(pauses.slice(0, 3)).toEqual([200, 400, 800])
  expect(readFileSync(logFile(home, 'bad'), 'utf8')).toContain('/nowhere/nothing')
  await stop()
})

test('a stage that does not end when asked is killed', async () => {
  const home = newHome()
  const children = [await stage('stubborn')]
  const { stop, lines } = supervise(children, home, 100)
  await until('ready', () => allReady(children, home))
  await stop()
  expect(lines.at(-1)).toMatchObject({ msg: 'stage stopped', killedBy: 'SIGKILL' })
})

test('what a killed supervisor left is ended before its successor starts the stages', async () => {
  const home = newHome()
  const child = await stage('orphan')
  launch({ ...child, pidFile: pidFile(home, child.name), logFile: logFile(home, child.name) }).unref()
  const [left] = await until('the orphan', () => allReady([child], home))
  const orphan = identityOf(left?.pid ?? 0)
  supervise([child], home)
  const [now] = await until('its successor', async () => {
    const status = await allReady([child], home)
    return status && status[0]?.pid !== left?.pid && status
  })
  expect(now?.pid).not.toBe(left?.pid)
  expect(orphan !== undefined && isRunning(orphan)).toBe(false)
})

test('stages without a supervisor are ended by name', async () => {
  const home = newHome()
  const child = await stage('orphan')
  launch({ ...child, pidFile: pidFile(home, child.name), logFile: logFile(home, child.name) }).unref()
  await until('the orphan', () => allReady([child], home))
  await endLeftovers(['never-started', 'orphan'], home)
  expect((await stagesStatus([child], home))[0]?.pid).toBeUndefined()
})

test('a second supervisor of the same home is refused', async () => {
  const home = newHome()
  const holder = launch({
    command: 'sleep',
    args: ['60'],
    pidFile: supervisorPidFile(home),
    logFile: logFile(home, 'supervisor'),
  })
  const other = await until('the other one', () => readPidFile(supervisorPidFile(home)))
  await expect(supervise([await stage('any')], home).done).rejects.toThrow(`another supervisor (pid ${holder.pid})`)
  await endProcess(other, 1_000)
})

test('a stage whose log cannot be written ends the supervision of all, with the reason', async () => {
  const home = newHome()
  const good = await stage('good')
  writeFileSync(join(home, 'logs'), 'not a folder')
  await expect(supervise([good, await stage('other')], home).done).rejects.toThrow('logs')
})

test('a log that has grown beyond 32 MiB is put aside at the next start', async () => {
  const home = newHome()
  const once = { command: 'true', args: [], pidFile: pidFile(home, 'once'), logFile: join(home, 'once.log'), workingFolder: home }
  writeFileSync(once.logFile, '')
  truncateSync(once.logFile, 32 * 1024 * 1024 + 1)
  launch(once)
  expect(statSync(`${once.logFile}.1`).size).toBe(32 * 1024 * 1024 + 1)
  expect(statSync(once.logFile).size).toBe(0)
})
