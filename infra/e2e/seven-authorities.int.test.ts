/** Seven authorities by stake on one machine: two may be dead, with three nothing becomes final, and all goes on when they are back. */
import { afterAll, beforeAll, expect } from '@jest/globals'
import { doorUrlOf, withSender } from '../cli/sender.js'
import { finalHeights } from '../cli/visible.js'
import { startLoad } from '../testing/acknowledged-load.js'
import { fullTest, isFull } from '../testing/full.js'
import { buildStages, type LocalSystem, localSystem } from '../testing/local-system.js'
import { cliMust } from '../testing/run-cli.js'
import { until } from '../testing/until.js'
import { countReadings, replayAndCompare, untilAllVisible, verifyAndAudit, votesInLog } from '../testing/whole-system.js'

const MINUTE = 60_000
const authorities = [1, 2, 3, 4, 5, 6, 7].map((number) => `authority-${number}`)
/** Longer than the seven together wait for their turns: were it possible without a quorum, it would have happened. */
const NOTHING_MILLIS = 8_000
let system: LocalSystem

beforeAll(async () => {
  if (!isFull) return
  buildStages()
  system = await localSystem('e2e-seven', { METERCHAIN_LANES: '2' })
}, MINUTE)
afterAll(() => system?.remove(), MINUTE)

const signal = (ids: readonly string[], which: 'SIGSTOP' | 'SIGCONT') => {
  for (const stage of ids.flatMap((id) => [`chainer-${id}`, `validator-${id}`])) process.kill(system.process(stage).pid, which)
}
const heights = async () => [...(await finalHeights(doorUrlOf(system.config))).values()].reduce((sum, height) => sum + height, 0)
const untilHigher = async (blocks: number) => {
  const before = await heights()
  await until(`${blocks} more final blocks`, 2 * MINUTE, async () => (await heights()) >= before + blocks, heights)
}

fullTest(
  'two of seven dead: it goes on; three dead: nothing becomes final; back: nothing was lost, nothing counts twice, all agree',
  async () => {
    await cliMust('up', '--authorities', '7', '--consensus', 'pos')
    const acknowledged = await withSender(system.config, doorUrlOf(system.config), async (sender) => {
      const load = startLoad(sender, { seed: 5, households: 40, batchReadings: 16 })
      await load.untilMore(50)
      signal(authorities.slice(0, 2), 'SIGSTOP')
      await untilHigher(14)
      signal(authorities.slice(2, 3), 'SIGSTOP')
      const stillAt = await settled()
      const until = Date.now() + NOTHING_MILLIS
      while (Date.now() < until) expect(await heights()).toBe(stillAt)
      signal(authorities.slice(0, 3), 'SIGCONT')
      await untilHigher(14)
      await load.finish()
      return load.acknowledged
    })
    await system.untilReady()
    await untilAllVisible(system.config)
    const { counted, lost, twice } = await countReadings(system.config, acknowledged)
    expect({ lost, twice }).toEqual({ lost: [], twice: 0 })
    expect(await votesInLog(system.config)).toEqual({ voters: authorities, contradicted: [] })
    expect(await verifyAndAudit(system.config)).toEqual({ counted })
    await replayAndCompare()
  },
  10 * MINUTE,
)

/** What was voted on before the third one fell silent may still become final. */
async function settled(): Promise<number> {
  let last = await heights()
  let since = Date.now()
  return until('nothing more becomes final', MINUTE, async () => {
    const now = await heights()
    if (now !== last) since = Date.now()
    last = now
    return Date.now() - since > 3_000 && last
  })
}
