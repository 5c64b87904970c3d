import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Validator } from '@seriousme/openapi-schema-validator'
import type { FastifyInstance } from 'fastify'
import pino from 'pino'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import type { Readiness } from '../../infra/health.js'
import { createMetrics } from '../../infra/metrics.js'
import { testRegistry } from '../../infra/testing/registry.js'
import { hex } from '../../schemas/bytes.js'
import { ReadOnlyDatabase } from './read-only.js'
import { buildQueryServer } from './server.js'

const logger = pino({ level: 'silent' })
const registry = testRegistry({ meters: 1 })
/** Nobody listens there. */
const url = 'postgresql://nobody:x@127.0.0.1:1/none'
const database = new ReadOnlyDatabase({
  ...{ url, logger, connections: 1, statementMillis: 100, waitMillis: 500, streams: 1, streamStatementMillis: 100 },
})
let app: FastifyInstance
let readiness: Readiness = { ready: true }

beforeAll(async () => {
  const metrics = createMetrics('projector')
  const isReady = () => readiness
  const access = { keys: undefined, ratePerSecond: 0 }
  const chain = { registry: registry.state, signatures: sodiumSignatures, witnesses: [], access }
  app = await buildQueryServer({ ...chain, database, metrics, logger, isReady })
})
afterAll(async () => {
  await app.close()
  await database.close()
})
const get = async (path: string, headers: Record<string, string> = {}) => app.inject({ method: 'GET', url: path, headers })

test('its OpenAPI document is valid, and names every route', async () => {
  const answer = await get('/openapi.json')
  const validator = new Validator()
  expect(await validator.validate(answer.json())).toEqual({ valid: true })
  expect(validator.version).toBe('3.1')
  expect(Object.keys(answer.json().paths).sort()).toEqual(
    [
      ...['/v1/usage-points', '/v1/usage-points/{id}', '/v1/usage-points/{id}/meters', '/v1/usage-points/{id}/intervals'],
      ...['/v1/usage-points/{id}/registers', '/v1/usage-points/{id}/daily', '/v1/usage-points/{id}/bills'],
      ...['/v1/usage-points/{id}/bill-lines', '/v1/bills', '/v1/bill-lines', '/v1/tariffs', '/v1/intervals', '/v1/daily'],
      ...['/v1/meters', '/v1/meters/{id}', '/v1/meters/{id}/readings', '/v1/meters/{id}/intervals', '/v1/meters/{id}/registers'],
      ...['/v1/meters/{id}/proof', '/v1/readings/{leafHash}', '/v1/proofs/{leafHash}', '/v1/genesis', '/v1/blocks/{hash}'],
      ...['/v1/lanes', '/v1/lanes/{lane}', '/v1/lanes/{lane}/blocks', '/v1/lanes/{lane}/blocks/{height}'],
      ...['/v1/lanes/{lane}/blocks/{height}/votes', '/v1/lanes/{lane}/blocks/{height}/entries/{entry}', '/v1/evidence'],
      ...['/checkpoint', '/v1/checkpoints', '/v1/checkpoints/latest', '/v1/checkpoints/{size}'],
      ...['/v1/checkpoints/{size}/inclusion/{lane}/{height}', '/v1/checkpoints/{size}/consistency/{newer}'],
      ...['/v1/repairs', '/v1/repair-events', '/v1/rejections', '/v1/health'],
    ].sort(),
  )
})

test('the genesis is given as a genesis file, once and for all', async () => {
  const answer = await get('/v1/genesis')
  const chainId = hex(registry.chainId)
  expect(answer.json()).toEqual({ version: 1, chainId, network: 'test', lanes: 4, event: hex(registry.genesis) })
  expect(answer.headers).toMatchObject({ etag: `"${chainId}"`, 'cache-control': 'public, max-age=31536000, immutable' })
  for (const known of [`"${chainId}"`, `W/"x", W/"${chainId}"`, '*']) {
    const again = await get('/v1/genesis', { 'if-none-match': known })
    expect([again.statusCode, again.body]).toEqual([304, ''])
  }
  expect((await get('/v1/genesis', { 'if-none-match': '"other"' })).statusCode).toBe(200)
})

test.each([
  '/v1/lanes/-1',
  '/v1/lanes/1024',
  '/v1/lanes/x',
  '/v1/lanes/0/blocks/0',
  '/v1/lanes/0/blocks/1.5',
  '/v1/lanes/0/blocks/99999999999999999999',
  '/v1/blocks/abc',
  '/v1/meters/-',
  '/v1/meters/%00',
  '/v1/usage-points/%FF',
  '/v1/meters/meter-1/readings?limit=0',
  '/v1/meters/meter-1/readings?limit=1001',
  '/v1/meters/meter-1/readings?after=-1',
  '/v1/meters/meter-1/readings?before=1',
  `/v1/proofs/${'g'.repeat(64)}`,
])('GET %s: a parameter that is not of its form is a problem of status 400', async (path) => {
  const answer = await get(path)
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(answer.json()).toMatchObject({ type: 'about:blank', title: 'Bad Request', status: 400 })
})

test('what is not there is a problem of status 404', async () => {
  expect((await get('/v2')).json()).toMatchObject({ status: 404, detail: 'there is no GET /v2: see /openapi.json' })
  for (const path of ['/v1/meters/nobody', '/v1/meters/nobody/readings'])
    expect((await get(path)).json()).toMatchObject({ status: 404, detail: "no meter 'nobody' is enrolled" })
})

test.each(['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE'] as const)(
  '%s is refused before its body is read',
  async (method) => {
    const answer = await app.inject({ method, url: '/v1/lanes', payload: 'x'.repeat(5_000) })
    expect(answer.statusCode).toBe(405)
    expect(answer.headers.allow).toBe('GET, HEAD')
    expect(answer.json().detail).toBe(`${method} is not for /v1/lanes: this API is read-only, ask with GET`)
  },
)

test('a parameter that is not of its form is told with what it was, and what it must be', async () => {
  expect((await get('/v1/lanes/1024')).json().detail).toBe('lane is 1024: it must be <= 1023. See /openapi.json')
  expect((await get('/v1/meters/meter-1/readings?before=1')).json().detail).toBe(
    "there is no parameter 'before' here: see /openapi.json",
  )
})

test('while the database is away it says so, and when to ask again', async () => {
  for (const path of ['/v1/lanes', '/v1/lanes/0/blocks/1', '/v1/meters/meter-1', `/v1/proofs/${'0'.repeat(64)}`]) {
    const answer = await get(path)
    expect(answer.json()).toMatchObject({ status: 503, detail: 'PostgreSQL is away or busy' })
    expect(answer.headers).toMatchObject({ 'retry-after': '1', 'cache-control': 'no-store' })
  }
})

test('whoever watches it finds health and metrics', async () => {
  expect((await get('/healthz')).body).toBe('alive\n')
  expect((await get('/readyz')).body).toBe('ready\n')
  readiness = { ready: false, why: 'PostgreSQL is away' }
  expect(await get('/readyz')).toMatchObject({ statusCode: 503, body: 'not ready: PostgreSQL is away\n' })
  readiness = { ready: false }
  expect((await get('/readyz')).body).toBe('not ready: starting\n')
  expect((await get('/metrics')).body).toMatch(
    /meterchain_query_seconds_count\{stage="projector",route="\/v1\/genesis",status="200"\}/,
  )
})
