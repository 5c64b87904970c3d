import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Kafka } from 'kafkajs'
import pg from 'pg'
import pino from 'pino'
import { loadConfig } from '../../infra/config.js'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { createKafka } from '../../infra/kafka/client.js'
import { LogWriter } from '../../infra/kafka/log-writer.js'
import { SchemaIds } from '../../infra/kafka/schema-ids.js'
import { deleteTopics, ensureTopics } from '../../infra/kafka/topics.js'
import { createMetrics } from '../../infra/metrics.js'
import { RegistryFollower } from '../../infra/registry/registry-follower.js'
import { flipBit, TestChain } from '../../infra/testing/chain.js'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { testAuthorityKey, testKeyPair } from '../../infra/testing/registry.js'
import { verifyProofFile } from '../../infra/verify/proof-file.js'
import { fromHex, hex } from '../../schemas/bytes.js'
import { leafHash } from '../../schemas/merkle.js'
import type { EntryProof } from '../../schemas/proof-format.js'
import { decodeChainRecord } from '../../schemas/records.js'
import { type RunningProjector, startProjector } from '../run.js'
import { ReadOnlyDatabase } from './read-only.js'
import { startQuery } from './start.js'

const logger = pino({ level: 'silent' })
const config = loadConfig({
  ...(process.env.METERCHAIN_TEST_BROKERS !== undefined && { METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS }),
  METERCHAIN_TOPIC_PREFIX: `test-query-${randomBytes(4).toString('hex')}.`,
  METERCHAIN_LANES: '2',
  METERCHAIN_PROJECTOR_PORT: '0',
  METERCHAIN_QUERY_PORT: '0',
})
const home = mkdtempSync(join(tmpdir(), 'query-'))
const genesisPath = join(home, 'genesis.bin')
const IDS = ['meter-1', 'meter-2', 'meter-3', 'meter-4']
const chain = new TestChain({ authorities: 4, lanes: 2, meters: 4 })
const failures: Error[] = []
let kafka: Kafka
let database: TestDatabase
let follower: RegistryFollower
let writer: LogWriter
let running: RunningProjector
let admin: pg.Client

/** Changes of authorities and of a key, a reading that comes twice, and garbage. */
function fillChain(): void {
  chain.send(2, IDS)
  chain.finalizeAll()
  chain.submit({
    kind: 'AddAuthority',
    authority: { id: 'authority-5', key: testAuthorityKey('authority-5').publicKey, weight: 2 },
  })
  chain.submit({ kind: 'RotateMeterKey', meter: 'meter-1', fromSequence: 3, key: testKeyPair('new').publicKey })
  chain.finalizeAll()
  Object.assign(chain.meter('meter-1'), { keys: testKeyPair('new') })
  chain.send(2, IDS)
  for (let lane = 0; lane < 2; lane++) {
    const [first] = chain.log.records('readings', lane)
    chain.log.append('readings', lane, first?.value ?? null)
    chain.log.append('readings', lane, Buffer.from('garbage'))
  }
  chain.finalizeAll()
}

beforeAll(async () => {
  fillChain()
  writeFileSync(genesisPath, chain.registry.genesis)
  database = await createTestDatabase()
  admin = new pg.Client({ connectionString: database.adminUrl })
  admin.on('error', () => undefined)
  await admin.connect()
  kafka = createKafka(config, logger)
  await ensureTopics(kafka, config)
  const producer = kafka.producer()
  await producer.connect()
  for (const [topic, partition] of [
    ['registry', 0],
    ['chain', 0],
    ['chain', 1],
  ] as const) {
    const messages = chain.log.records(topic, partition).map(({ value }) => ({ value, partition }))
    await producer.send({ topic: config.topicPrefix + topic, messages })
  }
  await producer.disconnect()
  follower = await RegistryFollower.open({ kafka, config, path: join(home, 'registry'), logger, signatures: sodiumSignatures })
  await follower.start()
  await follower.caughtUp()
  writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  await writer.connect()
  running = await startProjector({
    ...{ config, logger, kafka, registry: follower, signatures: sodiumSignatures, databaseUrl: database.writerUrl },
    ...{ folder: home, writer, ids: new SchemaIds({ Repair: 1 }) },
    onFatal: (error) => void failures.push(error),
  })
  await running.caughtUp()
}, 60_000)
afterAll(async () => {
  await running?.stop()
  await follower.close()
  await writer.disconnect()
  await deleteTopics(kafka, config)
  await admin.end()
  await database.drop()
  rmSync(home, { recursive: true })
}, 60_000)

const fetchPath = (path: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${running.queryPort}${path}`, { headers })
async function get<T>(path: string): Promise<T> {
  const answer = await fetchPath(path)
  expect([path, answer.status]).toEqual([path, 200])
  return (await answer.json()) as T
}
const laneOne = chain.laneOf('meter-1')

describe('lanes and blocks', () => {
  test('the tips are the newest final blocks', async () => {
    const { lanes, chainId } = await get<{ lanes: { hash: string; height: number }[]; chainId: string }>('/v1/lanes')
    expect(chainId).toBe(hex(chain.chainId))
    expect(lanes.map(({ hash, height }) => ({ hash, height }))).toEqual(
      [0, 1].map((lane) => ({ hash: hex(chain.final(lane).hash), height: 3 })),
    )
    expect(await get('/v1/lanes/1')).toEqual(lanes[1])
    expect(lanes[1]).toMatchObject({ lane: 1, lastOffset: Number(chain.final(1).lastOffset), registrySize: 4 })
    expect((await fetchPath('/v1/lanes/2')).status).toBe(404)
  })

  test('a block is the same by its place and by its hash, and not sent again to whoever has it', async () => {
    const block = await get<Record<string, unknown>>('/v1/lanes/0/blocks/3')
    expect(block).toMatchObject({
      ...{ lane: 0, height: 3, hash: hex(chain.final(0).hash), registrySize: 4, attempt: 0 },
      votes: ['authority-1', 'authority-2', 'authority-3', 'authority-4', 'authority-5'],
      sealedAt: new Date(1_770_000_000_003).toISOString(),
    })
    expect(block.notCounted).toContainEqual({ entry: Number(block.count) - 1, code: 1, fault: 'malformed' })
    expect(block.counted).toBe(Number(block.count) - (block.notCounted as unknown[]).length)
    const answer = await fetchPath(`/v1/blocks/${String(block.hash).toUpperCase()}`)
    expect(await answer.json()).toEqual(block)
    expect(answer.headers.get('cache-control')).toBe('no-cache')
    const etag = answer.headers.get('etag') ?? ''
    expect((await fetchPath('/v1/lanes/0/blocks/3', { 'if-none-match': etag })).status).toBe(304)
    expect((await fetchPath('/v1/lanes/0/blocks/4')).status).toBe(404)
    expect((await fetchPath(`/v1/blocks/${'0'.repeat(64)}`)).status).toBe(404)
  })
})

test('the votes that made a block final are given as they were signed', async () => {
  const answer = await fetchPath('/v1/lanes/0/blocks/3/votes')
  const { votes } = (await answer.json()) as { votes: { authority: string; verdictHash: string; record: string }[] }
  expect(votes.map(({ authority }) => authority)).toEqual([
    'authority-1',
    'authority-2',
    'authority-3',
    'authority-4',
    'authority-5',
  ])
  const block = await get<{ verdictHash: string }>('/v1/lanes/0/blocks/3')
  for (const { verdictHash, record } of votes) {
    expect(verdictHash).toBe(block.verdictHash)
    expect(decodeChainRecord(fromHex(record))).toMatchObject({ kind: 'vote', vote: { height: 3n } })
  }
  const again = await fetchPath('/v1/lanes/0/blocks/3/votes', { 'if-none-match': answer.headers.get('etag') ?? '' })
  expect([again.status, await again.text()]).toEqual([304, ''])
  expect((await fetchPath('/v1/lanes/0/blocks/4/votes')).status).toBe(404)
})

test('from a row’s lane, height and entry one comes to its leaf hash, and from there to its proof', async () => {
  const [row] = (
    await get<{ items: { lane: number; height: number; entry: number; sequence: number }[] }>(
      '/v1/meters/meter-1/intervals?limit=1',
    )
  ).items
  const place = `/v1/lanes/${row?.lane}/blocks/${row?.height}/entries`
  const answer = await fetchPath(`${place}/${row?.entry}`)
  expect(answer.headers.get('cache-control')).toBe('private, max-age=31536000, immutable')
  const entry = (await answer.json()) as { leafHash: string }
  expect(entry).toEqual(await get(`/v1/readings/${entry.leafHash}`))
  expect(entry).toMatchObject({ fault: null, content: { meter: 'meter-1', sequence: row?.sequence } })
  expect(await get(`/v1/proofs/${entry.leafHash}`)).toMatchObject({ entry: { index: row?.entry } })
  const missing = await fetchPath(`${place}/9999`)
  expect([missing.status, await missing.json()]).toEqual([
    404,
    expect.objectContaining({ detail: expect.stringMatching(/has \d+ entries, from 0: not 9999/) }),
  ])
  expect((await fetchPath(`/v1/lanes/${row?.lane}/blocks/99/entries/0`)).status).toBe(404)
})

test('health says how far the tables are', async () => {
  const { ready, why, lanes, checkpoint } = await get<Record<string, unknown>>('/v1/health')
  expect({ ready, why, checkpoint }).toEqual({ ready: true, why: null, checkpoint: null })
  expect(lanes).toEqual([0, 1].map((lane) => ({ lane, height: 3, finalAt: expect.stringMatching(/Z$/) })))
})

interface Page {
  readings: { sequence: number; leafHash: string; lane: number; height: number; entry: number }[]
  next: number | null
}

describe('meters', () => {
  test('a meter is told as the registry knows it, with its newest reading', async () => {
    const meter = await get<Record<string, unknown>>('/v1/meters/meter-1')
    expect(meter).toMatchObject({
      ...{ meter: 'meter-1', number: 1, lane: laneOne, signer: 'device', retiredFrom: null },
      keys: [
        { key: hex(testKeyPair('meter-1').publicKey), fromSequence: 0, since: 2 },
        { key: hex(testKeyPair('new').publicKey), fromSequence: 3, since: 4 },
      ],
      usagePoints: [{ id: 'point-of-meter-1', zone: 'Europe/London', validFrom: '1970-01-01T00:00:00.000Z' }],
      newest: { sequence: 4, lane: laneOne, height: 3, revises: null, leafHash: hex(chain.meter('meter-1').previous) },
    })
  })

  test('its readings come page by page, each once', async () => {
    const all = await get<Page>('/v1/meters/meter-1/readings')
    expect(all.readings.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4])
    expect(all.next).toBeNull()
    const paged: Page['readings'] = []
    let after: number | null = 0
    while (after !== null) {
      const page: Page = await get<Page>(`/v1/meters/meter-1/readings?after=${after}&limit=3`)
      paged.push(...page.readings)
      after = page.next
    }
    expect(paged).toEqual(all.readings)
    expect((await get<Page>('/v1/meters/meter-1/readings?after=4')).readings).toEqual([])
  })
})

describe('readings', () => {
  test('a reading is told from its own bytes, for ever', async () => {
    const { readings } = await get<Page>('/v1/meters/meter-1/readings')
    const [first] = readings
    const answer = await fetchPath(`/v1/readings/${first?.leafHash}`)
    expect(answer.headers.get('cache-control')).toMatch(/immutable/)
    const start = new Date((1_700_000_000 + 3_600) * 1000)
    expect(await answer.json()).toEqual({
      ...{ leafHash: first?.leafHash, lane: laneOne, height: 1, entry: first?.entry, fault: null },
      blockHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      content: {
        ...{ meter: 'meter-1', sequence: 1, previous: '0'.repeat(64), revises: null, registers: [] },
        sentAt: new Date(start.getTime() + 3_600_000).toISOString(),
        profiles: [
          {
            ...{ obis: '1-0:1.8.0*255', unit: 30, scaler: 0, start: start.toISOString(), step: 900 },
            ...{ values: [121, 96, 301, 211], quality: [] },
          },
        ],
      },
    })
  })

  test('what does not count is told with its fault, and what was never there is not', async () => {
    const garbage = await fetchPath(`/v1/readings/${hex(leafHash(Buffer.from('garbage')))}`)
    expect(garbage.headers.get('cache-control')).toBe('no-cache')
    expect(await garbage.json()).toMatchObject({ fault: 'malformed', content: null })
    expect((await fetchPath(`/v1/readings/${'0'.repeat(64)}`)).status).toBe(404)
  })
})

describe('proofs', () => {
  async function verify(proof: unknown) {
    const path = join(home, 'proof.json')
    writeFileSync(path, JSON.stringify(proof))
    return verifyProofFile(path, genesisPath)
  }

  test('every reading’s proof holds offline with nothing but the genesis, and no longer when a bit of it changes', async () => {
    for (const id of IDS) {
      const { readings } = await get<Page>(`/v1/meters/${id}/readings`)
      for (const { leafHash: leaf, sequence, height } of readings) {
        const proof = await get<EntryProof>(`/v1/proofs/${leaf}`)
        const checked = await verify(proof)
        expect(checked).toMatchObject({ ok: true, lines: expect.arrayContaining([`meter      ${id}, sequence ${sequence}`]) })
        expect(proof.governance).toHaveLength(height === 3 ? 1 : 0)
        const bit = sequence * 97
        const entry = { ...proof.entry, bytes: hex(flipBit(fromHex(proof.entry.bytes), bit)) }
        expect(await verify({ ...proof, entry })).toMatchObject({ ok: false })
        const block = { ...proof.block, header: hex(flipBit(fromHex(proof.block.header), bit)) }
        expect(await verify({ ...proof, block })).toMatchObject({ ok: false })
      }
    }
  })

  test('bytes that stand in several blocks are proved where they count, and a checkpoint may cover them one day', async () => {
    const { readings } = await get<Page>('/v1/meters/meter-1/readings?limit=1')
    const answer = await fetchPath(`/v1/proofs/${readings[0]?.leafHash}`)
    expect(answer.headers.get('cache-control')).toBe('no-cache')
    const checked = await verify(await answer.json())
    expect(checked).toMatchObject({ ok: true, lines: expect.arrayContaining([expect.stringMatching(/height 1, /)]) })
  })

  test('a meter’s keys are proved by a newest block, without a checkpoint where there is none', async () => {
    const proof = await get<{ checkpoint?: unknown }>('/v1/meters/meter-1/proof')
    expect(proof.checkpoint).toBeUndefined()
    const key = hex(testKeyPair('new').publicKey)
    const checked = await verify(proof)
    expect(checked).toMatchObject({
      ok: true,
      lines: expect.arrayContaining([`key        ${key} from sequence 3 on, registered by event 3`]),
    })
    expect((await fetchPath('/checkpoint')).status).toBe(404)
  })

  test('an entry that does not count is proved not to, and may count one day', async () => {
    const answer = await fetchPath(`/v1/proofs/${hex(leafHash(Buffer.from('garbage')))}`)
    expect(answer.headers.get('cache-control')).toBe('no-cache')
    const checked = await verify(await answer.json())
    expect(checked).toMatchObject({
      ok: true,
      lines: expect.arrayContaining([expect.stringMatching(/it does not count: malformed \(code 1\)$/)]),
    })
    const again = await fetchPath(answer.url.replace(/^.*?(?=\/v1)/, ''), { 'if-none-match': answer.headers.get('etag') ?? '' })
    expect(again.status).toBe(304)
  })

  test('what no final block holds has none', async () => {
    const answer = await fetchPath(`/v1/proofs/${'0'.repeat(64)}`)
    expect(answer.status).toBe(404)
    expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
  })

  test('a database that somebody changed proves nothing, and says so', async () => {
    const { readings } = await get<Page>('/v1/meters/meter-1/readings')
    const [, , third, fourth] = readings
    if (third === undefined || fourth === undefined) throw new Error('no readings')
    const where = `lane = ${laneOne} AND height = 3`
    const tamper = async (statement: string, expected: RegExp) => {
      await admin.query(statement)
      const answer = await fetchPath(`/v1/proofs/${third.leafHash}`)
      expect(answer.status).toBe(500)
      expect(await answer.json()).toMatchObject({ detail: expect.stringMatching(expected) })
    }
    await tamper(`UPDATE store.readings SET entry = ${fourth.entry} WHERE ${where} AND entry = ${third.entry}`, /another entry/)
    expect((await fetchPath(`/v1/readings/${third.leafHash}`)).status).toBe(500)
    await tamper(`UPDATE store.readings SET entry = 999 WHERE ${where} AND sequence = 3`, /has no entry 999/)
    await admin.query(`UPDATE store.readings SET entry = ${third.entry} WHERE ${where} AND entry = 999`)
    await tamper(`UPDATE ledger.blocks SET verdict_hash = hash WHERE lane = ${laneOne} AND height = 2`, /bad-verdict/)
    await tamper(`DELETE FROM ledger.votes WHERE ${where}`, /votes that are held weigh 0 of 6/)
    await tamper(`DELETE FROM ledger.blocks WHERE ${where}`, /is missing/)
    expect(failures).toEqual([])
  })
})

test('a query that fails for another reason is told in the log, not to the client', async () => {
  await admin.query('ALTER TABLE store.rejections RENAME TO elsewhere')
  const answer = await fetchPath(`/v1/proofs/${'0'.repeat(64)}`)
  await admin.query('ALTER TABLE store.elsewhere RENAME TO rejections')
  expect(await answer.json()).toMatchObject({ status: 500, detail: 'the query failed; the projector’s log says why' })
})

describe('the connection', () => {
  const open = (waitMillis = 2_000, statementMillis = 200) =>
    new ReadOnlyDatabase({
      url: database.writerUrl,
      logger,
      connections: 1,
      statementMillis,
      waitMillis,
      streams: 1,
      streamStatementMillis: 200,
    })

  test('cannot write, though its role can', async () => {
    const readOnly = open()
    await expect(readOnly.rows('DELETE FROM ledger.votes')).rejects.toThrow('read-only transaction')
    await readOnly.close()
  })

  test('gives up a statement that takes too long, and a request that waits too long', async () => {
    const readOnly = open(500, 1_500)
    const late = expect(readOnly.rows('SELECT pg_sleep(10)')).rejects.toThrow('the query took too long')
    await expect(readOnly.rows('SELECT 1')).rejects.toThrow('PostgreSQL is away or busy')
    await late
    await readOnly.close()
  })

  test('finds a leaf and a meter’s sequence by an index', async () => {
    await admin.query('SET enable_seqscan = off')
    const planOf = async (query: string) =>
      (await admin.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${query}`)).rows.map((row) => row['QUERY PLAN']).join('\n')
    expect(await planOf(`SELECT lane FROM store.readings WHERE leaf = '\\x00' LIMIT 1`)).toContain('readings_leaf')
    expect(await planOf(`SELECT lane FROM store.rejections WHERE leaf = '\\x00' LIMIT 1`)).toContain('rejections_leaf')
    const page = await planOf('SELECT lane FROM store.readings WHERE meter = 1 AND sequence > 5 ORDER BY sequence LIMIT 10')
    expect(page).toContain('readings_meter')
    expect(page).not.toContain('Sort')
  })
})

test('a port that is taken is said', async () => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as AddressInfo
  const isReady = () => ({ ready: true })
  const deps = { logger, registry: follower.state, signatures: sodiumSignatures, metrics: createMetrics('projector'), isReady }
  const started = startQuery({ ...deps, config: { ...config, queryPort: port }, databaseUrl: database.writerUrl })
  await expect(started).rejects.toThrow(`port ${port} on 127.0.0.1 is in use: choose another with METERCHAIN_QUERY_PORT`)
  await new Promise((resolve) => taken.close(resolve))
  const elsewhere = startQuery({
    ...deps,
    config: { ...config, host: '203.0.113.1' },
    databaseUrl: database.writerUrl,
    metrics: createMetrics('x'),
  })
  await expect(elsewhere).rejects.toThrow('EADDRNOTAVAIL')
})
