/** A table comes with a newer program to a database that has blocks, and replay alone fills it. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { diffLines } from '../../infra/cli/commands/diff.js'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { createKafka } from '../../infra/kafka/client.js'
import { createTestDatabase, TEST_ROLE_PREFIX, type TestDatabase } from '../../infra/testing/postgres.js'
import { openProjecting, type Projecting } from '../../infra/testing/projecting.js'
import { kafkaFillSource } from '../fill-source.js'
import { migrateDatabase } from '../migrate.js'
import { diffSets } from '../replay/diff.js'
import { type Replayed, replay } from '../replay/replay.js'
import { asOwner, dropSet } from '../replay/set-place.js'
import { rolesOf } from '../roles.js'

const logger = pino({ level: 'silent' })
let database: TestDatabase
let line: Projecting

beforeAll(async () => {
  database = await createTestDatabase()
  line = await openProjecting('added', database, logger, { METERCHAIN_AUDIT_ROWS_PER_SECOND: '0' })
}, 90_000)
afterAll(async () => {
  await line?.close()
  await database?.drop()
}, 60_000)

const place = () => ({ adminUrl: database.adminUrl, rolePrefix: TEST_ROLE_PREFIX })

const replayed = (): Promise<Replayed> =>
  replay({
    source: kafkaFillSource({
      ...{ config: line.config, logger, kafka: createKafka(line.config, logger), registry: line.follower },
      ...{ signatures: sodiumSignatures, groupPrefix: 'test-added' },
    }),
    ...{ logger, place: place(), databaseUrl: database.writerUrl, signal: new AbortController().signal },
    onProgress: () => undefined,
  })

const asked = async (sql: string) => (await line.asAdmin((client) => client.query(sql))).rows

/** As a program left it that knew no such table. */
async function makeOlder(): Promise<void> {
  await line.running?.stop()
  await asked(`DROP TABLE store.arrivals CASCADE; DROP TABLE ledger.unfilled; ALTER TABLE store.profiles DROP COLUMN total CASCADE;
               ALTER TABLE ledger.cursors DROP COLUMN read_since;
               DELETE FROM migrations.kysely_migration WHERE name >= '0017'`)
}

const shown = async () => (await asked('SELECT sum(intervals)::int AS n FROM analytics.arrivals'))[0]?.n
const LACKING = (why: string) => [{ table: 'store.arrivals', why }]

test('a table that the live ones lack is filled by replay alone, which puts it in place with the others', async () => {
  await makeOlder()
  await expect(line.start()).rejects.toThrow(/those of an older program: `meterchain migrate`/)
  const done = await replayed()
  expect(done).toMatchObject({ differing: [], notCompared: LACKING('the live tables have none yet') })
  expect(done.digests.map(({ table }) => table)).toContain('store.arrivals')
  expect(await shown()).toBe(4 * line.readings)
  const found = await asOwner(place(), '', (client) => diffSets(client, 'old_', '', 0))
  expect(found.filter(({ onlyIn }) => onlyIn !== undefined)).toMatchObject([{ table: 'store.arrivals', onlyIn: '' }])
  expect(diffLines(found, 'old_', '').join('\n')).toMatch(/store.arrivals is in live alone/)
  await line.start()
  await line.sendBlocks(2)
  await line.running?.caughtUp()
  await line.untilWhole('the line goes on, with rows of the new table')
  expect(await shown()).toBe(4 * line.readings)
}, 120_000)

test('one that was migrated before shows nothing and is not audited, until a replay has filled it', async () => {
  await dropSet(place(), 'old_')
  await makeOlder()
  const name = new URL(database.adminUrl).pathname.slice(1)
  await line.asAdmin((client) => migrateDatabase(client, name, rolesOf(TEST_ROLE_PREFIX)))
  await line.start()
  await line.sendBlocks(2)
  await line.running?.caughtUp()
  await line.untilWhole('the line goes on')
  expect((await line.audit()).unfilled).toEqual(['store.arrivals'])
  expect(await asked('SELECT count(DISTINCT height)::int AS blocks FROM store.arrivals')).toEqual([{ blocks: 2 }])
  expect(await shown()).toBeNull()
  expect(await replayed()).toMatchObject({
    differing: [],
    notCompared: LACKING('the live one lacks the rows of older blocks'),
  })
  expect(await shown()).toBe(4 * line.readings)
  await line.untilWhole('after the replay')
  expect((await line.audit()).unfilled).toEqual([])
  expect(await dropSet(place(), 'old_')).toBe(true)
  expect(await replayed()).toMatchObject({ differing: [], notCompared: [] })
}, 120_000)

test('a row of it that somebody changed, added or deleted is found like any other', async () => {
  await asked('UPDATE store.arrivals SET intervals = intervals + 1 WHERE lane = 0 AND height = 2')
  await asked('DELETE FROM store.arrivals WHERE lane = 1 AND height = 3')
  await asked(`INSERT INTO store.arrivals VALUES (0, 999, '2026-01-01Z', 1, 0)`)
  const { differences } = await line.audit()
  expect(differences.map(({ table, kind, height }) => [table, kind, height])).toEqual(
    expect.arrayContaining([
      ['store.arrivals', 'differs', '2'],
      ['store.arrivals', 'missing', '3'],
      ['store.arrivals', 'too many', '999'],
    ]),
  )
}, 60_000)

test('tables that lack a column of this program are told at the start, with what makes it', async () => {
  await line.running?.stop()
  await asked(`ALTER TABLE ledger.cursors DROP COLUMN read_since; DELETE FROM migrations.kysely_migration WHERE name >= '0022'`)
  await expect(line.start()).rejects.toThrow(/those of an older program: `meterchain migrate`/)
  const name = new URL(database.adminUrl).pathname.slice(1)
  await line.asAdmin((client) => migrateDatabase(client, name, rolesOf(TEST_ROLE_PREFIX)))
  await line.start()
}, 60_000)
