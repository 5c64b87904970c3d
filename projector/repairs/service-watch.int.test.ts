/** Broker, PostgreSQL and schema registry, each behind a proxy that goes away. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { Registry } from 'prom-client'
import { loadConfig } from '../../infra/config.js'
import { OpenRepairs } from '../../infra/repairs/open-repairs.js'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { type SwitchedProxy, startProxy } from '../../infra/testing/proxy.js'
import { until } from '../../infra/testing/until.js'
import type { Repair } from '../../schemas/records.js'
import { ServiceWatch, type ServiceWatchOptions } from './service-watch.js'
import { type Service, services } from './services.js'

const MINUTE = 60_000
const logger = pino({ level: 'silent' })
let folder: string
let metrics: Registry
let told: Repair[]
let isDiskFull = false
let database: TestDatabase
let proxies: Record<'broker' | 'PostgreSQL' | 'schema registry', SwitchedProxy>
let watched: Service[]
let watch: ServiceWatch

/** A life of the projector: the file of what is open is all that it has from the one before. */
function start(changes: Partial<ServiceWatchOptions> = {}): void {
  metrics = new Registry()
  watch = new ServiceWatch({
    ...{ services: watched, open: new OpenRepairs(folder, logger), logger, metrics, pauseMillis: 20 },
    tell: async (event) => void told.push(event),
    ...changes,
  })
  watch.start()
}

beforeAll(async () => {
  database = await createTestDatabase()
  const given = loadConfig({
    METERCHAIN_REGISTRY_URL: process.env.METERCHAIN_TEST_REGISTRY_URL ?? '',
    METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS ?? '127.0.0.1:19092',
  })
  const broker = `kafka://${given.brokers[0]}`
  proxies = {
    broker: await startProxy(broker),
    PostgreSQL: await startProxy(database.writerUrl),
    'schema registry': await startProxy(given.registryUrl),
  }
  const config = {
    ...{ kafkaTls: false, brokers: [new URL(proxies.broker.through(broker)).host] },
    registryUrl: proxies['schema registry'].through(given.registryUrl),
  }
  watched = services({ config, databaseUrl: proxies.PostgreSQL.through(database.writerUrl), isDiskFull: () => isDiskFull })
}, MINUTE)
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'services-'))
  told = []
})
afterEach(async () => {
  await watch.stop()
  rmSync(folder, { recursive: true })
})
afterAll(async () => {
  for (const proxy of Object.values(proxies)) proxy.close()
  await database.drop()
}, MINUTE)

const untilUp = (service: string, isUp: 0 | 1) =>
  until(
    `${service}: ${isUp}`,
    MINUTE / 2,
    async () => {
      const found = await metrics.getSingleMetric('meterchain_service_up')?.get()
      return found?.values.find(({ labels }) => labels.service === service)?.value === isUp
    },
    () => metrics.metrics(),
  )
const untilTold = (count: number) =>
  until(
    `${count} events`,
    MINUTE / 2,
    () => told.length >= count,
    () => told,
  )
const kept = () => new OpenRepairs(folder, logger).all()

test.each([
  ['broker', 'broker-away', false],
  ['PostgreSQL', 'database-away', false],
  ['schema registry', 'schema-registry-away', true],
] as const)(
  'an outage of the %s is told as one repair with its duration, and shown while it lasts',
  async (subject, fault, isReady) => {
    start()
    await untilUp(subject, 1)
    const before = Date.now()
    proxies[subject].goAway()
    await untilUp(subject, 0)
    const { ready, why } = watch.readiness()
    expect(ready).toBe(isReady)
    expect(why ?? '').toMatch(isReady ? /^$/ : new RegExp(`^${subject} is away since 2.*Z$`))
    const back = Date.now()
    proxies[subject].comeBack()
    await untilTold(2)
    const [requested, completed] = told
    expect(requested).toMatchObject({ kind: 'wait', subject, fault, lane: -1, by: 'projector', status: 'requested' })
    expect(requested?.detail).not.toBe('')
    // a look that was under way when it went away began before
    expect(requested?.at).toBeGreaterThan(before - 10_000)
    const tookMillis = (completed?.at ?? 0) - (requested?.at ?? 0)
    expect(completed).toMatchObject({ id: requested?.id, status: 'completed', tookMillis })
    expect(completed?.at).toBeGreaterThan(back - 10_000)
    expect(tookMillis).toBeGreaterThan(0)
    expect(completed?.detail).toBe(`it is back, and what waited went on; it was away: ${requested?.detail}`)
    await untilUp(subject, 1)
    expect(watch.readiness()).toEqual({ ready: true })
    expect(kept()).toEqual([])
  },
  MINUTE,
)

test(
  'nothing is told without the broker; what was away when the process ended is told from its beginning by the next',
  async () => {
    start()
    await untilUp('broker', 1)
    proxies.broker.goAway()
    await untilUp('broker', 0)
    proxies.PostgreSQL.goAway()
    await untilUp('PostgreSQL', 0)
    await watch.stop()
    const before = kept()
    expect(before.map(({ fault }) => fault)).toEqual(['broker-away', 'database-away'])
    start()
    await untilUp('PostgreSQL', 0)
    expect(watch.readiness()).toEqual({ ready: false, why: expect.stringMatching(/^broker is away.*PostgreSQL is away/) })
    proxies.PostgreSQL.comeBack()
    await untilUp('PostgreSQL', 1)
    expect(told).toEqual([])
    proxies.broker.comeBack()
    await untilTold(4)
    for (const { id, began } of before) {
      const [requested, completed] = told.filter((event) => event.id === id)
      expect(requested).toMatchObject({ status: 'requested', at: began })
      expect(completed).toMatchObject({ status: 'completed', tookMillis: (completed?.at ?? 0) - began })
    }
    expect(kept()).toEqual([])
  },
  MINUTE,
)

test(
  'a full disk is told; what the log does not take is told later, and keeps nobody from looking',
  async () => {
    let isRefused = true
    const tell = async (event: Repair) => {
      if (isRefused) throw new Error('the log takes nothing')
      told.push(event)
    }
    start({ tell })
    const disk = 'disk of PostgreSQL'
    await untilUp(disk, 1)
    isDiskFull = true
    await untilUp(disk, 0)
    isDiskFull = false
    await untilUp(disk, 1)
    expect(told).toEqual([])
    expect(kept()).toHaveLength(1)
    isRefused = false
    await untilTold(2)
    expect(told.map(({ fault, status }) => [fault, status])).toEqual([
      ['disk-full', 'requested'],
      ['disk-full', 'completed'],
    ])
  },
  MINUTE,
)

test(
  'one failed look is no outage; a service that does not answer is away, and nobody waits for it at the end',
  async () => {
    let looks = 0
    const never = new Promise<void>(() => undefined)
    const silent = { subject: 'x', fault: 'x-away', isNeeded: true, look: () => (looks++ % 2 === 0 ? never : Promise.resolve()) }
    start({ services: [silent], answerMillis: 20 })
    await until('looks', MINUTE / 2, () => looks > 6)
    expect(watch.readiness()).toEqual({ ready: true })
    await watch.stop()
    expect(told).toEqual([])
    start({ services: [{ ...silent, look: () => never }], answerMillis: 20 })
    await untilTold(1)
    expect(told[0]).toMatchObject({ status: 'requested', detail: 'it did not answer within 20 ms' })
    await watch.stop()
    start({ services: [{ ...silent, look: () => never }], answerMillis: MINUTE })
    const began = Date.now()
    await watch.stop()
    expect(Date.now() - began).toBeLessThan(5_000)
  },
  MINUTE,
)

test(
  'a schema registry that answers with errors is away',
  async () => {
    let status = 503
    const server = createServer((_request, response) => response.writeHead(status).end())
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const registryUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const config = { brokers: ['127.0.0.1:1'], kafkaTls: true, registryUrl }
    const found = services({ config, databaseUrl: '', isDiskFull: () => false })
    start({ services: found.filter(({ fault }) => fault === 'schema-registry-away') })
    await untilTold(1)
    expect(told[0]?.detail).toBe('it answers with 503')
    status = 404
    await untilTold(2)
    await watch.stop()
    start({ services: found.filter(({ fault }) => fault === 'broker-away') })
    await untilUp('broker', 0)
    await watch.stop()
    expect(kept()).toMatchObject([{ fault: 'broker-away', detail: expect.stringContaining('ECONNREFUSED') }])
    server.close()
  },
  MINUTE,
)
