import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { loadConfig } from '../../../infra/config.js'
import { openQueried, type Queried } from '../../../infra/testing/queried.js'
import { until } from '../../../infra/testing/until.js'
import { newApiKey, SCOPES, type Scope } from './api-key.js'
import { addKey, revokeKey } from './key-folder.js'
import { KeyRing } from './key-ring.js'
import { apiKeyFolder, areApiKeysRequired } from './settings.js'

const RATE = 20
let home: string
let folder: string
let queried: Queried
let logged = ''

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'access-'))
  folder = join(home, 'api-keys')
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      logged += chunk
      done()
    },
  })
  const logger = pino({ level: 'trace' }, sink)
  queried = await openQueried({ access: { keys: new KeyRing(folder, logger), ratePerSecond: RATE }, logger })
}, 60_000)
afterAll(async () => {
  await queried.close()
  rmSync(home, { recursive: true })
})
// a second's requests are over
beforeEach(() => new Promise((resolve) => setTimeout(resolve, 1_050)))

const ask = (path: string, secret?: string) =>
  fetch(queried.url + path, secret === undefined ? {} : { headers: { authorization: `Bearer ${secret}` } })

async function made(scopes: readonly Scope[], expiresAt?: Date) {
  const { key, secret } = newApiKey({ name: 'a test', scopes, expiresAt }, new Date())
  await addKey(folder, key)
  return { key, secret }
}

async function refused(path: string, secret?: string) {
  const answer = await ask(path, secret)
  const { status, detail } = (await answer.json()) as { status: number; detail: string }
  return { status, detail, challenge: answer.headers.get('www-authenticate') }
}

test('without a key everything is refused but what witnesses and verifiers need', async () => {
  for (const path of ['/v1/lanes', '/v1/meters', '/v1/bills?month=2026-01', '/v1/repairs', `/v1/proofs/${'0'.repeat(64)}`])
    expect(await refused(path)).toMatchObject({ status: 401, challenge: expect.stringMatching(/^Bearer realm="meterchain"/) })
  expect((await refused('/v1/meters')).detail).toBe(
    'this needs a key for readings: send Authorization: Bearer KEY; whoever runs this API makes keys (meterchain keys api add)',
  )
  for (const path of ['/v1/genesis', '/openapi.json', '/healthz', '/readyz', '/metrics'])
    expect((await ask(path)).status).toBe(200)
  // open, though there is none
  for (const path of ['/checkpoint', '/v1/checkpoints/latest']) expect((await ask(path)).status).toBe(404)
})

test('the document says which routes need a key, and for what', async () => {
  const { paths, components } = (await (await ask('/openapi.json')).json()) as {
    paths: Record<string, { get: { security?: unknown; responses: object } }>
    components: { securitySchemes: { key: object } }
  }
  expect(components.securitySchemes.key).toMatchObject({ type: 'http', scheme: 'bearer' })
  expect(paths['/v1/bills']?.get).toMatchObject({ security: [{ key: ['bills'] }], responses: { 401: {}, 403: {}, 429: {} } })
  expect(paths['/v1/genesis']?.get.security).toBeUndefined()
})

test('a key opens what it is for, and nothing else', async () => {
  const { key, secret } = await made(['readings'])
  expect((await ask('/v1/meters', secret)).status).toBe(200)
  expect(await refused('/v1/bills?month=2026-01', secret)).toEqual({
    status: 403,
    detail: `${key.id} is for readings, and this asks for bills (bills, their lines, tariffs): ask for another key`,
    challenge: 'Bearer realm="meterchain", scope="bills", error="insufficient_scope"',
  })
})

test('a key that was revoked is refused within a second or so; so is one whose time is over', async () => {
  const { key, secret } = await made(SCOPES)
  expect((await ask('/v1/lanes', secret)).status).toBe(200)
  expect((await revokeKey(folder, key.id, new Date()))?.revokedAt).not.toBeNull()
  await until('it is refused', 3_000, async () => (await ask('/v1/lanes', secret)).status === 401)
  expect((await refused('/v1/lanes', secret)).detail).toBe(`${key.id} is revoked: ask for a new key`)
  const old = await made(SCOPES, new Date(Date.now() - 1_000))
  await until(
    'it is known',
    3_000,
    async () => (await refused('/v1/lanes', old.secret)).detail === `${old.key.id} is expired: ask for a new key`,
  )
})

test('what is no key is refused, and counts for the rate of its address', async () => {
  expect((await refused('/v1/lanes', 'meterchain_guess')).detail).toMatch(/^Authorization holds no key that is known here: /)
  const answers = await Promise.all(Array.from({ length: RATE + 10 }, (_, i) => ask('/v1/lanes', `guess-${i}`)))
  const statuses = answers.map(({ status }) => status)
  expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(RATE)
  expect(statuses).toContain(429)
})

test('whoever asks too often is told when to ask again; a key has a rate of its own', async () => {
  const { secret } = await made(SCOPES)
  await until('the key is known', 3_000, async () => (await ask('/v1/lanes', secret)).status === 200)
  await new Promise((resolve) => setTimeout(resolve, 1_050))
  const answers = await Promise.all(Array.from({ length: RATE + 5 }, () => ask('/v1/lanes', secret)))
  const limited = answers.find(({ status }) => status === 429)
  expect(limited?.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(await limited?.json()).toMatchObject({
    status: 429,
    detail: `more than ${RATE} requests in a second: ask again when Retry-After says`,
  })
  expect((await ask('/v1/lanes')).status).toBe(401)
  expect((await ask('/readyz')).status).toBe(200)
})

test('a key is kept as a hash alone, and stands in no log', async () => {
  const { key, secret } = await made(SCOPES)
  writeFileSync(join(folder, 'key-damaged.json'), '{}')
  await until('the damaged file is told', 3_000, async () => {
    await ask('/v1/lanes', secret)
    return logged.includes('a file among the API keys is none')
  })
  await queried.testDatabase.drop()
  expect((await ask('/v1/lanes', secret)).status).toBeGreaterThanOrEqual(500)
  const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
  expect(files.some((text) => text.includes(key.sha256))).toBe(true)
  expect(logged).not.toBe('')
  for (const text of [...files, logged]) expect(text).not.toContain(secret.slice(11))
})

test('auto asks for keys where others than this machine can come', () => {
  const isRequired = (host: string, keys = 'auto') =>
    areApiKeysRequired(loadConfig({ METERCHAIN_HOST: host, METERCHAIN_API_KEYS: keys }))
  for (const host of ['127.0.0.1', '127.1.2.3', 'localhost', '::1']) expect([host, isRequired(host)]).toEqual([host, false])
  for (const host of ['0.0.0.0', '::', '10.0.0.1', 'meters.example', '127.example'])
    expect([host, isRequired(host)]).toEqual([host, true])
  expect([isRequired('127.0.0.1', 'required'), isRequired('0.0.0.0', 'open')]).toEqual([true, false])
  expect(apiKeyFolder(loadConfig({ METERCHAIN_HOME: 'h' }))).toBe('h/api-keys')
  expect(apiKeyFolder(loadConfig({ METERCHAIN_API_KEY_FOLDER: '/mnt/keys' }))).toBe('/mnt/keys')
})
