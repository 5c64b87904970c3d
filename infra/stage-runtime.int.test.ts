import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, jest, test } from '@jest/globals'
import pino from 'pino'
import { chainerStage } from '../chainer/stage.js'
import { decodeRepair, type Repair } from '../schemas/records.js'
import { loadConfig } from './config.js'
import { createKafka } from './kafka/client.js'
import { readLog } from './kafka/log-reader.js'
import { LogWriter } from './kafka/log-writer.js'
import { deleteTopics, ensureTopics } from './kafka/topics.js'
import { createKeyFile } from './keys.js'
import { keyFileOf, loadAuthorityKey, openRuntime, type Running, type Runtime, runProcess } from './stage-runtime.js'
import { testGenesis } from './testing/registry.js'
import { changeTopic } from './testing/topic-settings.js'
import { until } from './testing/until.js'

const home = mkdtempSync(join(tmpdir(), 'stage-runtime-'))
const settings = {
  METERCHAIN_HOME: home,
  METERCHAIN_TOPIC_PREFIX: `test-runtime-${randomBytes(5).toString('hex')}.`,
  METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS ?? '127.0.0.1:19092',
  METERCHAIN_REGISTRY_URL: process.env.METERCHAIN_TEST_REGISTRY_URL ?? '',
  METERCHAIN_LOG_LEVEL: 'silent',
  METERCHAIN_LANES: '2',
}
const config = loadConfig(settings)
const logger = pino({ level: 'silent' })
const kafka = createKafka(config, logger)
/** Codes with which the process would have ended, and the listeners that it had before. */
let exits: number[]
const EVENTS = ['SIGTERM', 'SIGINT', 'uncaughtException', 'unhandledRejection'] as const
let before: Map<string, readonly unknown[]>

beforeAll(async () => {
  await ensureTopics(kafka, config)
  const writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  await writer.connect()
  await writer.append('registry', 0, [{ value: testGenesis({ lanes: 2 }) }])
  await writer.disconnect()
}, 30_000)
afterAll(async () => {
  await deleteTopics(kafka, config)
  rmSync(home, { recursive: true })
}, 30_000)
beforeEach(() => {
  exits = []
  before = new Map(EVENTS.map((event) => [event, process.listeners(event as 'SIGTERM')]))
  Object.assign(process.env, settings)
  jest.spyOn(process, 'exit').mockImplementation(((code: number) => void exits.push(code)) as never)
})
afterEach(() => {
  jest.restoreAllMocks()
  for (const name of Object.keys(settings)) delete process.env[name]
  for (const event of EVENTS)
    for (const listener of process.listeners(event as 'SIGTERM'))
      if (!before.get(event)?.includes(listener)) process.removeListener(event, listener)
})

/** Starts a process around `running`, and gives what it was started with. */
async function runStage(running: Partial<Running> = {}): Promise<{ runtime: Runtime; stops: () => number }> {
  let given: Runtime | undefined
  let count = 0
  const stop = async () => {
    count++
    await running.stop?.()
  }
  await runProcess(chainerStage, async (runtime) => {
    given = runtime
    return { stop }
  })
  if (given === undefined) throw new Error('the stage was not started')
  return { runtime: given, stops: () => count }
}
const exited = () => until('the end of the process', 20_000, () => exits.length > 0 && exits)

test('a stage is given all that it needs, with the registry folded to its end, and ends with 0 after SIGTERM', async () => {
  const { runtime, stops } = await runStage()
  expect(runtime.registry.state).toMatchObject({ size: 1, lanes: 2 })
  expect(runtime.folder).toBe(join(home, 'state', 'chainer-authority-1'))
  expect(await runtime.writer.append('repairs', 1, [{ value: runtime.ids.frame('Repair', Buffer.alloc(1)) }])).toBe(0n)
  process.emit('SIGTERM')
  process.emit('SIGINT')
  process.emit('SIGTERM')
  expect(await exited()).toEqual([0])
  expect(stops()).toBe(1)
}, 60_000)

test('what ends the stage, and what nobody caught, ends the process with 1', async () => {
  const { runtime } = await runStage()
  runtime.onFatal(new Error('the log is gone'))
  process.emit('unhandledRejection', 'a reason', Promise.resolve())
  process.emit('uncaughtException', new Error('a bug'))
  expect(exits).toEqual([1, 1, 1])
  process.emit('SIGTERM')
  await until('the stop', 20_000, () => exits.length === 4)
}, 60_000)

test('a stage that fails to stop ends the process with 1', async () => {
  const { runtime } = await runStage({ stop: () => Promise.reject(new Error('cannot')) })
  process.emit('SIGINT')
  expect(await exited()).toEqual([1])
  await runtime.registry.close()
  await runtime.writer.disconnect()
}, 60_000)

test('a topic that is missing is said before anything is opened', async () => {
  const other = { ...config, topicPrefix: `${config.topicPrefix}none.` }
  await expect(openRuntime({ name: 'ingest', signs: false }, other, logger, () => undefined)).rejects.toThrow(
    /topics are missing/,
  )
}, 30_000)

/** What topic repairs tells in its first partition. */
async function repairsTold(): Promise<Repair[]> {
  const told: Repair[] = []
  for await (const { value } of readLog({ kafka, topicPrefix: config.topicPrefix, topic: 'repairs', partition: 0, from: 0n })) {
    const event = decodeRepair(value)
    if (event === undefined) throw new Error('what stands in repairs is no repair event')
    told.push(event)
  }
  return told
}

test('a stage that refuses a topic’s settings tells it in repairs once, and when it was mended, what it took', async () => {
  const retention = (value: string) => changeTopic(kafka, config, 'chain', { 'retention.ms': value })
  await retention('60000')
  for (const _ of ['once', 'again']) await expect(runStage()).rejects.toThrow(/chain: retention.ms is 60000, not -1/)
  const common = { kind: 'wait', fault: 'topic-settings', subject: 'topics', by: 'chainer-authority-1', lane: -1 }
  const [requested, ...more] = await repairsTold()
  expect(requested).toMatchObject({ ...common, status: 'requested' })
  expect(requested?.detail).toMatch(/retention.ms is 60000, not -1. Mend it: kafka-configs.sh/)
  expect(more).toEqual([])
  await retention('-1')
  await runStage()
  process.emit('SIGTERM')
  expect(await exited()).toEqual([0])
  const ended = (await repairsTold()).at(-1)
  expect(ended).toMatchObject({ ...common, id: requested?.id, status: 'completed' })
  expect(ended?.tookMillis).toBe(Number(ended?.at) - Number(requested?.at))
  await runStage()
  process.emit('SIGTERM')
  await until('the stop', 20_000, () => exits.length === 2)
  expect((await repairsTold()).map(({ status }) => status)).toEqual(['requested', 'requested', 'completed'])
}, 120_000)

test('the key is where the settings say, else in the home', async () => {
  expect(keyFileOf(config)).toBe(join(home, 'keys', 'authority-1.json'))
  expect(keyFileOf({ ...config, keyFile: '/x/y.json' })).toBe('/x/y.json')
  await createKeyFile(keyFileOf(config), 'authority-1')
  expect((await loadAuthorityKey(config)).id).toBe('authority-1')
})
