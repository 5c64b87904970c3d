import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import type { Finalized } from '../infra/chain/lane-reader.js'
import { TestLane } from '../infra/testing/final-blocks.js'
import { createTestDatabase, type TestDatabase } from '../infra/testing/postgres.js'
import { type TestRegistry, testRegistry } from '../infra/testing/registry.js'
import { SignedMeter } from '../infra/testing/signed-meters.js'
import { BugError } from '../schemas/errors.js'
import { Database } from './database.js'
import { LaneWriter, type LaneWriterOptions } from './lane-writer.js'
import { recover } from './recover.js'
import { RegistryRows } from './registry-rows.js'
import { projectBatch, writeBatch } from './write-block.js'

let testDatabase: TestDatabase
let database: Database
let registry: TestRegistry
let blocks: Finalized[]
const batches: number[] = []
const failures: Error[] = []

function writerOf(changes: Partial<LaneWriterOptions> = {}): LaneWriter {
  return new LaneWriter({
    ...{ lane: 0, height: 0n, database, onFailure: (error) => void failures.push(error) },
    numberOf: (meter, size) => registry.state.meterAt(meter, size)?.ordinal,
    registryReached: async () => undefined,
    onWritten: ({ blocks }) => void batches.push(blocks.length),
    ...changes,
  })
}

beforeAll(async () => {
  testDatabase = await createTestDatabase()
  database = new Database({ url: testDatabase.writerUrl, logger: pino({ level: 'silent' }), connections: 4 })
  registry = testRegistry({ meters: 1, lanes: 1 })
  const lane = new TestLane(registry, 0)
  const meter = new SignedMeter('meter-1', registry.chainId)
  blocks = Array.from({ length: 8 }, () => lane.finalize([meter.next()]))
  await recover(database, registry.state)
})
afterAll(async () => {
  await database.close()
  await testDatabase.drop()
})

test('an entry that counts and has no meter stops the writer, and the failure comes to whoever sends more', async () => {
  const [first, second] = blocks
  const writer = writerOf({ numberOf: () => undefined })
  if (first !== undefined) await writer.take(first)
  await writer.idle()
  expect(failures.splice(0)).toEqual([expect.any(BugError)])
  if (second !== undefined) await expect(writer.take(second)).rejects.toThrow('not enrolled')
  expect(writer.height).toBe(0n)
})

test('blocks that came while others were written go in one transaction; large ones wait for room', async () => {
  let open = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const writer = writerOf({ registryReached: () => gate })
  const large = (block: Finalized): Finalized => ({ ...block, blockBytes: Buffer.alloc(6 * 1024 * 1024) })
  const takes = (async () => {
    for (const block of blocks.map((each, i) => (i < 3 ? large(each) : each))) await writer.take(block)
  })()
  while (writer.depth < 3) await new Promise((resolve) => setImmediate(resolve))
  expect(writer.depth).toBe(3)
  open()
  await takes
  await writer.idle()
  expect(writer.height).toBe(8n)
  expect(batches.reduce((sum, each) => sum + each, 0)).toBe(8)
  expect(batches.length).toBeLessThan(8)
  expect(failures).toEqual([])
})

test('a batch that was committed, though the answer was lost, is not written twice', async () => {
  const batch = projectBatch(blocks, (meter, size) => registry.state.meterAt(meter, size)?.ordinal)
  await database.transaction((client) => writeBatch(client, batch))
  const { rows } = await database.pool.query('SELECT count(*)::int AS n FROM store.readings')
  expect(rows).toEqual([{ n: 8 }])
})

test('registry rows that are asked for at once are written once', async () => {
  const rows = new RegistryRows(registry.state, database, 0)
  await Promise.all([rows.reach(1), rows.reach(2), rows.reach(2)])
  await rows.idle()
  expect(rows.size).toBe(2)
  const { rows: found } = await database.pool.query('SELECT count(*)::int AS n FROM store.meters')
  expect(found).toEqual([{ n: 1 }])
})
