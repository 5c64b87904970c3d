import { afterEach, describe, expect, test } from '@jest/globals'
import { Validator } from '@seriousme/openapi-schema-validator'
import pino from 'pino'
import { CorruptStateError } from '../infra/chain/checked-store.js'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { createMetrics } from '../infra/metrics.js'
import { testRegistry } from '../infra/testing/registry.js'
import { SignedMeter } from '../infra/testing/signed-meters.js'
import { leafHash } from '../schemas/merkle.js'
import { laneOf } from '../schemas/murmur2.js'
import { joinEntries, splitEntries } from '../schemas/records.js'
import { messageBuilder, TAGS } from '../schemas/tags.js'
import type { Refused } from './accept.js'
import { Door } from './door.js'
import { DoorMetrics } from './door-metrics.js'
import type { HeadAnswer } from './heads.js'
import { LaneWriter } from './lane-writer.js'
import { MEDIA_TYPES } from './parse.js'
import { Room } from './room.js'
import { buildServer, type ServerOptions } from './server.js'

const RESET = {
  sequence: 9,
  previous: '03'.repeat(32),
  before: { sequence: 4, hash: '04'.repeat(32), gaps: [{ from: 2, to: 3 }] },
}

const registry = testRegistry({ meters: 20 })
const message = messageBuilder(TAGS.reading, registry.chainId)
const closers: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

type Plan = Partial<ServerOptions> & {
  queue?: number
  answerMillis?: number
  append?: (lane: number, body: Buffer) => Promise<unknown>
}

async function open(plan: Plan = {}) {
  const log: { lane: number; entries: Buffer[] }[] = []
  const noted: Refused[] = []
  const fatal: Error[] = []
  const metrics = new DoorMetrics(createMetrics('ingest'))
  const append =
    plan.append ??
    (async (lane: number, body: Buffer) => {
      log.push({ lane, entries: splitEntries(body) })
    })
  const writers = Array.from(
    { length: 4 },
    (_, lane) =>
      new LaneWriter({
        limits: { maxAgeMillis: 1, maxCount: 1000, maxBytes: 256 * 1024 },
        append: (body) => append(lane, body),
        now: () => performance.now(),
        onFailed: () => undefined,
        onFatal: (error) => fatal.push(error),
      }),
  )
  const room = new Room(plan.queue ?? 20_000, 1 << 26)
  const door = new Door({
    context: () => ({
      lanes: 4,
      facts: (meter) => registry.state.meterAt(meter, registry.state.size),
      verify: (signature, bytes, key) => sodiumSignatures.verify(signature, message(bytes), key),
    }),
    writers,
    room,
    rejections: { note: (_bytes, refused) => noted.push(refused) },
    metrics,
    answerMillis: plan.answerMillis ?? 5_000,
  })
  const head = (meter: string): HeadAnswer => ({
    ...{ meter, lane: 0, sequence: 0, hash: '', gaps: [], resend: [{ from: 1, to: 2 }] },
    reset: meter === 'meter-2' ? RESET : null,
  })
  const app = await buildServer({
    door,
    heads: { answer: (meter) => (meter.startsWith('meter-') ? head(meter) : undefined) },
    resend: { tell: (meters) => [...meters].slice(0, 1).map((meter) => ({ meter, from: 3, to: 4 })) },
    metrics: metrics.shared.registry,
    refreshMetrics: () =>
      metrics.show({ readings: room.readings, bytes: room.bytes, rejections: 0, asked: 0, lag: new Map([[1, 7n]]) }),
    isReady: () => (door.whyNot === undefined ? { ready: true } : { ready: false, why: door.whyNot }),
    ratePerSecond: 0,
    logger: pino({ level: 'silent' }),
    onFatal: (error) => fatal.push(error),
    ...plan,
  })
  closers.push(() => app.close())
  const post = (payload: Buffer | string, type: string, url = '/v1/readings') =>
    app.inject({ method: 'POST', url, headers: { 'content-type': type }, payload })
  return { app, door, room, log, noted, fatal, post, metrics }
}

const meterOf = (id: string) => new SignedMeter(id, registry.chainId)

describe('readings', () => {
  test('a batch of several lanes is split, kept in order, and answered with a receipt for each', async () => {
    const { post, log, metrics } = await open()
    const meters = Array.from({ length: 20 }, (_, index) => meterOf(`meter-${index + 1}`))
    const entries = [0, 1, 2, 3, 4, 5, 6, 7].flatMap(() => meters.map((meter) => meter.next()))
    const response = await post(joinEntries(entries), MEDIA_TYPES.readings)
    expect(response.statusCode).toBe(202)
    const body = response.json()
    expect(body).toMatchObject({ accepted: 160, refused: 0, refusals: [], resend: [{ meter: 'meter-1', from: 3, to: 4 }] })
    const lanes = entries.map((_, index) => laneOf(`meter-${(index % 20) + 1}`, 4))
    expect(body.receipts).toEqual(
      entries.map((entry, index) => ({ index, leafHash: leafHash(entry).toString('hex'), lane: lanes[index] })),
    )
    for (const lane of [0, 1, 2, 3]) {
      const written = log.filter((record) => record.lane === lane).flatMap((record) => record.entries)
      expect(written).toEqual(entries.filter((_, index) => lanes[index] === lane))
    }
    expect(await metrics.shared.registry.metrics()).toContain('meterchain_readings_total{outcome="accepted",stage="ingest"} 160')
  })
  test('one reading, and a refused one among good ones', async () => {
    const { post, noted } = await open()
    const good = meterOf('meter-1').next()
    const bad = meterOf('stranger').next()
    expect((await post(good, MEDIA_TYPES.reading)).json()).toMatchObject({ accepted: 1, receipts: [{ index: 0 }] })
    const mixed = (await post(joinEntries([bad, good]), `${MEDIA_TYPES.readings}; q=1`)).json()
    expect(mixed).toMatchObject({
      accepted: 1,
      refused: 1,
      receipts: [{ index: 1 }],
      refusals: [{ index: 0, fault: 'unknown-meter' }],
    })
    expect(noted).toMatchObject([{ fault: 'unknown-meter', meter: 'stranger' }])
  })
  test('all refused is a problem that names the fault', async () => {
    const { post, noted } = await open()
    const response = await post(meterOf('stranger').next(), MEDIA_TYPES.reading)
    expect(response.statusCode).toBe(422)
    expect(response.headers['content-type']).toContain('application/problem+json')
    expect(response.json()).toMatchObject({
      type: 'urn:meterchain:fault:unknown-meter',
      status: 422,
      detail: "no meter 'stranger' is enrolled",
      refusals: [{ index: 0, fault: 'unknown-meter' }],
    })
    expect((await post(Buffer.from('x'), MEDIA_TYPES.readings)).json()).toMatchObject({ status: 400, fault: 'malformed' })
    expect((await post('{', MEDIA_TYPES.json)).json()).toMatchObject({ status: 400, fault: 'bad-request' })
    expect((await post('[{}]', MEDIA_TYPES.json)).json()).toMatchObject({ status: 400, fault: 'malformed' })
    expect((await post('', MEDIA_TYPES.reading)).json()).toMatchObject({ status: 400, fault: 'malformed' })
    expect(noted.map((each) => each.fault)).toEqual(['unknown-meter', 'malformed', 'bad-request', 'malformed', 'malformed'])
  })
  test('beyond the queue it is 503 with Retry-After, and nothing is kept of the request', async () => {
    const waiting: (() => void)[] = []
    const { post, room, noted } = await open({ queue: 2, append: () => new Promise<void>((resolve) => waiting.push(resolve)) })
    const meter = meterOf('meter-1')
    const first = post(joinEntries([meter.next(), meter.next()]), MEDIA_TYPES.readings)
    await until(() => waiting.length === 1)
    const second = await post(meter.next(), MEDIA_TYPES.reading)
    expect(second.statusCode).toBe(503)
    expect(second.headers['retry-after']).toBe('1')
    expect(second.json()).toMatchObject({ fault: 'busy', detail: 'the queue is full: 2 readings wait for the log' })
    waiting[0]?.()
    expect((await first).statusCode).toBe(202)
    await until(() => room.readings === 0) // given back after the answer
    expect(noted).toEqual([])
  })
  test('what the log does not take, or not in time, is 503; then the door is not ready', async () => {
    const failing = await open({ append: () => Promise.reject(new Error('no broker')) })
    const response = await failing.post(meterOf('meter-1').next(), MEDIA_TYPES.reading)
    expect(response.statusCode).toBe(503)
    expect(response.json()).toMatchObject({ fault: 'unavailable', detail: 'the log did not acknowledge it: Error: no broker' })
    const ready = await failing.app.inject('/readyz')
    expect([ready.statusCode, ready.body]).toEqual([503, 'not ready: the log did not acknowledge the newest record\n'])
    let acknowledge = () => {}
    const slow = await open({
      answerMillis: 20,
      append: () =>
        new Promise<void>((resolve) => {
          acknowledge = resolve
        }),
    })
    const late = await slow.post(meterOf('meter-1').next(), MEDIA_TYPES.reading)
    expect(late.json()).toMatchObject({ fault: 'unavailable', detail: 'the log did not acknowledge it within 20 ms' })
    expect(slow.room.readings).toBe(1)
    acknowledge()
    await until(() => slow.room.readings === 0)
  })
  test('a closing door refuses what comes, and closes when the log has what came before', async () => {
    let acknowledge = () => {}
    const { post, door, app, room } = await open({
      append: () =>
        new Promise<void>((resolve) => {
          acknowledge = resolve
        }),
    })
    const meter = meterOf('meter-1')
    const before = post(meter.next(), MEDIA_TYPES.reading)
    await until(() => room.readings === 1)
    let isClosed = false
    const closing = door.close().then(() => {
      isClosed = true
    })
    expect((await post(meter.next(), MEDIA_TYPES.reading)).json()).toMatchObject({ fault: 'busy', detail: 'the door is closing' })
    expect((await app.inject('/readyz')).body).toBe('not ready: the door is closing\n')
    expect(isClosed).toBe(false)
    acknowledge()
    await closing
    expect((await before).statusCode).toBe(202)
  })
})

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error('did not happen within 5 s')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

describe('heads', () => {
  test('one, many, unknown', async () => {
    const { app, post } = await open()
    expect((await app.inject('/v1/meters/meter-1/head')).json()).toMatchObject({ meter: 'meter-1', resend: [{ from: 1, to: 2 }] })
    expect((await app.inject('/v1/meters/meter-1/head')).json().reset).toBeNull()
    expect((await app.inject('/v1/meters/meter-2/head')).json().reset).toEqual(RESET)
    const missing = await app.inject('/v1/meters/nobody/head')
    expect([missing.statusCode, missing.json().fault]).toEqual([404, 'unknown-meter'])
    const meters = Array.from({ length: 300 }, (_, index) => `meter-${index}`)
    const many = (await post(JSON.stringify({ meters: ['nobody', ...meters] }), 'application/json', '/v1/heads')).json()
    expect(many.heads.map((each: HeadAnswer) => each.meter)).toEqual(meters)
    expect(many.unknown).toEqual(['nobody'])
  })
  test('what is not of the form is a problem', async () => {
    const { post } = await open()
    for (const body of ['{}', '{"meters":[]}', '{"meters":[7]}', '{']) {
      const response = await post(body, 'application/json', '/v1/heads')
      expect([response.statusCode, response.json().fault]).toEqual([400, 'bad-request'])
    }
  })
})

describe('every refusal of the server itself is a problem too', () => {
  test.each([
    ['no such route', 'GET', '/nothing', undefined, '', 404, 'bad-request'],
    ['no such media type', 'POST', '/v1/readings', 'text/plain', 'x', 415, 'bad-request'],
    ['a broken URL', 'GET', '/v1/meters/%ZZ/head', undefined, '', 400, 'bad-request'],
    ['no media type', 'POST', '/v1/readings', undefined, '', 415, 'bad-request'],
    ['a body beyond 8 MiB', 'POST', '/v1/readings', MEDIA_TYPES.reading, Buffer.alloc(8 * 1024 * 1024 + 1), 413, 'too-large'],
  ] as const)('%s', async (_name, method, url, type, payload, status, fault) => {
    const { app } = await open()
    const response = await app.inject({ method, url, payload, ...(type && { headers: { 'content-type': type } }) })
    expect(response.statusCode).toBe(status)
    expect(response.headers['content-type']).toContain('application/problem+json')
    expect(response.json()).toMatchObject({ status, fault })
  })
  test('more than the rate is 429 with Retry-After; health is outside it', async () => {
    const { app, post } = await open({ ratePerSecond: 2 })
    const meter = meterOf('meter-1')
    const statuses: number[] = []
    for (let i = 0; i < 3; i++) statuses.push((await post(meter.next(), MEDIA_TYPES.reading)).statusCode)
    expect(statuses).toEqual([202, 202, 429])
    const limited = await app.inject('/v1/meters/meter-1/head')
    expect(limited.json()).toMatchObject({ status: 429, fault: 'rate-limited' })
    expect(Number(limited.headers['retry-after'])).toBeGreaterThanOrEqual(0)
    expect((await app.inject('/healthz')).statusCode).toBe(200)
  })
  test('a failure of ours is 500; where the door itself is broken it ends', async () => {
    let error: Error = new Error('some library')
    const { app, fatal } = await open({
      heads: {
        answer: () => {
          throw error
        },
      },
    })
    expect((await app.inject('/v1/meters/meter-1/head')).json()).toMatchObject({ status: 500, fault: 'unavailable' })
    expect(fatal).toEqual([])
    error = new CorruptStateError('checksum')
    await app.inject('/v1/meters/meter-1/head')
    expect(fatal).toEqual([error])
  })
})

test('health, readiness and metrics are on the same port', async () => {
  const { app, metrics } = await open()
  metrics.dropped(2)
  metrics.headAt(1, 5n, 250, 1)
  metrics.headAt(1, 6n, 250, 0)
  expect((await app.inject('/healthz')).body).toBe('alive\n')
  expect((await app.inject('/readyz')).body).toBe('ready\n')
  const { body } = await app.inject('/metrics')
  expect(body).toContain('meterchain_lag_records{topic="chain",partition="1",stage="ingest"} 7')
  expect(body).toContain('meterchain_rejections_dropped_total{stage="ingest"} 2')
  expect(body).toContain('meterchain_head_height{lane="1",stage="ingest"} 6')
  expect(body).toContain('meterchain_heads_differing_total{stage="ingest"} 1')
})

test('the OpenAPI document is valid, and names every route and media type', async () => {
  const { app } = await open()
  const document = (await app.inject('/openapi.json')).json()
  const result = await new Validator().validate(document)
  expect(result.errors ?? []).toEqual([])
  expect(result.valid).toBe(true)
  expect(Object.keys(document.paths).toSorted()).toEqual(['/v1/heads', '/v1/meters/{id}/head', '/v1/readings'])
  expect(Object.keys(document.paths['/v1/readings'].post.requestBody.content)).toEqual(Object.values(MEDIA_TYPES))
})
