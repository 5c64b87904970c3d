/** Topics of the whole line are damaged, made again and lost while readings come, and every reading counts, once, in the end. Prints the
 *  time from fault to healed. */
import { join } from 'node:path'
import { afterAll, beforeAll, expect } from '@jest/globals'
import pino from 'pino'
import { deliver } from '../../ingest/meter/deliver.js'
import { urlOf, withClient } from '../../projector/migrate.js'
import { doorUrlOf, type Sender, withSender } from '../cli/sender.js'
import { DEFAULT_BEGIN, enrolRun, signRun } from '../cli/simulation.js'
import { createKafka } from '../kafka/client.js'
import { recreateTopic } from '../kafka/topics.js'
import { postgresAdminUrl } from '../services/postgres.js'
import { databaseUrls } from '../system/database-urls.js'
import { type Load, startLoad } from '../testing/acknowledged-load.js'
import { BATCH_FIELD, batchPlaces, flipBit, segmentFile } from '../testing/broker-disk.js'
import { fullTest, isFull } from '../testing/full.js'
import { buildStages, type LocalSystem, localSystem } from '../testing/local-system.js'
import { cliMust, runCli } from '../testing/run-cli.js'
import { until } from '../testing/until.js'
import {
  countReadings,
  replayAndCompare,
  toldRepairs,
  untilAllVisible,
  verifyAndAudit,
  withDatabase,
} from '../testing/whole-system.js'

const MINUTE = 60_000
let system: LocalSystem

beforeAll(async () => {
  if (!isFull) return
  buildStages()
  system = await localSystem('restore', { METERCHAIN_RESTORE: 'off' })
  await cliMust('up')
}, 3 * MINUTE)
afterAll(() => system?.remove(), MINUTE)

const kafka = () => createKafka(system.config, pino({ level: 'silent' }))

/** Breaks and heals under load; every acknowledged reading counts once afterwards, and log, tables and verification agree. */
async function underLoad(what: string, seed: number, breakAndHeal: (load: Load) => Promise<void>): Promise<void> {
  const acknowledged = await withSender(system.config, doorUrlOf(system.config), async (sender) => {
    const load = startLoad(sender, { seed, households: 40, batchReadings: 16 })
    await load.untilMore(200)
    const began = Date.now()
    await breakAndHeal(load)
    await load.untilMore(100)
    process.stderr.write(`${what}: healed after ${Date.now() - began} ms\n`)
    await load.finish()
    return load.acknowledged
  })
  await untilAllVisible(system.config)
  expect(await countReadings(system.config, acknowledged)).toMatchObject({ lost: [], twice: 0 })
  // offsets and times of what was appended again are those of its new place
  await runCli('audit', '--repair')
  await verifyAndAudit(system.config)
  await replayAndCompare()
}

const blocksOf = (lane: number) =>
  withDatabase(system.config, 'analyst', async (client) => {
    const { rows } = await client.query<{ n: number }>('SELECT count(*)::int AS n FROM analytics.blocks WHERE lane = $1', [lane])
    return rows[0]?.n ?? 0
  })

fullTest(
  'a block damaged on the broker’s disk: verify names lane and offset, restore puts it back while readings come',
  async () => {
    await underLoad('a damaged block', 31, async () => {
      const file = segmentFile('chain', 0, system.config.home)
      // readings may be acknowledged before any block of them is sealed, and blocks be final before a replica has them
      await until('blocks that the replica has', MINUTE, async () => (await blocksOf(0)) > 5)
      const offset = batchPlaces(file)[4]?.firstOffset ?? 0n
      flipBit(file, offset, BATCH_FIELD.checksum)
      const verified = await runCli('verify', '--json')
      expect(verified.code).toBe(1)
      expect(`${verified.stderr}${verified.stdout}`).toMatch(new RegExp(`chain/0 offset ${offset}: damaged`))
      const dry = await runCli('restore', '--topic', 'chain')
      expect(dry).toMatchObject({ code: 1, stdout: expect.stringMatching(/nothing was written.*restore --topic chain --yes/s) })
      expect(await cliMust('restore', '--topic', 'chain', '--yes')).toMatch(/chain: \d+ records appended, in \d+ ms/)
      expect(await cliMust('restore', '--topic', 'chain', '--yes')).toMatch(/chain: nothing to restore/)
    })
    expect(await toldRepairs('restore')).toContainEqual(expect.objectContaining({ status: 'completed', subject: 'topic chain' }))
  },
  4 * MINUTE,
)

/** A database of its own that holds what the projector’s holds now. */
async function anotherReplica(): Promise<string> {
  const { writer } = databaseUrls(system.config)
  const name = new URL(writer).pathname.slice(1)
  // nobody may be connected to what is copied, and the projector comes again
  await until('a copy of the database', MINUTE, () =>
    withClient(postgresAdminUrl(system.config), async (client) => {
      await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name])
      return client.query(`CREATE DATABASE another TEMPLATE ${name}`).then(
        () => true,
        (error: { code?: string }) => {
          if (error.code === '55006') return false // in use
          throw error
        },
      )
    }),
  )
  return urlOf(writer, 'another')
}

fullTest(
  'chain deleted and made again, empty: stages say so and wait, and go on after the restore, from any replica, with no reading lost',
  async () => {
    await underLoad('a lost chain', 32, async () => {
      // else the log may rest on enrolments that the copy does not hold
      const before = await blocksOf(0)
      await until('blocks of these meters in the tables', MINUTE, async () => (await blocksOf(0)) > before + 3)
      const another = await anotherReplica()
      await recreateTopic(kafka(), system.config, 'chain')
      const said = () =>
        system
          .stageNames()
          .flatMap((name) => system.log(name))
          .filter((line) => line.includes('meterchain restore'))
      await until('a stage says what to do', MINUTE, () => said().length > 0)
      expect(await cliMust('restore', '--from', another, '--yes')).toMatch(/chain: \d+ records appended/)
      // what became final after the copy
      await cliMust('restore', '--yes')
      await system.untilReady()
    })
  },
  5 * MINUTE,
)

fullTest(
  'registry damaged: verify and stages stop at it, and it is made again from the replica',
  async () => {
    await underLoad('a damaged registry', 33, async () => {
      flipBit(segmentFile('registry', 0, system.config.home), 1n, BATCH_FIELD.records + 30)
      expect(await runCli('verify')).toMatchObject({
        code: 1,
        stdout: expect.stringMatching(/registry.*offsets 1 to 1 are damaged/),
      })
      expect((await runCli('restore', '--topic', 'registry', '--yes')).stdout).toMatch(/--recreate --yes/)
      await cliMust('restore', '--topic', 'registry', '--recreate', '--yes')
      await system.untilReady()
    })
  },
  5 * MINUTE,
)

/** All that was signed counts in the end, although some of it was lost on its way. */
async function deliverAll(sender: Sender, seed: number, onFirst: () => Promise<void>): Promise<number> {
  const run = { seed, households: 30, begin: DEFAULT_BEGIN, days: 2 }
  signRun(sender.store, { ...run, days: 0 })
  await enrolRun(sender, { ...run, days: 0 })
  const { meters } = signRun(sender.store, run)
  let broken: Promise<void> | undefined
  const onProgress = ({ accepted }: { accepted: number }) => {
    if (accepted >= 200) broken ??= onFirst()
  }
  const how = { batchReadings: 16, resendMillis: 2_000, stallMillis: 2 * MINUTE, onProgress }
  const report = await deliver({ store: sender.store, door: sender.door, meters, ...how })
  await broken
  expect(report.left).toBe(0)
  return report.confirmed
}

fullTest(
  'a lost partition of readings: a new source epoch, and meters send again what does not count',
  async () => {
    const began = Date.now()
    const confirmed = await withSender(system.config, doorUrlOf(system.config), (sender) =>
      deliverAll(sender, 34, async () => {
        await recreateTopic(kafka(), system.config, 'readings')
        for (let lane = 0; lane < system.config.lanes; lane++) {
          const file = join(system.config.home, `epoch-${lane}.json`)
          await cliMust('registry', 'propose', 'new-source-epoch', String(lane), '--out', file)
          await cliMust('registry', 'sign', file)
          await cliMust('registry', 'submit', file)
        }
      }),
    )
    process.stderr.write(`lost readings: all count after ${Date.now() - began} ms\n`)
    expect(confirmed).toBe(30 * 48)
    await untilAllVisible(system.config)
    await verifyAndAudit(system.config)
  },
  5 * MINUTE,
)
