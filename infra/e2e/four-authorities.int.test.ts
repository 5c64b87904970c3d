/** Four authorities on one machine, each with a chainer and a validator of its own. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { chaos } from '../chaos/chaos.js'
import { FAULTS, faultsFor } from '../chaos/faults.js'
import { isRight } from '../chaos/report.js'
import { doorUrlOf, withSender } from '../cli/sender.js'
import { startLoad } from '../testing/acknowledged-load.js'
import { fullTest } from '../testing/full.js'
import { buildStages, type LocalSystem, localSystem } from '../testing/local-system.js'
import { cliMust } from '../testing/run-cli.js'
import { until } from '../testing/until.js'
import { countReadings, toldRepairs, untilAllVisible, verifyAndAudit, votesInLog, withDatabase } from '../testing/whole-system.js'

const MINUTE = 60_000
const authorities = [1, 2, 3, 4].map((number) => `authority-${number}`)
let system: LocalSystem

beforeAll(async () => {
  buildStages()
  system = await localSystem('e2e-four', { METERCHAIN_LANES: '2' })
}, MINUTE)
afterAll(() => system?.remove(), MINUTE)

/** Blocks whose turn was the first authority’s, and that another one sealed. */
const sealedByOthers = () =>
  withDatabase(system.config, 'analyst', async (client) => {
    const { rows } = await client.query<{ proposer: string }>(
      `SELECT proposer FROM analytics.blocks WHERE (lane + height) % 4 = 0 AND proposer <> 'authority-1'`,
    )
    return rows.map(({ proposer }) => proposer)
  })

test(
  'up starts a chainer and a validator for each of four founders',
  async () => {
    await cliMust('up', '--authorities', '4')
    const { stages } = JSON.parse(await cliMust('status', '--json'))
    const names = authorities.flatMap((id) => [`chainer-${id}`, `validator-${id}`])
    expect(stages.map(({ name }: { name: string }) => name).sort()).toEqual([...names, 'ingest', 'projector'].sort())
  },
  3 * MINUTE,
)

test(
  'one silent and killed in its turn is followed by the next; all agree, and nothing is lost or counts twice',
  async () => {
    const acknowledged = await withSender(system.config, doorUrlOf(system.config), async (sender) => {
      const load = startLoad(sender, { seed: 4, households: 40, batchReadings: 16 })
      await load.untilMore(50)
      process.kill(system.process('chainer-authority-1').pid, 'SIGSTOP')
      const others = await until('a block of another in the turn of authority-1', MINUTE, async () => {
        const proposers = await sealedByOthers()
        return proposers.length > 0 && proposers
      })
      expect(authorities.slice(1)).toEqual(expect.arrayContaining(others))
      await system.kill('chainer-authority-1')
      await Promise.all(['validator-authority-2', 'validator-authority-3'].map((name) => system.kill(name)))
      const silence = await until('that it was silent, and is heard again', MINUTE, async () => {
        const told = await toldRepairs('reseal')
        return told.find((each) => each.subject === 'authority-1' && each.status === 'completed')
      })
      expect(silence).toMatchObject({ fault: 'silent', tookMillis: expect.any(Number) })
      await load.finish()
      return load.acknowledged
    })
    await system.untilReady()
    await untilAllVisible(system.config)
    const { counted, lost, twice } = await countReadings(system.config, acknowledged)
    expect({ lost, twice }).toEqual({ lost: [], twice: 0 })
    expect(await votesInLog(system.config)).toEqual({ voters: authorities, contradicted: [] })
    expect(await verifyAndAudit(system.config)).toEqual({ counted })
  },
  3 * MINUTE,
)

const CHAOS_SECONDS = 60

// `make chaos` does the same by itself
fullTest(
  `${CHAOS_SECONDS} seconds of faults from a seed, each until it is healed: nothing is lost, nothing counts twice, all agree`,
  async () => {
    const tell = (line: string) => void process.stderr.write(`${line}\n`)
    const result = await chaos(system, { seed: 7, seconds: CHAOS_SECONDS, rounds: 1, faults: faultsFor(FAULTS, false), tell })
    expect(result).toMatchObject({ lost: 0, twice: 0, contradicted: 0, final: result.visible })
    expect(isRight(result)).toBe(true)
    expect(result.healed.length).toBeGreaterThan(0)
    expect(result.final).toBeGreaterThanOrEqual(result.acknowledged)
  },
  20 * MINUTE,
)
