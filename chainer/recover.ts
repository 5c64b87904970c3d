/** Takes up lanes from the tail of their logs: looks at the last 64 records, then at eight times as many, until an anchor is there or
 *  the whole log has been looked at, which is then folded from its genesis. */
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { laneRules } from '../infra/chain/lane-reader.js'
import type { Config } from '../infra/config.js'
import { endOffsets, readLog } from '../infra/kafka/log-reader.js'
import type { RegistryFollower } from '../infra/registry/registry-follower.js'
import type { LaneRules } from '../schemas/lane-fold.js'
import { type Anchor, AnchorFinder } from './anchor.js'

const FIRST_LOOK = 64n
const LOOK_GROWTH = 8n

export interface RecoverDeps {
  readonly kafka: Kafka
  readonly config: Config
  readonly logger: Logger
  readonly registry: RegistryFollower
  readonly verify: LaneRules['verify']
}

/** The newest anchor of each lane; undefined where a lane has none and begins at its genesis. */
export async function recoverLanes(lanes: readonly number[], deps: RecoverDeps): Promise<Map<number, Anchor | undefined>> {
  await deps.registry.caughtUp()
  const ends = await endOffsets(deps.kafka, deps.config.topicPrefix, 'chain')
  const found = await Promise.all(
    lanes.map(async (lane) => {
      const end = ends.get(lane)
      return [lane, end === undefined ? undefined : await recoverLane(lane, end, deps)] as const
    }),
  )
  return new Map(found)
}

async function recoverLane(lane: number, end: { low: bigint; high: bigint }, deps: RecoverDeps): Promise<Anchor | undefined> {
  const rules = laneRules(deps.registry.state, deps.verify)
  for (let look = FIRST_LOOK; ; look *= LOOK_GROWTH) {
    const from = end.high - look > end.low ? end.high - look : end.low
    const finder = new AnchorFinder(rules, deps.registry.state.size)
    const part = { topicPrefix: deps.config.topicPrefix, topic: 'chain', partition: lane, from, until: end.high } as const
    for await (const record of readLog({ kafka: deps.kafka, logger: deps.logger, ...part })) finder.take(record)
    if (finder.anchor !== undefined || from === end.low) return finder.anchor
  }
}
