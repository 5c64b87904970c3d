// A record of registry is damaged on the disk of a real broker, while a projector runs on a real database.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { saveGenesis } from '../../infra/registry/genesis.js'
import { openRuntime } from '../../infra/stage-runtime.js'
import { BATCH_FIELD, flipBit, segmentFile } from '../../infra/testing/broker-disk.js'
import { createTestDatabase, type TestDatabase } from '../../infra/testing/postgres.js'
import { openProjecting, type Projecting } from '../../infra/testing/projecting.js'
import { cliMust } from '../../infra/testing/run-cli.js'
import { until } from '../../infra/testing/until.js'

const MINUTE = 60_000
const environment = { ...process.env }
const logger = pino({ level: 'silent' })
const home = mkdtempSync(join(tmpdir(), 'damaged-registry-'))
let database: TestDatabase
let line: Projecting

beforeAll(async () => {
  database = await createTestDatabase()
  line = await openProjecting('damaged-registry', database, logger, {
    METERCHAIN_RESTORE: 'on',
    METERCHAIN_AUTHORITY: 'newcomer',
    METERCHAIN_REGISTRY_URL: process.env.METERCHAIN_TEST_REGISTRY_URL ?? '',
  })
  await saveGenesis(join(home, 'genesis.json'), line.follower.state.store.eventBytes(0) ?? Buffer.alloc(0))
  Object.assign(process.env, {
    ...{ METERCHAIN_HOME: home, METERCHAIN_LANES: '2', METERCHAIN_TOPIC_PREFIX: line.config.topicPrefix },
    ...{ METERCHAIN_BROKERS: line.config.brokers.join(','), METERCHAIN_REGISTRY_URL: line.config.registryUrl },
    METERCHAIN_DATABASE_URL: database.writerUrl,
  })
}, MINUTE)
afterAll(async () => {
  process.env = environment
  await line?.close()
  await database.drop()
  rmSync(home, { recursive: true })
}, MINUTE)

/** A stage that has read nothing yet. */
const newcomer = (name: string) =>
  openRuntime({ name, signs: false }, { ...line.config, home: join(home, name) }, logger, () => undefined)

interface ToldRow {
  readonly status: string
  readonly by: string
  readonly fault: string
  readonly lane: number | null
  readonly detail: string
}

/** What topic repairs says of the topic by now, in its order. */
const told = () =>
  line.asAdmin(async (client) => {
    const { rows } = await client.query<ToldRow>(
      `SELECT status, by, fault, lane, detail FROM analytics.repair_events
        WHERE kind = 'restore' AND subject = 'topic registry' ORDER BY at, status DESC`,
    )
    return rows
  })

test(
  'whoever cannot read registry tells it; the projector goes on, and answers which command an operator must run; that mends it',
  async () => {
    flipBit(segmentFile(`${line.config.topicPrefix}registry`, 0), 1n, BATCH_FIELD.checksum)
    await expect(newcomer('one')).rejects.toThrow(/registry, partition 0: offsets 1 to \d+ are damaged/)
    const events = await until('the end of the repair', MINUTE, async () => {
      const rows = await told()
      return rows.some(({ status }) => status !== 'requested') && rows
    })
    expect(events).toEqual([
      {
        status: 'requested',
        by: 'newcomer',
        fault: 'records-damaged',
        lane: null,
        detail: expect.stringMatching(/^offsets 1 to/),
      },
      {
        ...{ status: 'failed', by: 'projector', fault: 'records-damaged', lane: null },
        detail: expect.stringMatching(
          /^offsets 1 to \d+ are damaged .*nobody steps over a record of registry\. Run: meterchain /,
        ),
      },
    ])

    await line.sendBlocks(1)
    await line.running?.caughtUp()
    expect(line.ends).toEqual([])
    const [, command = ''] = /Run: meterchain (.*)$/.exec(events[1]?.detail ?? '') ?? []
    expect(command).toBe('restore --topic registry --recreate --yes')
    expect(await cliMust(...command.split(' '))).toMatch(/registry: \d+ records put into the topic/)
    const started = await newcomer('two')
    expect(started.registry.state.size).toBe(line.follower.state.size)
    await started.stop()
    await line.sendBlocks(1)
    await line.untilWhole('registry made again by the command that was told')
    expect((await told()).at(-1)).toMatchObject({ status: 'completed' })
  },
  2 * MINUTE,
)
