import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import { Kafka, logLevel } from 'kafkajs'
import pg from 'pg'
import { endProcess, readPidFile } from '../supervisor/pid-file.js'
import { pidFile } from '../supervisor/stage-files.js'
import { fullTest } from '../testing/full.js'
import { kafkaJars, registryServer } from './downloads.js'
import { kafkaService } from './kafka.js'
import { postgresAdminUrl, postgresService } from './postgres.js'
import { registryUrl } from './schema-registry.js'
import { resetServices, servicesStatus, startServices, stopServices } from './services.js'
import type { ServicesConfig } from './services-config.js'

const MINUTE = 60_000
const home = mkdtempSync(join(tmpdir(), 'services-'))
const config: ServicesConfig = {
  home,
  kafkaPort: 29_192,
  kafkaControllerPort: 29_193,
  registryPort: 28_181,
  postgresPort: 25_532,
}
const kafka = new Kafka({ brokers: [`127.0.0.1:${config.kafkaPort}`], logLevel: logLevel.NOTHING })
const said: string[] = []
const say = (line: string) => void said.push(line)

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve(server))
  })
}

async function query(sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: postgresAdminUrl(config) })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows.flat()
  } finally {
    await client.end()
  }
}

async function kill(name: string): Promise<void> {
  const running = readPidFile(pidFile(home, name))
  if (running === undefined) throw new Error(`${name} does not run`)
  await endProcess(running, 5_000, 'SIGKILL')
}

const pids = async () => (await servicesStatus(config)).map(({ pid }) => pid)

beforeAll(() => startServices(config, say), 5 * MINUTE)
afterAll(async () => {
  await stopServices(config)
  await resetServices(config)
  rmSync(home, { recursive: true, force: true })
}, MINUTE)

test('all services are healthy after a start, each with a process of its own', async () => {
  const status = await servicesStatus(config)
  expect(status.map(({ name, isHealthy, address }) => ({ name, isHealthy, address }))).toEqual([
    { name: 'kafka', isHealthy: true, address: '127.0.0.1:29192' },
    { name: 'registry', isHealthy: true, address: 'http://127.0.0.1:28181/apis/ccompat/v7' },
    { name: 'postgres', isHealthy: true, address: '127.0.0.1:25532' },
  ])
  expect(new Set(status.map(({ pid }) => pid)).size).toBe(3)
  expect(said.filter((line) => line.includes('started in'))).toHaveLength(3)
})

test('PostgreSQL is durable, sorts by bytes, and its password is for the owner alone', async () => {
  const settings = ['fsync', 'full_page_writes', 'data_checksums', 'server_encoding', 'listen_addresses']
  expect(await query(`select ${settings.map((name) => `current_setting('${name}')`).join(', ')}`)).toEqual([
    'on',
    'on',
    'on',
    'UTF8',
    '127.0.0.1',
  ])
  expect(await query(`select datcollate from pg_database where datname = 'postgres'`)).toEqual(['C'])
  expect(statSync(join(home, 'secrets', 'postgres')).mode & 0o777).toBe(0o600)
})

test('a second start changes nothing, and two at a time do not get in each other’s way', async () => {
  const before = await pids()
  await Promise.all([startServices(config, say), startServices(config)])
  expect(await pids()).toEqual(before)
  expect(said.filter((line) => line.includes('was running'))).toHaveLength(3)
})

test('a reset is refused while a service runs', async () => {
  await expect(resetServices(config)).rejects.toThrow('kafka, registry, postgres still run: stop them before a reset')
})

fullTest(
  'what was written is there after SIGKILL of every service and another start',
  async () => {
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 3 }] })
    await admin.disconnect()
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic: 'kept', messages: [{ value: Buffer.alloc(5 * 1024 * 1024), partition: 1 }] })
    await producer.disconnect()
    await query('create table kept as select generate_series(1, 1000) as number')
    const registry = new SchemaRegistry({ host: registryUrl(config) })
    const schema = JSON.stringify({ type: 'record', name: 'Kept', namespace: 'test', fields: [{ name: 'n', type: 'int' }] })
    const { id } = await registry.register({ type: SchemaType.AVRO, schema }, { subject: 'test.Kept' })

    const [, before] = await pids()
    await Promise.all(['kafka', 'postgres'].map(kill))
    expect((await servicesStatus(config)).map(({ isHealthy }) => isHealthy)).toEqual([false, true, false])
    await startServices(config)
    expect((await pids())[1]).toBe(before)

    await admin.connect()
    expect(await admin.fetchTopicOffsets('kept')).toContainEqual({ partition: 1, offset: '1', high: '1', low: '0' })
    await admin.disconnect()
    expect(await query('select count(*)::int from kept')).toEqual([1000])

    await stopServices(config, say)
    expect(said.filter((line) => line.endsWith(' stopped'))).toHaveLength(3)
    await startServices(config)
    expect(await new SchemaRegistry({ host: registryUrl(config) }).getLatestSchemaId('test.Kept')).toBe(id)
  },
  2 * MINUTE,
)

test('a topic that nobody created is not created by a question', async () => {
  const admin = kafka.admin()
  await admin.connect()
  await expect(admin.fetchTopicMetadata({ topics: ['nobody-made-this'] })).rejects.toThrow('does not host this topic-partition')
  await admin.disconnect()
})

test('a port held by a stranger is named, with the setting that changes it, the stranger, and nobody is ended', async () => {
  const another = { ...config, home: join(home, 'another'), postgresPort: 25_533 }
  const service = postgresService(another)
  const stranger = await listen(25_533)
  await expect(service.start()).rejects.toThrow(
    new RegExp(`port 25533 is in use by pid ${process.pid} \\(.*\\): end it, or choose another port by METERCHAIN_POSTGRES_PORT`),
  )
  expect(stranger.listening).toBe(true)
  await new Promise((resolve) => stranger.close(resolve))
  await resetServices(another)
})

test(
  'a start that fails shows the end of the log',
  async () => {
    await kafkaService(config, say).stop()
    const meta = join(home, 'data', 'kafka', 'log', 'meta.properties')
    const kept = readFileSync(meta, 'utf8')
    writeFileSync(meta, kept.replace('node.id=1', 'node.id=7'))
    const start = kafkaService(config, say).start()
    await expect(start).rejects.toThrow(/kafka ended while starting; the end of .*kafka\.log:\n(.*\n)*.*node/)
    writeFileSync(meta, kept)
    await startServices(config)
  },
  MINUTE,
)

test(
  'data without its password is not guessed at',
  async () => {
    await postgresService(config).stop()
    const secret = join(home, 'secrets', 'postgres')
    const kept = readFileSync(secret)
    rmSync(secret)
    await expect(postgresService(config).start()).rejects.toThrow(`${secret} is missing, but `)
    expect(() => postgresAdminUrl(config)).toThrow('PostgreSQL was not started with this home yet')
    writeFileSync(secret, '\n') // whoever wrote it was killed
    await expect(postgresService(config).start()).rejects.toThrow(`${secret} is missing, but `)
    writeFileSync(secret, kept, { mode: 0o600 })
  },
  MINUTE,
)

test(
  'downloads begin anew after one that was cut off, and are made once',
  async () => {
    const cacheFolder = join(home, 'cache')
    const cutOff = join(cacheFolder, 'kafka-4.3.1', 'libs.part-999999999')
    mkdirSync(cutOff, { recursive: true })
    const jars = await kafkaJars({ ...config, cacheFolder }, say)
    expect(readdirSync(jars)).toContain('kafka_2.13-4.3.1.jar')
    expect(existsSync(cutOff)).toBe(false)
    const server = await registryServer({ ...config, cacheFolder }, say)
    expect(existsSync(join(server, 'apicurio-registry-app-2.6.13.Final-runner.jar'))).toBe(true)
    const lines = said.length
    await kafkaJars({ ...config, cacheFolder }, say)
    expect(said).toHaveLength(lines)
  },
  5 * MINUTE,
)

test('after a reset nothing of the data is left', async () => {
  await stopServices(config)
  await resetServices(config)
  expect(existsSync(join(home, 'data', 'kafka'))).toBe(false)
  expect(existsSync(join(home, 'data', 'postgres'))).toBe(false)
  expect(existsSync(join(home, 'secrets', 'postgres'))).toBe(false)
})
