/** What the line stands on is away for a minute: it waits, and goes on where it was. Seconds of that are in the faults of `make chaos`. */
import { setTimeout as pause } from 'node:timers/promises'
import { afterAll, beforeAll, expect } from '@jest/globals'
import type { RepairRow } from '../cli/commands/repairs.js'
import { doorUrlOf, withSender } from '../cli/sender.js'
import { startServices } from '../services/services.js'
import { endProcess, isRunning } from '../supervisor/pid-file.js'
import { startLoad } from '../testing/acknowledged-load.js'
import { fullTest, isFull } from '../testing/full.js'
import { buildStages, type LocalSystem, localSystem } from '../testing/local-system.js'
import { cliMust } from '../testing/run-cli.js'
import { until } from '../testing/until.js'
import { countReadings, replayAndCompare, toldRepairs, untilAllVisible, verifyAndAudit } from '../testing/whole-system.js'

const MINUTE = 60_000
const AWAY_MILLIS = 60_000
let system: LocalSystem

beforeAll(async () => {
  if (!isFull) return
  buildStages()
  system = await localSystem('e2e-away', { METERCHAIN_LANES: '2' })
  await cliMust('up')
}, 3 * MINUTE)
afterAll(() => system?.remove(), MINUTE)

/** Under load; afterwards every acknowledged reading counts, once, and log, tables and verification agree. */
async function whileAway(seed: number, happen: () => Promise<void>): Promise<void> {
  const acknowledged = await withSender(system.config, doorUrlOf(system.config), async (sender) => {
    const load = startLoad(sender, { seed, households: 20, batchReadings: 16 })
    await load.untilMore(50)
    await happen()
    const back = Date.now()
    await load.untilMore(50)
    await system.untilReady()
    process.stderr.write(`acknowledged again, and all ready, ${Date.now() - back} ms after it was back\n`)
    await load.finish()
    return load.acknowledged
  })
  await untilAllVisible(system.config)
  const { counted, lost, twice } = await countReadings(system.config, acknowledged)
  expect({ lost, twice }).toEqual({ lost: [], twice: 0 })
  expect(await verifyAndAudit(system.config)).toEqual({ counted })
  await replayAndCompare()
}

/** What the projector told of waiting for that, once it was told so far. */
async function toldOf(fault: string, status: string): Promise<RepairRow> {
  const all = () => toldRepairs('wait')
  const found = (rows: RepairRow[]) => rows.find((each) => each.fault === fault && each.status === status)
  return until(`${fault} is told as ${status}`, MINUTE, async () => found(await all()), all)
}

const away = (service: 'kafka' | 'postgres' | 'registry') => async () => {
  await endProcess(system.process(service), 0, 'SIGKILL')
  await pause(AWAY_MILLIS)
  await startServices(system.config)
}

async function wasTold(fault: string): Promise<void> {
  const { tookMillis } = await toldOf(fault, 'completed')
  expect(tookMillis).toBeGreaterThan(AWAY_MILLIS - 15_000)
  expect(tookMillis).toBeLessThan(2 * AWAY_MILLIS)
}

fullTest(
  'the broker away for a minute under load: nothing is lost, nothing counts twice',
  async () => {
    await whileAway(11, away('kafka'))
    await wasTold('broker-away')
  },
  6 * MINUTE,
)
fullTest(
  'PostgreSQL away for a minute under load: nothing is lost, nothing counts twice',
  async () => {
    await whileAway(12, away('postgres'))
    await wasTold('database-away')
  },
  6 * MINUTE,
)
fullTest(
  'the registry server away for a minute under load: nothing is lost, nothing counts twice',
  async () => {
    await whileAway(13, away('registry'))
    await wasTold('schema-registry-away')
  },
  6 * MINUTE,
)
fullTest(
  'the registry server for good: every stage starts without it, and all goes on',
  () =>
    whileAway(14, async () => {
      const server = system.process('registry')
      await endProcess(server, 0, 'SIGKILL')
      await Promise.all(system.stageNames().map((name) => system.kill(name)))
      await system.untilReady()
      expect(isRunning(server)).toBe(false)
      await toldOf('schema-registry-away', 'requested')
    }),
  6 * MINUTE,
)
