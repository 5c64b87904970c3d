/** What a false authority appends. */
import { hex } from '../../schemas/bytes.js'
import { loadKeyFile } from '../keys.js'
import { keyPath } from '../system/authorities.js'
import { until } from '../testing/until.js'
import { FalseAuthority } from './false-authority.js'
import { type Fault, falseId, lanesMoved, withLogs, withTables } from './world.js'
import { WRONG_KINDS, type Wrong } from './wrong-block.js'

const MINUTE = 60_000

/** Wrong in time alone, a block may all the same become final where nothing else does. */
const TIMING: readonly Wrong[] = ['too-early', 'future-date']
/** What takes ten seconds without a block in the lane has no place under load. */
const STRIKES = WRONG_KINDS.filter((how) => how !== 'stale-registry-state')

export const wrongBlocks: Fault = {
  kind: 'wrong-block',
  meaning: 'one authority of four seals a wrong block: until another one’s is final in its place',
  inject: async (world) => {
    const how = world.random.pick(STRIKES)
    const lane = world.random.below(world.config.lanes)
    const key = await loadKeyFile(keyPath(world.config.home, falseId(world)))
    const { height, hash } = await withLogs(world, async (runtime) => {
      const liar = await FalseAuthority.start(runtime, key)
      try {
        return await liar.strike(lane, how)
      } finally {
        await liar.stop()
      }
    })
    const isHealed = () =>
      withTables(world, async (client) => {
        const { rows } = await client.query<{ hash: string }>(
          'SELECT hash FROM analytics.blocks WHERE lane = $1 AND height = $2',
          [lane, String(height)],
        )
        if (rows[0]?.hash === hex(hash) && !TIMING.includes(how))
          throw new Error(`a block with ${how} is final in lane ${lane} at ${height}`)
        return rows.length > 0
      })
    return { told: `${how} in lane ${lane} at ${height}`, at: Date.now(), isHealed }
  },
}

export const otherVotes: Fault = {
  kind: 'other-votes',
  meaning: 'one authority of four votes for other verdicts, or contradicts itself, in every lane',
  inject: async (world) => {
    const voting = world.random.pick(['other-verdict', 'contradicts'] as const)
    const key = await loadKeyFile(keyPath(world.config.home, falseId(world)))
    const at = Date.now()
    await withLogs(world, async (runtime) => {
      const liar = await FalseAuthority.start(runtime, key)
      liar.voting = voting
      try {
        await until('blocks in all lanes all the same', MINUTE, async () => (await lanesMoved(world, at)) === world.config.lanes)
      } finally {
        await liar.stop()
      }
    })
    return { told: voting, at }
  },
}
