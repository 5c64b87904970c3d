/** Broker, PostgreSQL and schema registry, each behind a proxy that goes away. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { Registry } from 'prom-client'
import { loadConfig } from '../../infra/config.js'
import { OpenRepairs } from '../../infra/repairs/open-repairs.js'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { type SwitchedProxy, startProxy } from '../../infra/testing/proxy.js'
import { until } from '../../infra/testing/until.js'
import type { Repair } from '../../schemas/records.js'
import { Outage } from './outage.js'
import { ServiceWatch } from './service-watch.js'
import { type Service, services } from './services.js'

const MINUTE = 60_000
const logger = pino({ level: 'silent' })
const folder = mkdtempSync(join(tmpdir(), 'services-'))
const metrics = new Registry()
const told: Repair[] = []
let isDiskFull = false
let database: TestDatabase
let proxies: Record<'broker' | 'database' | 'schema-registry', SwitchedProxy>
let watched: Service[]
let watch: ServiceWatch

/** A life of the projector: the file of what is open is all that it has from the one before. */
function start(changes: { tell?: (event: Repair) => Promise<void>; services?: Service[]; answerMillis?: number } = {}): void {
  metrics.clear()
  watch = new ServiceWatch({
    ...{ services: watched, open: new OpenRepairs(folder, logger), logger, metrics, pauseMillis: 20, answerMillis: 1_000 },
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
  proxies = {
    broker: await startProxy(`kafka://${given.brokers[0]}`),
    database: await startProxy(database.writerUrl),
    'schema-registry': await startProxy(given.registryUrl),
  }
  const config = {
    ...given,
    brokers: [new URL(proxies.broker.through(`kafka://${given.brokers[0]}`)).host],
    registryUrl: proxies['schema-registry'].through(given.registryUrl),
  }
  const databaseUrl = proxies.database.through(database.writerUrl)
  watched = services({ config, databaseUrl, isDiskFull: () => isDiskFull })
}, MINUTE)
afterEach(async () => {
  await watch.stop()
  told.length = 0
})
afterAll(async () => {
  for (const proxy of Object.values(proxies)) proxy.close()
  await database.drop()
  rmSync(folder, { recursive: true })
}, MINUTE)

const up = async (service: string): Promise<number | undefined> => {
  const found = await metrics.getSingleMetric('meterchain_service_up')?.get()
  return found?.values.find(({ labels }) => labels.service === service)?.value
}
const untilUp = (service: string, isUp: 0 | 1) =>
  until(`${service}: ${isUp}`, MINUTE, async () => (await up(service)) === isUp, metrics.metrics.bind(metrics))
const untilTold = (count: number) =>
  until(
    `${count} events`,
    MINUTE,
    () => told.length >= count,
    () => told,
  )

test.each([
  ['broker', 'broker', 'broker-away', false],
  ['database', 'PostgreSQL', 'database-away', false],
  ['schema-registry', 'schema registry', 'schema-registry-away', true],
] as const)(
  'an outage of the %s is told as one repair with its duration, and shown while it lasts',
  async (name, subject, fault, ready) => {
    start()
    await untilUp(name, 1)
    expect(watch.readiness()).toEqual({ ready: true })
    const before = Date.now()
    proxies[name].goAway()
    await untilUp(name, 0)
    expect(watch.readiness()).toEqual({ ready, why: expect.stringContaining(`${fault} since 2`) })
    const back = Date.now()
    proxies[name].comeBack()
    await untilUp(name, 1)
    await untilTold(2)
    const [requested, completed] = told
    expect(requested).toMatchObject({ kind: 'wait', subject, fault, lane: -1, by: 'projector', status: 'requested' })
    expect(requested?.at).toBeGreaterThanOrEqual(before - 1_000)
    expect(completed).toMatchObject({
      id: requested?.id,
      status: 'completed',
      tookMillis: (completed?.at ?? 0) - (requested?.at ?? 0),
    })
    expect(completed?.at).toBeGreaterThanOrEqual(back - 1_000)
    expect(completed?.detail).toMatch(/^it is back, and all went on where it was\. It was away: .+/)
    expect(watch.readiness()).toEqual({ ready: true })
    expect(new OpenRepairs(folder, logger).all()).toEqual([])
  },
  MINUTE,
)

test(
  'nothing is told without the broker; what was away when the process ended is told from its beginning by the next',
  async () => {
    start()
    await untilUp('broker', 1)
    proxies.broker.goAway()
    proxies.database.goAway()
    await untilUp('broker', 0)
    await untilUp('database', 0)
    await watch.stop()
    const kept = new OpenRepairs(folder, logger).all()
    // before the watch knew that the broker is away too, the database may have been told
    told.length = 0
    start()
    await untilUp('database', 0)
    expect(watch.readiness().ready).toBe(false)
    expect(told).toEqual([])
    proxies.database.comeBack()
    await untilUp('database', 1)
    proxies.broker.comeBack()
    await untilTold(4)
    for (const { id, began } of kept) {
      const [requested, completed] = told.filter((event) => event.id === id)
      expect(requested).toMatchObject({ status: 'requested', at: began })
      expect(completed).toMatchObject({ status: 'completed', tookMillis: (completed?.at ?? 0) - began })
    }
    expect(new Set(kept.map(({ fault }) => fault))).toEqual(new Set(['broker-away', 'database-away']))
  },
  MINUTE,
)

test(
  'a full disk is told; what cannot be told is told later, and keeps nobody from looking',
  async () => {
    let isRefused = true
    start({
      tell: async (event) => {
        if (isRefused) throw new Error('the log takes nothing')
        told.push(event)
      },
    })
    await untilUp('database-disk', 1)
    isDiskFull = true
    await untilUp('database-disk', 0)
    expect(watch.readiness()).toMatchObject({ ready: false, why: expect.stringContaining('disk-full since') })
    isDiskFull = false
    await untilUp('database-disk', 1)
    expect(told).toEqual([])
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
  'a service that does not answer is away, and nobody waits for it at the end',
  async () => {
    const never = new Promise<void>(() => undefined)
    const silent = { name: 'x', subject: 'x', fault: 'x-away', isNeeded: true, downAfter: 2, upAfter: 1 }
    const drop = async () => {
      throw new Error('what is this?')
    }
    start({ services: [{ ...silent, look: () => never, drop }], answerMillis: 50 })
    await untilUp('x', 0)
    await untilTold(1)
    expect(told[0]?.detail).toBe('it did not answer within 50 ms')
    await watch.stop()
    // two that were left open: the newer one goes on, the other has no end
    const open = new OpenRepairs(folder, logger)
    const [kept] = open.all()
    if (kept === undefined) throw new Error('nothing was kept')
    open.keep({ ...kept, id: 'wait/x-away/2' })
    told.length = 0
    start({ services: [{ ...silent, look: async () => undefined, drop: async () => undefined }] })
    await untilTold(3)
    expect(told.map(({ id, status }) => [id, status])).toEqual([
      [kept.id, 'failed'],
      ['wait/x-away/2', 'requested'],
      ['wait/x-away/2', 'completed'],
    ])
  },
  MINUTE,
)

test('one look that fails is none; an outage begins and ends with the first look of those that say so', () => {
  const outage = new Outage({ downAfter: 2, upAfter: 2 })
  const looks: [boolean, ReturnType<Outage['look']>][] = [
    [true, undefined],
    [false, undefined],
    [true, undefined],
    [false, undefined],
    [false, { kind: 'away', since: 3 }],
    [true, undefined],
    [false, undefined],
    [true, undefined],
    [true, { kind: 'back', until: 7 }],
  ]
  expect(looks.map(([isUp], at) => outage.look(isUp, at))).toEqual(looks.map(([, change]) => change))
  start({ services: [] })
})
