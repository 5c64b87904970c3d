/** Tables are made again from the raw records of a replica: without a broker, and believing nothing of it. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { TestCheckpointTopic } from '../../infra/testing/checkpoint-topic.js'
import { falseChain, finalsWithEvidence } from '../../infra/testing/evidence.js'
import { fullTest } from '../../infra/testing/full.js'
import { createTestDatabase, TEST_ROLE_PREFIX, type TestDatabase } from '../../infra/testing/postgres.js'
import { CheckpointWriter } from '../checkpoints/writer.js'
import { Database } from '../database.js'
import { withClient } from '../migrate.js'
import { recover } from '../recover.js'
import { RegistryRows } from '../registry-rows.js'
import type { SetPrefix } from '../schema-set.js'
import { projectBatch, writeBatch } from '../write-block.js'
import { digests, type Extent, readExtent } from './digest.js'
import { type Replayed, replay } from './replay.js'
import type { ReplayDeps } from './replay-deps.js'
import { withReplicaSource } from './replica-source.js'
import { asOwner, dropSet, type SetPlace } from './set-place.js'
import { replayUntil } from './until.js'

const MINUTE = 60_000
const logger = pino({ level: 'silent' })
const chain = falseChain()
const { state } = chain.registry
let replica: TestDatabase
let live: TestDatabase

/** As a projector fills them from the log: blocks with evidence, a checkpoint and its signatures. */
async function fill(url: string): Promise<void> {
  const database = new Database({ url, logger, connections: 2 })
  const recovered = await recover(database, state)
  await new RegistryRows(state, database, recovered.registrySize).reach(state.size)
  const finals = finalsWithEvidence(chain, 0)
  const batch = projectBatch(finals, (meter, size) => state.meterAt(meter, size)?.ordinal)
  await database.transaction((client) => writeBatch(client, batch))
  const topic = new TestCheckpointTopic(chain.registry)
  for (let i = 0; i < 3; i++) topic.signAll(topic.cover())
  const cursor = recovered.plain.find(({ source }) => source === 'checkpoints')
  if (cursor === undefined) throw new Error('no cursor of checkpoints')
  const checkpoints = { registry: state, verify: sodiumSignatures.verify, witnesses: [] }
  const writer = new CheckpointWriter({ database, checkpoints, registryReached: async () => undefined })
  await writer.takeUp(0n)
  await writer.take(cursor, topic.records)
  await database.close()
}

beforeAll(async () => {
  replica = await createTestDatabase()
  live = await createTestDatabase()
  await fill(replica.writerUrl)
}, MINUTE)
afterAll(async () => {
  await replica?.drop()
  await live?.drop()
}, MINUTE)

const placeOf = ({ adminUrl }: TestDatabase): SetPlace => ({ adminUrl, rolePrefix: TEST_ROLE_PREFIX })

const fromReplica = <T>(
  use: (deps: ReplayDeps) => Promise<T>,
  set: SetPrefix = 'replay_',
  url = replica.writerUrl,
): Promise<T> => {
  const place = placeOf(live)
  const options = { url, chainId: state.chainId, signatures: sodiumSignatures, witnesses: [], place, set }
  return withReplicaSource(options, (source) =>
    use({
      ...{ logger, source, place, databaseUrl: live.writerUrl, signal: new AbortController().signal },
      checksSignatures: true,
      onProgress: () => undefined,
    }),
  )
}

const digestsOf = (of: TestDatabase, extent?: Extent, set: SetPrefix = '') =>
  asOwner(placeOf(of), set, async (client) => {
    await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
    return digests(client, extent ?? (await readExtent(client, 1)), () => undefined)
  })

const asked = async (of: TestDatabase, sql: string) => (await withClient(of.adminUrl, (client) => client.query(sql))).rows

test(
  'tables that are lost are made again from a replica without a broker: the same to the byte, evidence and checkpoints too',
  async () => {
    const database = new Database({ url: live.writerUrl, logger, connections: 1 })
    await recover(database, state)
    await database.close()
    await asked(
      live,
      `INSERT INTO store.repair_events (lane, log_offset, id, kind, of_lane, subject, fault, status, told_by, at, detail)
       VALUES (0, 7, 'x', 'wait', -1, 's', 'f', 'requested', 'a', now(), 'd');
       UPDATE ledger.cursors SET height = 1, next_offset = 8 WHERE source = 'repairs'`,
    )
    const done: Replayed = await fromReplica(replay)
    expect(done.differing).toEqual([])
    expect(done.notCompared.map(({ table }) => table)).toEqual(expect.arrayContaining(['ledger.chains', 'store.meters']))
    expect(await digestsOf(live)).toEqual(await digestsOf(replica))
    expect(
      await asked(
        live,
        `SELECT (SELECT count(*)::int FROM store.evidence) AS evidence, (SELECT count(*)::int FROM analytics.checkpoints) AS checkpoints,
                (SELECT count(*)::int FROM old_store.readings) AS before, (SELECT count(*)::int FROM analytics.repair_events) AS told,
                (SELECT next_offset::int FROM ledger.cursors WHERE source = 'repairs') AS next`,
      ),
    ).toEqual([{ evidence: 3, checkpoints: 3, before: 0, told: 1, next: 8 }])
    await dropSet(placeOf(live), 'old_')
  },
  MINUTE,
)

/** Flips a bit of a record of the replica, and back again. */
const flip = (table: string, where: string) =>
  asked(replica, `UPDATE ${table} SET record = set_byte(record, 70, get_byte(record, 70) # 1) WHERE ${where}`)

test(
  'a replica in which a bit was changed is refused at that event, block, vote or piece of evidence, and no table is replaced',
  async () => {
    const [{ height, number }] = (await asked(replica, 'SELECT height, number FROM store.evidence_records LIMIT 1')) as [
      { height: string; number: number },
    ]
    const cases: [table: string, where: string, refused: RegExp][] = [
      ['ledger.registry_events', 'event_index = 1', /registry event 1 does not count/],
      ['ledger.blocks', 'height = 2', /lane 0, block 2 does not follow, or its certificate does not hold/],
      ['ledger.votes', 'height = 3', /lane 0, block 3 does not follow/],
      [
        'store.evidence_records',
        `height = ${height} AND number = ${number} AND original = 0`,
        new RegExp(`lane 0, block ${height}: its evidence does not hold`),
      ],
    ]
    for (const [table, where, refused] of cases) {
      await flip(table, where)
      await expect(fromReplica(replay)).rejects.toThrow(refused)
      await flip(table, where)
      await dropSet(placeOf(live), 'replay_')
    }
    await asked(replica, `UPDATE ledger.blocks SET hash = sha256('') WHERE height = 2`)
    await expect(fromReplica(replay)).rejects.toThrow(/block 2 is named by another hash than its record has/)
    await asked(replica, 'UPDATE ledger.blocks b SET hash = n.previous FROM ledger.blocks n WHERE b.height = 2 AND n.height = 3')
    expect(await asked(live, `SELECT FROM pg_namespace WHERE nspname = 'old_store'`)).toEqual([])
  },
  MINUTE,
)

test(
  'what was proved before a replica was refused stays, and the same command goes on when it is whole again',
  async () => {
    expect(await asked(live, `SELECT height::int FROM replay_ledger.cursors WHERE source = 'chain'`)).toEqual([{ height: 1 }])
    const done = await fromReplica(replay)
    expect(done).toMatchObject({ differing: [], notCompared: [] })
    expect(done.messages).toBeGreaterThan(0)
    expect(await digestsOf(live)).toEqual(await digestsOf(replica))
    await dropSet(placeOf(live), 'old_')
  },
  MINUTE,
)

test(
  'a replica that says another time than the live tables is not put in place: that no signature is over',
  async () => {
    await asked(replica, `UPDATE ledger.blocks SET final_at = final_at + interval '1 hour' WHERE height = 1`)
    expect(await fromReplica(replay)).toMatchObject({ differing: ['ledger.blocks'] })
    await asked(replica, `UPDATE ledger.blocks SET final_at = final_at - interval '1 hour' WHERE height = 1`)
    await dropSet(placeOf(live), 'replay_')
  },
  MINUTE,
)

test(
  'a replica that holds schema ledger alone gives all but evidence and the times of checkpoints',
  async () => {
    await asked(replica, 'ALTER SCHEMA store RENAME TO hidden')
    const { differing } = await fromReplica(replay)
    const byTime = fromReplica((deps) => replayUntil(deps, 'then_', { kind: 'height', height: 2n }), 'then_')
    await expect(byTime).rejects.toThrow(/does not say when checkpoints were final/)
    await asked(replica, 'ALTER SCHEMA hidden RENAME TO store')
    expect(differing).toEqual(['store.checkpoints', 'store.evidence', 'store.evidence_records'])
    for (const set of ['replay_', 'then_'] as const) await dropSet(placeOf(live), set)
  },
  MINUTE,
)

test(
  'the tables as they were, from a replica: at equal heights the same as the live ones',
  async () => {
    await fromReplica((deps) => replayUntil(deps, 'two_', { kind: 'height', height: 2n }), 'two_')
    const registrySize = BigInt(finalsWithEvidence(chain, 0)[1]?.header.registrySize ?? 0)
    const extent = { heights: [2n], registrySize, nextOffset: 0n }
    const blocks = ({ table }: { table: string }) => /blocks|votes|readings|intervals|registers|events|channels/.test(table)
    const [then, now] = [await digestsOf(live, extent, 'two_'), await digestsOf(live, extent)]
    expect(then.filter(blocks)).toEqual(now.filter(blocks))
    expect(await asked(live, 'SELECT max(height)::int AS top FROM two_ledger.blocks')).toEqual([{ top: 2 }])
  },
  MINUTE,
)

const NEWEST = 'WHERE height = (SELECT max(height) FROM ledger.blocks)'

test(
  'a replica that lacks the newest block is waited for, for it may be just behind',
  async () => {
    const move = (from: string, to: string, where: string) =>
      `INSERT INTO ${to} SELECT * FROM ${from} ${where}; DELETE FROM ${from} ${where}`
    await asked(
      replica,
      `CREATE TABLE public.kept (LIKE ledger.blocks); CREATE TABLE public.kept_votes (LIKE ledger.votes);
       ${move('ledger.votes', 'public.kept_votes', NEWEST)}; ${move('ledger.blocks', 'public.kept', NEWEST)}`,
    )
    const grow = () =>
      asked(replica, `${move('public.kept_votes', 'ledger.votes', '')}; ${move('public.kept', 'ledger.blocks', '')}`)
    let growing: Promise<unknown> | undefined
    const onProgress: ReplayDeps['onProgress'] = (step) => {
      if (step === 'swap') growing ??= grow()
    }
    expect(await fromReplica((deps) => replay({ ...deps, onProgress }))).toMatchObject({ differing: [] })
    await growing
    expect(await digestsOf(live)).toEqual(await digestsOf(replica))
    await dropSet(placeOf(live), 'old_')
  },
  MINUTE,
)

fullTest(
  'a replica that stays behind the live tables does not replace them',
  async () => {
    await asked(replica, `DELETE FROM ledger.votes ${NEWEST}; DELETE FROM ledger.blocks ${NEWEST}`)
    await expect(fromReplica(replay)).rejects.toThrow(
      /chain\/0: the live tables are at \d+, .* ends at \d+: the replica lacks what the live tables hold/,
    )
  },
  MINUTE,
)
