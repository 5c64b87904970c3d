/** Topic chain of four authorities is damaged, cut off, deleted and made again under load, and nobody does anything about it. Prints the
 *  time from fault to healed. */
import { truncateSync } from 'node:fs'
import { afterAll, beforeAll, expect } from '@jest/globals'
import pino from 'pino'
import { doorUrlOf, withSender } from '../cli/sender.js'
import { createKafka } from '../kafka/client.js'
import { recreateTopic } from '../kafka/topics.js'
import { startLoad } from '../testing/acknowledged-load.js'
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
  votesInLog,
} from '../testing/whole-system.js'

const MINUTE = 60_000
let system: LocalSystem

beforeAll(async () => {
  if (!isFull) return
  buildStages()
  system = await localSystem('self-restore', { METERCHAIN_LANES: '2', METERCHAIN_AUDIT_ROWS_PER_SECOND: '100000' })
  await cliMust('up', '--authorities', '4')
}, 3 * MINUTE)
afterAll(() => system?.remove(), MINUTE)

/** Breaks it under load, and waits. Every acknowledged reading counts once afterwards; log, tables and verification agree, and so do all
 *  authorities. */
async function healsByItself(what: string, fault: string, seed: number, breakIt: () => Promise<void>): Promise<void> {
  const before = await toldRepairs('restore')
  const acknowledged = await withSender(system.config, doorUrlOf(system.config), async (sender) => {
    const load = startLoad(sender, { seed, households: 40, batchReadings: 16 })
    await load.untilMore(200)
    const began = Date.now()
    await breakIt()
    const told = await until(
      'the end of a restore is told',
      3 * MINUTE,
      async () => {
        const rows = (await toldRepairs('restore')).slice(before.length)
        return rows.length > 0 && rows.every(({ status }) => status === 'completed') && rows
      },
      () => toldRepairs('restore'),
    )
    await load.untilMore(100)
    process.stderr.write(`${what}: healed after ${Date.now() - began} ms\n${JSON.stringify(told)}\n`)
    for (const row of told) expect(row).toMatchObject({ subject: 'topic chain', fault })
    await load.finish()
    return load.acknowledged
  })
  await system.untilReady()
  await untilAllVisible(system.config)
  expect(await countReadings(system.config, acknowledged)).toMatchObject({ lost: [], twice: 0 })
  expect(await votesInLog(system.config)).toMatchObject({ contradicted: [] })
  // offsets and times of what was appended again are those of its new place
  await runCli('audit', '--repair')
  await verifyAndAudit(system.config)
  await replayAndCompare()
}

const chainFile = (lane: number) => segmentFile('chain', lane, system.config.home)

fullTest(
  'a block damaged on the broker’s disk: the audit reads it, and what stands on it is appended again',
  () =>
    healsByItself('a damaged block', 'records-damaged', 41, async () => {
      const offset = await until('records of blocks and votes', MINUTE, () => batchPlaces(chainFile(0))[4]?.firstOffset)
      flipBit(chainFile(0), offset, BATCH_FIELD.checksum)
    }),
  6 * MINUTE,
)

fullTest(
  'chain cut off at its end while the broker was away: stages that were further go on, and it is appended again',
  () =>
    healsByItself('a log that was cut off', 'records-lost', 42, () =>
      system.restartBroker(() => {
        const places = batchPlaces(chainFile(1))
        truncateSync(chainFile(1), places.at(-20)?.at ?? 0)
      }),
    ),
  6 * MINUTE,
)

fullTest(
  'chain deleted and made again, empty, while all stages run',
  () =>
    healsByItself('a lost chain', 'records-lost', 43, () =>
      recreateTopic(createKafka(system.config, pino({ level: 'silent' })), system.config, 'chain'),
    ),
  6 * MINUTE,
)
