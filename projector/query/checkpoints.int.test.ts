/** Checkpoints from validators that run, to whoever asks the query API, and offline from there. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import { sign, sodiumSignatures } from '../../infra/crypto/sodium.js'
import type { Running, Runtime } from '../../infra/stage-runtime.js'
import { Authorities } from '../../infra/testing/authorities.js'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { testKeyPair } from '../../infra/testing/registry.js'
import { until } from '../../infra/testing/until.js'
import { verifyProofFile } from '../../infra/verify/proof-file.js'
import { hex } from '../../schemas/bytes.js'
import { checkpointMessage, NOTE_KIND, type Note, parseNote, verifierKey } from '../../schemas/checkpoint/note.js'
import { signersOf } from '../../schemas/checkpoint/signed-head.js'
import { isQuorum } from '../../schemas/consensus/turns.js'
import { leafHash } from '../../schemas/merkle.js'
import { laneOf } from '../../schemas/murmur2.js'
import type { EntryProof } from '../../schemas/proof-format.js'
import { encodeCosignature } from '../../schemas/records.js'
import { kafkaSource } from '../audit/kafka-source.js'
import { audit } from '../audit.js'
import { type RunningProjector, startProjector } from '../run.js'

const MINUTE = 60_000
const IDS = ['meter-1', 'meter-2', 'meter-3', 'meter-4']
const witness = testKeyPair('witness')
let all: Authorities
let database: TestDatabase
let admin: pg.Client
let runtime: Runtime & Running
let running: RunningProjector
let genesisPath: string
const leaves = new Map<string, string>()
const failures: Error[] = []

beforeAll(async () => {
  all = await Authorities.open(
    { lanes: 2, authorities: 4, meters: 4 },
    {
      ...{ METERCHAIN_WIGGLE_MILLIS: '200', METERCHAIN_CHECKPOINT_MILLIS: '300' },
      ...{ METERCHAIN_PROJECTOR_PORT: '0', METERCHAIN_QUERY_PORT: '0', METERCHAIN_AUDIT_ROWS_PER_SECOND: '0' },
      METERCHAIN_WITNESSES: verifierKey('witness.example', NOTE_KIND.cosignature, witness.publicKey),
    },
  )
  genesisPath = join(all.home, 'genesis.bin')
  writeFileSync(genesisPath, all.ledger.genesis)
  database = await createTestDatabase()
  admin = new pg.Client({ connectionString: database.adminUrl })
  admin.on('error', () => undefined)
  await admin.connect()
  runtime = await all.open('projector')
  await start()
  await all.start('chainer', 1)
  await Promise.all([1, 2, 3, 4].map((authority) => all.start('validator', authority)))
  await load()
}, MINUTE)
afterAll(async () => {
  await running.stop()
  await runtime.stop()
  await admin.end()
  await database.drop()
  await all.close()
}, MINUTE)

const start = async () => {
  const onFatal = (error: Error) => void failures.push(error)
  running = await startProjector({ ...runtime, onFatal, config: all.config, databaseUrl: database.writerUrl })
}

const meters = new Map<string, ReturnType<Authorities['meter']>>()
/** One reading of each meter. */
async function load(): Promise<void> {
  const entries = IDS.map((id) => {
    const meter = meters.get(id) ?? all.meter(id)
    meters.set(id, meter)
    const entry = meter.next()
    leaves.set(id, hex(leafHash(entry)))
    return { lane: laneOf(id, 2), entry }
  })
  for (const lane of [0, 1]) {
    const mine = entries.filter((each) => each.lane === lane).map(({ entry }) => entry)
    await all.send(lane, mine)
  }
}

const fetchPath = (path: string, headers: Record<string, string> = {}) =>
  fetch(`http://127.0.0.1:${running.queryPort}${path}`, { headers })
async function get<T>(path: string): Promise<T> {
  const answer = await fetchPath(path)
  expect([path, answer.status]).toEqual([path, 200])
  return (await answer.json()) as T
}
async function verify(proof: unknown) {
  const path = join(all.home, 'proof.json')
  writeFileSync(path, JSON.stringify(proof))
  return verifyProofFile(path, genesisPath)
}
async function noteAt(path: string): Promise<Note> {
  const answer = await fetchPath(path)
  const note = parseNote(await answer.text())
  if (note === undefined) throw new Error(`no note at ${path}`)
  return note
}
const leafOf = (id: string): string => leaves.get(id) ?? ''
/** A proof with a checkpoint of each meter's newest reading. */
const covered = (id: string): Promise<EntryProof> =>
  until(
    `a checkpoint over ${id}`,
    MINUTE,
    async () => {
      const answer = await fetchPath(`/v1/proofs/${leafOf(id)}`)
      const proof = answer.status === 200 ? ((await answer.json()) as EntryProof) : undefined
      return proof?.checkpoint !== undefined && proof
    },
    () => [all.fatal, failures],
  )

describe('checkpoints', () => {
  test('the newest is served as a note that more than 2/3 of the weight signed, at two stable places', async () => {
    for (const id of IDS) await covered(id)
    const note = await noteAt('/checkpoint')
    const { state } = all.ledger
    const { weight, lines } = signersOf(note, state.governanceAt(state.size), sodiumSignatures)
    expect(isQuorum(weight.signed, weight.total)).toBe(true)
    expect(lines).not.toContain(undefined)
    expect(note.head.size).toBeGreaterThanOrEqual(2)
    const answer = await fetchPath('/v1/checkpoints/latest')
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(answer.headers.get('cache-control')).toBe('no-cache')
    expect(parseNote(await answer.text())?.origin).toBe(note.origin)
    const { rows } = await admin.query('SELECT is_signed FROM analytics.checkpoints WHERE size = $1', [note.head.size])
    expect(rows).toEqual([{ is_signed: true }])
  }, 90_000)

  test('one whose lines are all there is for ever: those of each authority, and of the witness that is trusted', async () => {
    const { head } = await noteAt('/checkpoint')
    const cosign = async (authority: string, key: typeof witness, timestamp: number) => {
      const signature = sign(checkpointMessage(all.ledger.chainId, head, timestamp), key.secretKey)
      await all.append('checkpoints', 0, encodeCosignature({ ...head, authority, timestamp, signature }))
    }
    await cosign('stranger.example', testKeyPair('stranger'), 1_700_000_000)
    await cosign('witness.example', testKeyPair('stranger'), 1_700_000_000)
    await cosign('witness.example', witness, 1_700_000_001)
    const path = `/v1/checkpoints/${head.size}`
    const answer = await until('all lines', MINUTE, async () => {
      const found = await fetchPath(path)
      return /immutable/.test(found.headers.get('cache-control') ?? '') && found
    })
    const note = parseNote(await answer.text())
    expect(note?.lines.map(({ name }) => name).sort()).toEqual([...Array(4).fill(note?.origin), 'witness.example'])
    expect(note?.head).toEqual(head)
    const etag = answer.headers.get('etag') ?? ''
    expect((await fetchPath(path, { 'if-none-match': etag })).status).toBe(304)
    const { rows } = await admin.query('SELECT witnesses, witnessed_at FROM analytics.checkpoints WHERE size = $1', [head.size])
    expect(rows).toEqual([{ witnesses: ['witness.example'], witnessed_at: new Date(1_700_000_001_000) }])
  }, 90_000)
})

describe('proofs', () => {
  test('entry, block, checkpoint: every reading’s proof holds offline with the genesis alone, and is for ever', async () => {
    for (const id of IDS) {
      const proof = await covered(id)
      const checked = await verify(proof)
      expect(checked).toMatchObject({
        ok: true,
        lines: expect.arrayContaining([
          `meter      ${id}, sequence 1`,
          expect.stringMatching(/^checkpoint \d+ final blocks, root/),
        ]),
      })
      const answer = await fetchPath(`/v1/proofs/${leafOf(id)}`)
      expect(answer.headers.get('cache-control')).toMatch(/immutable/)
      expect(await answer.json()).toEqual(proof)
    }
  }, 90_000)

  test('every final block is proved to be in the newest checkpoint, which goes on from all before', async () => {
    await load()
    for (const id of IDS) await covered(id)
    const { head } = await noteAt('/checkpoint')
    const { rows } = await admin.query<{ lane: number; height: number; place: number }>(
      'SELECT lane, height::int, place::int FROM store.checkpoint_leaves WHERE place < $1 ORDER BY place',
      [head.size],
    )
    expect(rows.length).toBe(head.size)
    for (const { lane, height } of rows) {
      const proof = await get(`/v1/checkpoints/${head.size}/inclusion/${lane}/${height}`)
      expect(await verify(proof)).toMatchObject({
        ok: true,
        lines: expect.arrayContaining([expect.stringContaining(`lane ${lane}, height ${height},`)]),
      })
    }
    const sizes = await admin.query<{ size: number }>('SELECT size::int FROM analytics.checkpoints WHERE is_signed ORDER BY size')
    const before = sizes.rows.map(({ size }) => size).filter((size) => size <= head.size)
    expect(before.length).toBeGreaterThan(1)
    for (const size of before) {
      const checked = await verify(await get(`/v1/checkpoints/${size}/consistency/${head.size}`))
      expect(checked).toMatchObject({ ok: true, lines: expect.arrayContaining([expect.stringMatching(/^so {9}the log of/)]) })
    }
  }, 90_000)

  test('a meter’s key is proved to be in the registry that a block under a checkpoint names', async () => {
    const proof = await get<{ checkpoint?: unknown }>('/v1/meters/meter-3/proof')
    expect(proof.checkpoint).toBeDefined()
    const checked = await verify(proof)
    const key = hex(testKeyPair('meter-3').publicKey)
    expect(checked).toMatchObject({
      ok: true,
      lines: expect.arrayContaining([`key        ${key} from sequence 0 on, registered by event 1`]),
    })
    expect((await fetchPath('/v1/meters/nobody/proof')).status).toBe(404)
  }, 90_000)

  test.each([
    ['/v1/checkpoints/999999', 404],
    ['/v1/checkpoints/x', 400],
    ['/v1/checkpoints/999999/inclusion/0/1', 404],
    ['/v1/checkpoints/999999/consistency/9999999', 404],
    ['/v1/checkpoints/2/consistency/1', 422],
  ])('%s is answered with %d', async (path, status) => {
    expect((await fetchPath(path)).status).toBe(status)
  })

  test('a block that the checkpoint does not cover is said not to be covered', async () => {
    const { head } = await noteAt('/checkpoint')
    const answer = await fetchPath(`/v1/checkpoints/${head.size}/inclusion/0/99999`)
    expect(answer.status).toBe(404)
    expect(await answer.json()).toMatchObject({
      detail: `the checkpoint of size ${head.size} does not cover height 99999 of lane 0`,
    })
    expect((await fetchPath(`/v1/checkpoints/0/consistency/${head.size}`)).status).toBe(404)
  })
})

test('the tables are what the topic demands, live and after a restart from nothing', async () => {
  await Promise.all([1, 2, 3, 4].map((authority) => all.stop('validator', authority)))
  await running.caughtUp()
  const { kafka, registry } = runtime
  const check = async () => {
    const { witnesses } = all.config
    const databaseUrl = database.writerUrl
    const options = { registry: registry.state, verify: sodiumSignatures.verify, source: kafkaSource(kafka, all.config) }
    return audit({ ...options, witnesses, databaseUrl })
  }
  expect(await check()).toMatchObject({ differenceCount: 0 })
  const digest = async () => {
    const { rows } = await admin.query(
      `SELECT (SELECT md5(string_agg(t::text, '|' ORDER BY t)) FROM store.checkpoints t) AS heads,
              (SELECT md5(string_agg(t::text, '|' ORDER BY t)) FROM store.checkpoint_leaves t) AS leaves,
              (SELECT md5(string_agg(t::text, '|' ORDER BY t)) FROM store.checkpoint_nodes t) AS nodes,
              (SELECT md5(string_agg(t::text, '|' ORDER BY t)) FROM store.checkpoint_signatures t) AS signatures`,
    )
    return rows[0]
  }
  const whole = await until('the topic to its end', MINUTE, async () => (await check()).differenceCount === 0 && (await digest()))
  await running.stop()
  await admin.query(`UPDATE ledger.cursors SET height = 0, next_offset = 0 WHERE source = 'checkpoints'`)
  await start()
  await until('the same rows again', MINUTE, async () => JSON.stringify(await digest()) === JSON.stringify(whole), digest)
  expect(failures).toEqual([])
}, 120_000)

test('a database that somebody changed proves nothing, and says so', async () => {
  const { head } = await noteAt('/checkpoint')
  const tamper = async (statement: string, path: string, expected: RegExp) => {
    await admin.query(statement)
    const answer = await fetchPath(path)
    expect([statement, answer.status]).toEqual([statement, 500])
    expect(await answer.json()).toMatchObject({ detail: expect.stringMatching(expected) })
  }
  const inclusion = `/v1/checkpoints/${head.size}/inclusion/0/1`
  await tamper(
    'UPDATE store.checkpoint_leaves SET block_hash = verdict_hash WHERE lane = 0 AND height = 1',
    inclusion,
    /is not the block/,
  )
  const consistency = (
    await admin.query<{ size: number }>('SELECT min(size)::int AS size FROM analytics.checkpoints WHERE is_signed')
  ).rows[0]?.size
  await tamper(
    `UPDATE store.checkpoint_nodes SET hash = sha256('x')`,
    `/v1/checkpoints/${consistency}/consistency/${head.size}`,
    /does not begin with/,
  )
  await tamper('DELETE FROM store.checkpoint_nodes', inclusion, /node \d+ on level \d+ of the log of checkpoints is missing/)
  await tamper(`UPDATE store.checkpoint_signatures SET signature = key`, '/checkpoint', /its signatures do not hold/)
  await tamper('DELETE FROM ledger.votes', '/v1/meters/meter-1/proof', /votes that are held weigh 0 of 4/)
  expect((await fetchPath(`/v1/checkpoints/${head.size}`)).status).toBe(500)
}, 60_000)
