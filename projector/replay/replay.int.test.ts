import { MessageChannel } from 'node:worker_threads'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import { diffLines } from '../../infra/cli/commands/diff.js'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { createKafka } from '../../infra/kafka/client.js'
import { fullTest } from '../../infra/testing/full.js'
import { createTestDatabase, TEST_ROLE_PREFIX, type TestDatabase } from '../../infra/testing/postgres.js'
import { openProjecting, type Projecting } from '../../infra/testing/projecting.js'
import { until } from '../../infra/testing/until.js'
import { Calls } from '../../infra/threads/calls.js'
import { kafkaFillSource } from '../fill-source.js'
import { withClient } from '../migrate.js'
import { diffSets } from './diff.js'
import { leaveOutIndexes } from './indexes.js'
import type { Wanted, Written } from './lane-deps.js'
import { type ForLaneThread, type LaneThread, serveLanes } from './lane-thread.js'
import { replay } from './replay.js'
import type { ReplayDeps, Step } from './replay-deps.js'
import { asOwner, dropSet, prepareSet } from './set-place.js'
import { replayUntil } from './until.js'

const logger = pino({ level: 'silent' })
let database: TestDatabase
let projecting: Projecting

const deps = (more: Partial<ReplayDeps> = {}): ReplayDeps => ({
  source: kafkaFillSource({
    ...{ config: projecting.config, logger, kafka: createKafka(projecting.config, logger), registry: projecting.follower },
    ...{ signatures: sodiumSignatures, groupPrefix: 'test-replay' },
  }),
  ...{ logger, databaseUrl: database.writerUrl, signal: new AbortController().signal },
  place: { adminUrl: database.adminUrl, rolePrefix: TEST_ROLE_PREFIX },
  onProgress: () => undefined,
  ...more,
})

beforeAll(async () => {
  database = await createTestDatabase()
  projecting = await openProjecting('replay', database, logger, { METERCHAIN_AUDIT_ROWS_PER_SECOND: '100000' })
}, 90_000)
afterAll(async () => {
  await projecting?.close()
  await database?.drop()
}, 60_000)

/** An analyst who asks without a pause, and what was wrong with the answers. */
function startReader(url: string) {
  const wrong: string[] = []
  let isEnding = false
  let answers = 0
  const work = (async () => {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    let before = 0
    while (!isEnding) {
      try {
        const { rows } = await client.query<{ intervals: number; counted: number }>(
          `SELECT (SELECT count(*)::int FROM analytics.interval_revisions) AS intervals, (SELECT 4 * sum(counted)::int FROM analytics.blocks) AS counted`,
        )
        const { intervals = -1, counted = -2 } = rows[0] ?? {}
        if (intervals !== counted || intervals < before)
          wrong.push(`${intervals} intervals, ${counted} counted, ${before} before`)
        await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
        const count = async () => (await client.query('SELECT count(*)::int AS n FROM analytics.interval_revisions')).rows[0].n
        const [first, second] = [await count(), await count()]
        if (first !== second || first < intervals) wrong.push(`${first} and ${second} in one transaction, ${intervals} before`)
        await client.query('COMMIT')
        before = second
        answers++
      } catch (error) {
        wrong.push(String(error))
        await client.query('ROLLBACK')
      }
    }
    await client.end()
  })()
  return {
    wrong,
    answers: () => answers,
    end: async () => {
      isEnding = true
      await work
    },
  }
}

test('replayed tables are put in the place of the live ones while readers read and blocks become final: nothing is lost, twice, or half', async () => {
  await projecting.asAdmin(async (client) => {
    await client.query('CREATE SCHEMA theirs; CREATE VIEW theirs.sealed AS SELECT lane, height FROM analytics.blocks')
    await client
      .query('CREATE ROLE meterchain_test_guest; GRANT SELECT ON analytics.daily TO meterchain_test_guest')
      .catch(() => undefined)
  })
  const reader = startReader(database.analystUrl)
  const load = projecting.startLoad()
  const steps: Step[] = []
  const done = await replay(deps({ onProgress: (step) => void steps.push(step) }))
  const answersBefore = reader.answers()
  await until('the reader asks on', 20_000, () => reader.answers() > answersBefore + 5)
  await load.end()
  await reader.end()
  expect(reader.wrong).toEqual([])
  expect(done.differing).toEqual([])
  expect(done.digests.map(({ table }) => table)).toEqual(
    expect.arrayContaining(['store.registers', 'ledger.blocks', 'store.checkpoints']),
  )
  expect(new Set(steps)).toEqual(new Set(['records', 'indexes', 'digests', 'swap']))
  await projecting.untilWhole('after the swap')
  const { rows } = await projecting.asAdmin((client) =>
    client.query(
      `SELECT (SELECT count(*) FROM theirs.sealed) = (SELECT count(*) FROM ledger.blocks) AS followed,
              (SELECT count(*) FROM old_ledger.blocks) < (SELECT count(*) FROM ledger.blocks) AS kept,
              (SELECT count(*)::int FROM pg_indexes WHERE schemaname IN ('ledger', 'store'))
            = (SELECT count(*)::int FROM pg_indexes WHERE schemaname IN ('old_ledger', 'old_store')) AS indexed`,
    ),
  )
  expect(rows).toEqual([{ followed: true, kept: true, indexed: true }])
}, 150_000)

test('the tables that were replaced are kept until they are dropped, and no replay begins before', async () => {
  await expect(replay(deps())).rejects.toThrow(/still there.*--drop-old/)
  expect(await dropSet(deps().place, 'old_')).toBe(true)
  expect(await dropSet(deps().place, 'old_')).toBe(false)
}, 90_000)

test('a replay that is stopped goes on where it was', async () => {
  const stop = new AbortController()
  const stopped = replay(deps({ signal: stop.signal, onProgress: (_step, done) => done > 0 && stop.abort(new Error('stopped')) }))
  await expect(stopped).rejects.toThrow('stopped')
  const { rows } = await projecting.asAdmin((client) =>
    client.query('SELECT sum(height)::int AS heights FROM replay_ledger.cursors WHERE source = $1', ['chain']),
  )
  expect(rows[0]?.heights).toBeGreaterThan(0)
  const done = await replay(deps({ checksSignatures: true }))
  expect(done.differing).toEqual([])
  expect(done.messages).toBeLessThan(projecting.readings)
  await projecting.untilWhole('after the second replay')
  await dropSet(deps().place, 'old_')
}, 150_000)

test('a thread fills its lanes up to the bound, checks each signature, and tells whoever started it', async () => {
  const { place, source, databaseUrl } = deps()
  await prepareSet(place, 'lanes_', 'to test', leaveOutIndexes)
  const channel = new MessageChannel()
  const told: Written[] = []
  const reached: number[] = []
  const failures: string[] = []
  const offer: ForLaneThread = {
    registryReached: async (size) => void reached.push(size),
    written: (written) => void told.push(written),
    failed: (message) => void failures.push(message),
  }
  const calls = new Calls<LaneThread>(channel.port1, offer)
  const { logs } = source
  if (logs === undefined) throw new Error('the logs can be followed by others')
  const task: Wanted = { checksSignatures: true, within: { kind: 'height', height: 2n } }
  serveLanes(channel.port2)
  await calls.call('start', { ...task, logs, logLevel: 'silent', databaseUrl, set: 'lanes_', lanes: [1] })
  await calls.call('caughtUp', 60_000)
  await calls.call('stop')
  channel.port1.close()
  expect(failures).toEqual([])
  expect(told.flatMap(({ blocks }) => blocks.map(({ lane, height }) => [lane, height]))).toEqual([
    [1, 1n],
    [1, 2n],
  ])
  expect(new Set(reached).size).toBe(reached.length)
  const sql = (set: string) => `SELECT lane, height, hash FROM ${set}ledger.blocks WHERE lane = 1 AND height <= 2 ORDER BY height`
  expect(await asked('SELECT lane, height, hash FROM lanes_ledger.blocks ORDER BY lane, height')).toEqual(await asked(sql('')))
  await dropSet(place, 'lanes_')
}, 60_000)

const asked = (sql: string) => projecting.asAdmin(async (client) => (await client.query(sql)).rows)

test('whoever may read the live tables may read those that replace them, and nothing more', async () => {
  const granted = () =>
    asked(
      `SELECT nspname AS schema, relname AS relation, grantee::regrole::text, privilege_type AS privilege
         FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace CROSS JOIN LATERAL aclexplode(relacl)
        WHERE nspname IN ('ledger', 'store', 'analytics', 'migrations') AND relkind IN ('r', 'v')
       UNION ALL
       SELECT nspname, NULL, grantee::regrole::text, privilege_type FROM pg_namespace CROSS JOIN LATERAL aclexplode(nspacl)
        WHERE nspname IN ('ledger', 'store', 'analytics', 'migrations')
        ORDER BY schema, relation, grantee, privilege`,
    )
  await asked(
    'GRANT SELECT ON store.faults, analytics.daily TO meterchain_test_guest; GRANT USAGE ON SCHEMA store TO meterchain_test_guest',
  )
  const before = await granted()
  expect(before.filter(({ grantee }) => grantee === 'meterchain_test_guest').length).toBeGreaterThan(2)
  expect((await replay(deps())).differing).toEqual([])
  expect(await granted()).toEqual(before)
  await withClient(database.analystUrl, async (client) => {
    expect((await client.query('SELECT count(*)::int AS n FROM analytics.daily')).rows[0].n).toBeGreaterThan(0)
    await client.query(`SELECT FROM analytics.bills_as_of('infinity', 'nobody')`)
    for (const table of ['store.readings', 'ledger.blocks'])
      await expect(client.query(`SELECT FROM ${table}`)).rejects.toThrow(/permission denied/)
  })
  await dropSet(deps().place, 'old_')
}, 90_000)

fullTest(
  'what a topic has forgotten is in the new tables too, once, also where the replay was stopped',
  async () => {
    const { config } = projecting
    const admin = createKafka(config, logger).admin()
    await admin.connect()
    const topic = `${config.topicPrefix}rejections`
    // KafkaJS looks for the partition's leader in what this loads
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1' }] })
    await admin.disconnect()
    const told = () => asked('SELECT lane, log_offset::int, fault, detail FROM store.door_rejections')
    const before = await told()
    expect(before).toHaveLength(1)
    const stop = new AbortController()
    const stopped = replay(
      deps({ signal: stop.signal, onProgress: (_step, done) => done > 0 && stop.abort(new Error('stopped')) }),
    )
    await expect(stopped).rejects.toThrow('stopped')
    expect((await replay(deps())).differing).toEqual([])
    expect(await told()).toEqual(before)
    await dropSet(deps().place, 'old_')
  },
  90_000,
)

fullTest(
  'the tables as of a checkpoint hold the blocks that it covers, and none where the log makes another final',
  async () => {
    await projecting.sendCheckpoint()
    // the swap may have ended the projector, which is started again
    const held = () => asked('SELECT FROM store.checkpoints WHERE size = 4')
    await until('the checkpoint is in the tables', 60_000, async () => (await held()).length === 1)
    await replayUntil(deps(), 'covered_', { kind: 'checkpoint', size: 4 })
    const covered = 'SELECT lane, height, block_hash AS hash FROM store.checkpoint_leaves WHERE place < 4'
    expect(await asked('SELECT lane, height, hash FROM covered_ledger.blocks ORDER BY lane, height')).toEqual(
      await asked(`${covered} ORDER BY lane, height`),
    )
    await projecting.running?.stop()
    await asked(`UPDATE store.checkpoint_leaves SET block_hash = sha256('') WHERE place = 3`)
    await expect(replayUntil(deps(), 'wrong_', { kind: 'checkpoint', size: 4 })).rejects.toThrow(
      /lane \d: the checkpoint names another block at height 2 than the log makes final/,
    )
    for (const set of ['covered_', 'wrong_'] as const) await dropSet(deps().place, set)
    await asked(
      `UPDATE store.checkpoint_leaves l SET block_hash = b.hash FROM ledger.blocks b WHERE place = 3 AND b.lane = l.lane AND b.height = l.height`,
    )
    await projecting.start()
  },
  90_000,
)

fullTest(
  'the tables as of a height or a time stand beside the live ones, and a diff names what came since',
  async () => {
    const { place } = deps()
    await expect(replayUntil(deps(), '', { kind: 'height', height: 3n })).rejects.toThrow(RangeError)
    await replayUntil(deps(), 'three_', { kind: 'height', height: 3n })
    expect(
      await asked('SELECT lane, count(*)::int, max(height)::int FROM three_ledger.blocks GROUP BY lane ORDER BY lane'),
    ).toEqual([
      { lane: 0, count: 3, max: 3 },
      { lane: 1, count: 3, max: 3 },
    ])
    const [{ at }] = (await asked('SELECT max(final_at) AS at FROM ledger.blocks WHERE height <= 3')) as [{ at: Date }]
    await replayUntil(deps(), 'then_', { kind: 'time', millis: at.getTime() })
    expect(await asOwner(place, '', (client) => diffSets(client, 'three_', 'then_', 5))).toEqual([])
    await asked('UPDATE then_store.registers SET value = value + 9007199254740993 WHERE height = 3')
    await asked('DELETE FROM then_ledger.votes WHERE lane = 0 AND height = 1')
    const found = await asOwner(place, '', (client) => diffSets(client, 'three_', 'then_', 2))
    expect(found).toMatchObject([
      { table: 'ledger.votes', removed: expect.any(Number), added: 0, changed: 0 },
      { table: 'store.registers', removed: 0, added: 0, changed: 20, examples: [{ what: 'changed' }, { what: 'changed' }] },
    ])
    // more digits than a number of JavaScript has
    const [back] = (await asOwner(place, '', (client) => diffSets(client, 'then_', 'three_', 1))).filter(
      ({ changed }) => changed > 0,
    )
    const { lane, height, entry, value } = (back?.examples[0]?.row ?? {}) as Record<string, string | number>
    expect(
      await asked(`SELECT value::text FROM then_store.registers WHERE (lane, height, entry) = (${lane}, ${height}, ${entry})`),
    ).toEqual([{ value }])
    expect(diffLines(found, 'three_', 'then_').join('\n')).toMatch(
      /store.registers[ │|]+0[ │|]+0[ │|]+20(.|\n)*~ store.registers \{/,
    )
    expect(diffLines([], 'three_', '')).toEqual(['three and live hold the same rows'])
    const since = await asOwner(place, '', (client) => diffSets(client, 'three_', '', 1))
    expect(since.find(({ table }) => table === 'store.readings')).toMatchObject({
      removed: 0,
      added: projecting.readings - 60,
      changed: 0,
    })
    await expect(replayUntil(deps(), 'three_', { kind: 'height', height: 3n })).rejects.toThrow(/are there already/)
    await expect(replayUntil(deps(), 'c_', { kind: 'checkpoint', size: 7 })).rejects.toThrow('there is no checkpoint of size 7')
  },
  120_000,
)
