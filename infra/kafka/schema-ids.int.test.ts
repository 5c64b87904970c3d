import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeEach, expect, test } from '@jest/globals'
import { COMPATIBILITY, SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry'
import pino from 'pino'
import { AVRO_SCHEMAS, type RecordName, VERSION } from '../../schemas/avsc.js'
import { TransientError } from '../../schemas/errors.js'
import { joinEntries } from '../../schemas/records.js'
import { loadConfig } from '../config.js'
import { TestChain } from '../testing/chain.js'
import { registerSchemas, SchemaIds, subjectOf } from './schema-ids.js'

const logger = pino({ level: 'silent' })
const { registryUrl } = loadConfig({ METERCHAIN_REGISTRY_URL: process.env.METERCHAIN_TEST_REGISTRY_URL ?? '' })
const folder = mkdtempSync(join(tmpdir(), 'schema-ids-'))
let home: string
let count = 0
beforeEach(() => {
  home = join(folder, String(count++))
})
afterAll(() => rmSync(folder, { recursive: true }))

const NAMES = Object.keys(AVRO_SCHEMAS) as RecordName[]
const idsOf = (ids: SchemaIds) => NAMES.map((name) => ids.frame(name, Buffer.alloc(0)).readUInt32BE(1))
const away = { registryUrl: 'http://127.0.0.1:9/apis/ccompat/v7' }

/** A registry server that answers everything with these. */
async function server(answer: (path: string) => { status: number; body: object }) {
  const listening = createServer((request, response) => {
    const { status, body } = answer(request.url ?? '')
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(listening.address() as AddressInfo).port}`
  return { url, close: () => new Promise((resolve) => listening.close(resolve)) }
}

test('every record is registered by its name, for readers of old and new', async () => {
  const ids = await registerSchemas({ registryUrl, home }, logger)
  expect(new Set(idsOf(ids)).size).toBe(NAMES.length)
  for (const name of NAMES) {
    const config = await (await fetch(`${registryUrl}/config/${subjectOf(name)}`)).json()
    expect(config).toEqual({ compatibilityLevel: 'FULL_TRANSITIVE' })
  }
  expect(idsOf(await registerSchemas({ registryUrl, home }, logger))).toEqual(idsOf(ids))
}, 60_000)

test('a server that holds the schema of before, with fewer kinds of repair, takes the present one too', async () => {
  const before = JSON.stringify(AVRO_SCHEMAS.Repair).replace(',"wait","skip"', '')
  const registry = new SchemaRegistry({ host: registryUrl })
  const subject = 'meterchain.Repair'
  const { id } = await registry.register(
    { type: SchemaType.AVRO, schema: before },
    { subject, compatibility: COMPATIBILITY.FULL_TRANSITIVE },
  )
  const ids = await registerSchemas({ registryUrl, home }, logger)
  expect(ids.frame('Repair', Buffer.alloc(0)).readUInt32BE(1)).not.toBe(id)
}, 60_000)

test('a generic tool reads a record through the registry', async () => {
  const ids = await registerSchemas({ registryUrl, home }, logger)
  const chain = new TestChain({ lanes: 1, meters: 1 })
  const entries = [chain.meter('meter-1').next(), chain.meter('meter-1').next()]
  const registry = new SchemaRegistry({ host: registryUrl })
  const readings = await registry.decode(ids.frame('Readings', joinEntries(entries)))
  expect(readings.readings.map(({ reading }: { reading: object }) => reading)).toMatchObject([
    { version: VERSION.reading, meter: 'meter-1', sequence: 1, profiles: [{ unit: 30, step: 900 }] },
    { meter: 'meter-1', sequence: 2 },
  ])
  chain.append(0, entries)
  const sealed = chain.finalize(0)
  const [block, vote] = chain.log.records('chain', 0).map(({ value }) => value ?? Buffer.alloc(0))
  const read = await registry.decode(ids.frame('Block', block?.subarray(5) ?? Buffer.alloc(0)))
  expect(read).toMatchObject({ header: { lane: 0, height: 1, count: 2, proposer: 'authority-1' } })
  expect(read.entries.map((entry: Uint8Array) => Buffer.from(entry))).toEqual(entries)
  const said = await registry.decode(ids.frame('SignedVote', vote?.subarray(5) ?? Buffer.alloc(0)))
  expect(Buffer.from(said.vote.block)).toEqual(sealed.hash)
}, 60_000)

test('several that register at once, in one home, all get the ids', async () => {
  const all = await Promise.all(Array.from({ length: 4 }, () => registerSchemas({ registryUrl, home }, logger)))
  for (const ids of all) expect(idsOf(ids)).toEqual(idsOf(all[0] ?? ids))
  expect(Object.keys(JSON.parse(readFileSync(join(home, 'state', 'schema-ids.json'), 'utf8')).ids)).toEqual(NAMES)
}, 60_000)

test('a server that says of a schema that somebody else has just registered it is asked again', async () => {
  let refusals = NAMES.length
  const proxy = await server((path) => {
    if (path.startsWith('/config')) return { status: 200, body: { compatibilityLevel: 'FULL_TRANSITIVE' } }
    if (refusals % 2 === 1 && refusals-- > 0) return { status: 409, body: { error_code: 409, message: 'it already exists.' } }
    if (refusals > 0) refusals--
    return { status: 200, body: { id: 7 } }
  })
  expect(new Set(idsOf(await registerSchemas({ registryUrl: proxy.url, home }, logger)))).toEqual(new Set([7]))
  await proxy.close()
  const stubborn = await server(() => ({ status: 409, body: { error_code: 409, message: 'it already exists.' } }))
  await expect(registerSchemas({ registryUrl: stubborn.url, home: `${home}-2` }, logger)).rejects.toThrow('already exists')
  await stubborn.close()
}, 60_000)

test('with the server away the ids of the last time are used', async () => {
  let isAway = false
  const proxy = await server((path) => {
    if (isAway) return { status: 503, body: { error_code: 50301, message: 'away' } }
    if (path.startsWith('/config')) return { status: 200, body: { compatibilityLevel: 'FULL_TRANSITIVE' } }
    return { status: 200, body: { id: 7 } }
  })
  const ids = await registerSchemas({ registryUrl: proxy.url, home }, logger)
  isAway = true
  expect(idsOf(await registerSchemas({ registryUrl: proxy.url, home }, logger))).toEqual(idsOf(ids))
  await expect(registerSchemas({ ...away, home }, logger)).rejects.toThrow(TransientError)
  await proxy.close()
}, 60_000)

test('with the server away and nothing of use kept, it says so', async () => {
  const rejected = expect(registerSchemas({ ...away, home }, logger)).rejects
  await rejected.toThrow(`the schema registry at ${away.registryUrl} does not register our schemas`)
  const real = await registerSchemas({ registryUrl, home }, logger)
  expect(idsOf(real)).toHaveLength(NAMES.length)
  writeFileSync(join(home, 'state', 'schema-ids.json'), '{"fingerprint":')
  await expect(registerSchemas({ ...away, home }, logger)).rejects.toThrow(TransientError)
}, 60_000)

test('a record without an id is not framed', () => {
  expect(() => new SchemaIds({}).frame('Block', Buffer.alloc(1))).toThrow(RangeError)
  expect(new SchemaIds({ Block: 258 }).frame('Block', Buffer.from([9]))).toEqual(Buffer.from([0, 0, 0, 1, 2, 9]))
})
