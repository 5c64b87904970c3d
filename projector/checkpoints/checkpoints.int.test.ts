import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { TestCheckpointTopic } from '../../infra/testing/checkpoint-topic.js'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { testKeyPair, testRegistry } from '../../infra/testing/registry.js'
import { hex } from '../../schemas/bytes.js'
import { NOTE_KIND } from '../../schemas/checkpoint/note.js'
import { type AuditResult, audit } from '../audit.js'
import { plainCursor, readCursors } from '../cursors.js'
import { Database } from '../database.js'
import { writePlain } from '../plain-records.js'
import { recover } from '../recover.js'
import { RegistryRows } from '../registry-rows.js'
import { heal } from '../repairs/heal.js'
import { type CheckpointFold, noRows } from './fold.js'
import { deleteCheckpoints, foldRecord, readFold, writeCheckpoints } from './tables.js'

const witnessKey = testKeyPair('witness')
const witnesses = [{ name: 'witness.example/1', kind: NOTE_KIND.cosignature, publicKey: witnessKey.publicKey }]
const registry = testRegistry({ authorities: 4, lanes: 2 })
const options = { registry: registry.state, verify: sodiumSignatures.verify, witnesses }
const reached = async () => undefined
let testDatabase: TestDatabase
let database: Database
let admin: pg.Client
let topic: TestCheckpointTopic
let fold: CheckpointFold
let next = 0

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  admin = new pg.Client({ connectionString: testDatabase.adminUrl })
  admin.on('error', () => undefined)
  await admin.connect()
  database = new Database({ url: testDatabase.writerUrl, logger: pino({ level: 'silent' }), connections: 3 })
  await recover(database, registry.state)
  await new RegistryRows(registry.state, database, 0).reach(registry.state.size)
}, 60_000)
afterAll(async () => {
  await database.close()
  await admin.end()
  await testDatabase.drop()
})
beforeEach(async () => {
  topic = new TestCheckpointTopic(registry)
  next = 0
  await admin.query(`UPDATE ledger.cursors SET height = 0, next_offset = 0 WHERE source = 'checkpoints'`)
  await admin.query('DELETE FROM ledger.checkpoint_records')
  await database.transaction((client) => deleteCheckpoints(client, 0n))
  await takeUp()
})

const takeUp = async () => {
  fold = await database.transaction((client) => readFold(client, options, BigInt(next), reached))
}

/** What the topic holds by now, in transactions of so many records. */
async function follow(most = 1_000): Promise<void> {
  while (next < topic.records.length) {
    const records = topic.records.slice(next, next + most)
    const rows = noRows()
    for (const record of records) await foldRecord(fold, record, rows, reached)
    const cursor = plainCursor('checkpoints', 0, BigInt(next), BigInt(next))
    await database.transaction((client) => writePlain(client, cursor, records, () => writeCheckpoints(client, rows)))
    next += records.length
  }
}

const TABLES = [
  ...['checkpoints', 'checkpoint_leaves', 'checkpoint_nodes', 'checkpoint_signatures'],
  ...['checkpoint_evidence', 'checkpoint_evidence_records'],
]
async function digest(): Promise<string[]> {
  const sums = TABLES.map((table) => `(SELECT md5(string_agg(t::text, '|' ORDER BY t)) FROM store.${table} t)`)
  const { rows } = await admin.query<{ sums: string[] }>(`SELECT ARRAY[${sums.join(', ')}] AS sums`)
  return rows[0]?.sums ?? []
}
const count = async (table: string) =>
  (await admin.query<{ n: number }>(`SELECT count(*)::int AS n FROM store.${table}`)).rows[0]?.n

const runAudit = (changes: Partial<Parameters<typeof audit>[0]> = {}): Promise<AuditResult> =>
  audit({
    ...options,
    databaseUrl: testDatabase.writerUrl,
    source: {
      chain: () => listOf([]),
      plain: async (source) => ({ low: 0n, records: listOf(source === 'checkpoints' ? topic.records : []) }),
    },
    ...changes,
  })
async function* listOf<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items
}

/** Three checkpoints: signed by all and a witness; by three; by one. With garbage, forgeries and repetitions between. */
function fillTopic(): void {
  const [first, , , fourth] = registry.authorityKeys
  if (first === undefined || fourth === undefined) throw new Error('no authorities')
  const one = topic.cover(2)
  topic.append(Buffer.from('garbage'))
  topic.signAll(one)
  topic.signAll(one)
  topic.sign(one, 'witness.example/1', witnessKey, 1_700_000_000)
  topic.sign(one, 'witness.example/1', witnessKey, 1_700_000_009)
  topic.sign(one, 'stranger', testKeyPair('stranger'), 1_700_000_000)
  topic.sign(one, 'authority-1', testKeyPair('stranger'))
  const two = topic.cover(1, [Buffer.from('no leaf')])
  for (const key of registry.authorityKeys.slice(0, 3)) topic.sign(two, key.id, key)
  topic.sign({ ...two, root: one.root }, fourth.id, fourth)
  topic.sign({ ...two, size: 99 }, fourth.id, fourth)
  const three = topic.cover(1)
  topic.sign(three, first.id, first)
}

describe('what the topic makes final', () => {
  test('becomes rows: heads, leaves, nodes, and the first signature of each that holds', async () => {
    fillTopic()
    await follow()
    const { rows } = await admin.query(
      `SELECT size::int, height::int, root, blocks::int, registry_size::int, signed_weight::int, total_weight::int, is_signed, signers,
              witnesses, witnessed_at FROM analytics.checkpoints ORDER BY height`,
    )
    const all = registry.authorityKeys.map(({ id }) => id)
    const [one, two, three] = topic.heads.map(({ root }) => hex(root))
    const constant = { registry_size: 1, total_weight: 4, witnesses: [], witnessed_at: null }
    expect(rows).toEqual([
      {
        ...{ ...constant, size: 4, height: 1, root: one, blocks: 4, signed_weight: 4, is_signed: true, signers: all },
        ...{ witnesses: ['witness.example/1'], witnessed_at: new Date(1_700_000_000_000) },
      },
      { ...constant, size: 7, height: 2, root: two, blocks: 3, signed_weight: 3, is_signed: true, signers: all.slice(0, 3) },
      { ...constant, size: 9, height: 3, root: three, blocks: 2, signed_weight: 1, is_signed: false, signers: all.slice(0, 1) },
    ])
    const leaves = await admin.query('SELECT place::int, lane, height::int FROM store.checkpoint_leaves ORDER BY place')
    expect(leaves.rows.map((row) => Object.values(row))).toEqual([
      ...[
        [0, 0, 1],
        [1, 0, 2],
        [2, 1, 1],
        [3, 1, 2],
        [4, 0, 3],
        [5, 1, 3],
      ],
      ...[
        [7, 0, 4],
        [8, 1, 4],
      ],
    ])
    const nodes = await admin.query<{ level: number; index: number; hash: Buffer }>(
      'SELECT level, node_index::int AS index, hash FROM store.checkpoint_nodes',
    )
    expect(nodes.rows).toHaveLength(9 + 4 + 2 + 1)
    for (const { level, index, hash } of nodes.rows) expect(topic.nodes.get(level, index)).toEqual(hash)
    expect(await runAudit()).toMatchObject({ differenceCount: 0 })
  })

  test('gives the same rows record by record, with a restart after each, and again from nothing', async () => {
    fillTopic()
    topic.addFalse()
    await follow()
    const whole = await digest()
    await admin.query(`UPDATE ledger.cursors SET height = 0, next_offset = 0 WHERE source = 'checkpoints'`)
    await admin.query('DELETE FROM ledger.checkpoint_records')
    await database.transaction((client) => deleteCheckpoints(client, 0n))
    expect(await Promise.all(TABLES.map(count))).toEqual([0, 0, 0, 0, 0, 0])
    next = 0
    const { records } = topic
    const until = topic.records.splice(0)
    for (const record of until) {
      await takeUp()
      records.push(record)
      await follow()
    }
    expect(await digest()).toEqual(whole)
  }, 60_000)

  test('shows what authorities signed that they should not have, beside what the lanes hold', async () => {
    topic.addFalse()
    await follow()
    const { rows } = await admin.query(
      `SELECT e.kind, e.authority, e.topic, e.lane, e.height::int, e.faults, e.rejected_by AS by, e.found_at = c.final_at AS at,
              e.log_offsets::int[] AS offsets, (SELECT count(*)::int FROM analytics.evidence_records r
                WHERE r.evidence = e.evidence AND r.topic = e.topic AND octet_length(r.record) > 100) AS originals
         FROM analytics.evidence e JOIN analytics.checkpoints c ON c.height = e.final_height ORDER BY e.final_height, e.number`,
    )
    expect(rows).toMatchObject([
      { kind: 'contradiction', authority: 'authority-4', faults: null, originals: 2 },
      {
        kind: 'void-block',
        authority: 'authority-2',
        faults: ['wrong-entries'],
        by: ['authority-1', 'authority-3'],
        originals: 3,
      },
      { kind: 'contradiction', authority: 'authority-2', height: 2, offsets: [null, expect.any(Number)] },
      { kind: 'split-view', authority: 'authority-1', height: topic.heads[0]?.size, faults: null, at: true, originals: 2 },
      { kind: 'split-view', authority: 'authority-3', height: 6, topic: 'checkpoints', lane: 2, originals: 2 },
    ])
    expect(await runAudit()).toMatchObject({ differenceCount: 0 })
  })

  test('a crash between two transactions, and a cursor moved back, leave no row twice', async () => {
    fillTopic()
    await follow()
    const whole = await digest()
    const from = 12
    await admin.query(`UPDATE ledger.cursors SET height = ${from}, next_offset = ${from} WHERE source = 'checkpoints'`)
    await admin.query(`DELETE FROM ledger.checkpoint_records WHERE log_offset >= ${from}`)
    await database.transaction((client) => deleteCheckpoints(client, BigInt(from)))
    next = from
    await takeUp()
    await follow()
    expect(await digest()).toEqual(whole)
  })

  test('garbage after the newest checkpoint is read through at a start, and what was begun goes on', async () => {
    fillTopic()
    for (let i = 0; i < 600; i++) topic.append(Buffer.from(`garbage ${i}`))
    const before = topic.records.length
    topic.signAll(topic.cover(1))
    const later = topic.records.splice(before + 2)
    await follow()
    await takeUp()
    topic.records.push(...later)
    await follow()
    expect(fold.height).toBe(4n)
    expect(await runAudit()).toMatchObject({ differenceCount: 0 })
  })

  test.each([
    ['a head', `UPDATE store.checkpoints SET root = hash WHERE height = 3`],
    ['its hash', `UPDATE store.checkpoints SET hash = root WHERE height = 3`],
    ['its verdict', `UPDATE store.checkpoints SET verdict_hash = root WHERE height = 3`],
    ['a node', `DELETE FROM store.checkpoint_nodes WHERE level = 3`],
    ['a record that is none any more', `UPDATE store.checkpoints SET block_offset = 4 WHERE height = 3`],
  ])('%s that somebody altered stops nobody: the records are folded from the first', async (_what, statement) => {
    fillTopic()
    await follow()
    await admin.query(statement)
    await takeUp()
    expect({ height: fold.height, size: fold.size }).toEqual({ height: 3n, size: 9 })
    topic.signAll(topic.cover(1))
    await follow()
    expect(await count('checkpoints')).toBe(4)
    const told: string[] = []
    const onDifferent = async (part: Parameters<typeof heal>[0]) => {
      const healed = await heal(part, {
        ...{ database, by: 'audit', registryReached: reached },
        tell: async ({ status }) => void told.push(status),
      })
      expect(healed).toMatchObject({ status: 'completed' })
    }
    expect((await runAudit({ onDifferent })).differenceCount).toBeGreaterThan(0)
    expect(told).toEqual(expect.arrayContaining(['requested', 'completed']))
    expect(await runAudit()).toMatchObject({ differenceCount: 0 })
  })
})

describe('the audit', () => {
  const healAll = () => {
    const tell = async () => undefined
    const onDifferent = async (part: Parameters<typeof heal>[0]) =>
      void (await heal(part, { database, by: 'audit', registryReached: reached, tell }))
    return runAudit({ onDifferent })
  }

  test.each([
    ['store.checkpoints', 'UPDATE store.checkpoints SET height = 77 WHERE height = 2', 2],
    ['store.checkpoints', 'UPDATE store.checkpoints SET final_offset = 10000 WHERE height = 2', 2],
    [
      'store.checkpoints',
      `INSERT INTO store.checkpoints SELECT 0, 1, root, hash, hash, 1, 1, 'x', now(), now(), 1, 1 FROM store.checkpoints LIMIT 1`,
      1,
    ],
    ['store.checkpoints', 'DELETE FROM store.checkpoints WHERE height = 3', 1],
    ['store.checkpoint_leaves', 'UPDATE store.checkpoint_leaves SET height = 9 WHERE place = 4', 1],
    ['store.checkpoint_leaves', 'UPDATE store.checkpoint_leaves SET place = 900 WHERE place = 5', 2],
    ['store.checkpoint_nodes', `UPDATE store.checkpoint_nodes SET hash = sha256('x') WHERE level = 2 AND node_index = 1`, 1],
    ['store.checkpoint_nodes', `INSERT INTO store.checkpoint_nodes VALUES (5, 1, sha256('x')), (-1, 0, sha256('x'))`, 2],
    ['store.checkpoint_signatures', 'UPDATE store.checkpoint_signatures SET weight = 100 WHERE size = 9', 1],
    ['store.checkpoint_signatures', 'UPDATE store.checkpoint_signatures SET log_offset = 5000 WHERE size = 9', 2],
    [
      'store.checkpoint_signatures',
      `INSERT INTO store.checkpoint_signatures VALUES (0, 9, 1, 'authority-2', '\\x00', 0, '\\x00', 1)`,
      1,
    ],
    ['store.checkpoint_evidence', `UPDATE store.checkpoint_evidence SET authority = 'authority-4' WHERE kind = 'void-block'`, 1],
    ['store.checkpoint_evidence', `UPDATE store.checkpoint_evidence SET height = 70 WHERE kind = 'void-block'`, 2],
    ['store.checkpoint_evidence_records', 'DELETE FROM store.checkpoint_evidence_records WHERE original = 1', 5],
    ['store.checkpoint_evidence_records', 'UPDATE store.checkpoint_evidence_records SET height = 0 WHERE original = 2', 2],
  ])('finds and heals what somebody did to %s: %s', async (table, statement, differences) => {
    fillTopic()
    topic.addFalse()
    await follow()
    const whole = await digest()
    await admin.query(statement)
    const found = await runAudit()
    expect(new Set(found.differences.map((each) => each.table))).toEqual(new Set([table]))
    expect(found.differenceCount).toBe(differences)
    await healAll()
    expect(await runAudit()).toMatchObject({ differenceCount: 0 })
    expect(await digest()).toEqual(whole)
  })

  test('other witnesses make other rows', async () => {
    fillTopic()
    await follow()
    const { differences } = await runAudit({ witnesses: [] })
    expect(differences).toMatchObject([{ table: 'store.checkpoint_signatures', kind: 'too many' }])
    const other = [{ ...witnesses[0], publicKey: testKeyPair('another').publicKey }] as typeof witnesses
    expect(await runAudit({ witnesses: other })).toMatchObject({ differenceCount: 1 })
  })

  test('goes by the cursor of the topic', async () => {
    fillTopic()
    await follow()
    topic.cover(1)
    expect(await runAudit()).toMatchObject({ differenceCount: 0 })
    const cursors = await database.transaction(readCursors)
    expect(cursors.get('checkpoints/0')).toMatchObject({ height: BigInt(next), nextOffset: BigInt(next) })
  })
})
