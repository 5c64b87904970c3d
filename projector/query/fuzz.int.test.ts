import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { addressOf, givenTo, openQueried, type Queried } from '../../infra/testing/queried.js'
import { withClient } from '../migrate.js'
import { newApiKey, SCOPES } from './access/api-key.js'
import { addKey } from './access/key-folder.js'
import { KeyRing } from './access/key-ring.js'
import { LISTS } from './lists/all.js'
import type { List } from './lists/list.js'

/** Where it is, `make fuzz` says; it is a Python program, and not everybody has Python. */
const schemathesis = process.env.METERCHAIN_TEST_SCHEMATHESIS
const SECONDS = Number(process.env.METERCHAIN_TEST_FUZZ_SECONDS ?? '60')
/** Beyond its own: what it began is finished. */
const GRACE_MILLIS = 60_000

const name = 'whatever Schemathesis asks, answers are as the OpenAPI document says, and none is a failure'
if (schemathesis === undefined) test.skip(`${name} (make fuzz)`, () => undefined)
else fuzz(schemathesis)

function fuzz(program: string): void {
  let queried: Queried
  let folder: string
  let secret: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'fuzz-'))
    const made = newApiKey({ name: 'fuzz', scopes: SCOPES }, new Date())
    secret = made.secret
    await addKey(folder, made.key)
    const logger = pino({ level: 'error' }, pino.destination({ fd: 2, sync: true }))
    queried = await openQueried({ access: { keys: new KeyRing(folder, logger), ratePerSecond: 0 }, logger })
  }, 60_000)
  afterAll(async () => {
    await queried.close()
    rmSync(folder, { recursive: true })
  })

  test(
    name,
    async () => {
      const { code, output } = await run(resolve(program), folder, [
        ...['--config-file', await writeConfig(queried, secret, folder), 'run', `${queried.url}/openapi.json`],
        ...['--header', `Authorization: Bearer ${secret}`, '--max-time', String(SECONDS), '--no-color'],
        ...(process.env.METERCHAIN_TEST_SEED === undefined ? [] : ['--seed', process.env.METERCHAIN_TEST_SEED]),
      ])
      process.stderr.write(`${output}\n`)
      expect(code).toBe(0)
      const reached = await routesBehind(queried.url)
      const missed = LISTS.map(({ path }) => path).filter((path) => !reached.has(path))
      process.stderr.write(
        `${reached.size} routes gave what was asked for; lists that gave nothing: ${missed.join(', ') || 'none'}\n`,
      )
      // else it only ever saw refusals; how many it comes to in so many seconds is a matter of the machine
      expect(missed.length).toBeLessThan(LISTS.length)
    },
    SECONDS * 1_000 + GRACE_MILLIS,
  )
}

/** What is there, so that not all that it asks for is missing; and which answers are right, beside those that it takes for right. */
async function writeConfig({ testDatabase, url }: Queried, secret: string, folder: string): Promise<string> {
  const leaves = await withClient(testDatabase.adminUrl, async (admin) => {
    const { rows } = await admin.query<{ leaf: string; hash: string }>(
      `SELECT encode(leaf, 'hex') AS leaf, encode(hash, 'hex') AS hash FROM store.readings JOIN ledger.blocks USING (lane, height)`,
    )
    return rows.flatMap(({ leaf, hash }) => [leaf, hash])
  })
  const known = {
    id: ['meter-1', 'meter-2', 'meter-3', 'point-2', 'point/1 ü'],
    lane: [0],
    ...{ height: [1, 2, 3, 4, 5], entry: [0, 1], size: [10, 20], newer: [20, 30], month: ['2026-01', '2026-02'] },
    ...{ leafHash: leaves, hash: leaves },
  }
  const lines = [
    'workers = 2',
    'continue-on-failure = true',
    // 422: not of this list, or not in this order; 503: PostgreSQL is busy, and the answer says when to ask again
    '[checks]',
    'positive_data_acceptance.expected-statuses = ["2xx", "404", "422", "503"]',
    'not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503"]',
    ...Object.entries(known).flatMap(([name, values]) => [`[dictionaries.${name}]`, `values = ${JSON.stringify(values)}`]),
    '[parameters]',
    ...Object.keys(known).map((name) => `${name} = { dictionary = "${name}", probability = 0.5 }`),
  ]
  for (const [at, list] of LISTS.entries()) {
    const id = list.of?.id === undefined ? {} : { id: list.path.startsWith('/v1/meters') ? 'meter-3' : 'point-2' }
    const own: Record<string, string> = { ...givenTo(list), ...id, cursor: await cursorOf(url, list, secret) }
    const names = Object.keys(own).map((name) => [name, `own-${at}-${name}`] as const)
    const bound = names.map(([name, dictionary]) => `${name} = { dictionary = "${dictionary}", probability = 0.8 }`)
    lines.push('[[operations]]', `include-operation-id = "${list.operationId}"`, `parameters = { ${bound.join(', ')} }`)
    lines.push(
      ...Object.values(own).flatMap((value, i) => [`[dictionaries.${names[i]?.[1]}]`, `values = ${JSON.stringify([value])}`]),
    )
  }
  const path = join(folder, 'schemathesis.toml')
  writeFileSync(path, `${lines.join('\n')}\n`)
  return path
}

/** Routes that answered 200 more than the once that a cursor was asked for here, as the server counts them. */
async function routesBehind(url: string): Promise<Set<string>> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const counted = metrics.matchAll(/^meterchain_query_seconds_count\{.*route="(\/v1\/[^"]+)",status="200"\} (\d+)$/gm)
  return new Set([...counted].flatMap(([, route = '', count]) => (Number(count) > 1 ? [route] : [])))
}

/** A cursor that the list gave. */
async function cursorOf(url: string, list: List, secret: string): Promise<string> {
  const address = addressOf(list)
  const answer = await fetch(`${url}${address}${address.includes('?') ? '&' : '?'}limit=1`, {
    headers: { authorization: `Bearer ${secret}` },
  })
  return ((await answer.json()) as { next: string }).next
}

function run(program: string, cwd: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((settle, reject) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk) => {
        output += chunk
      })
    child.once('error', reject)
    child.once('close', (code) => settle({ code, output }))
  })
}
