/** Starts an authority's part in the checkpoints: in the first of its validator's instances, which also follows the lanes of the others. */
import { randomUUID } from 'node:crypto'
import { Gauge } from 'prom-client'
import { ChainFollower } from '../../infra/chain/chain-follower.js'
import type { MeterStates } from '../../infra/chain/meter-states.js'
import { CheckpointFeed, isSignedBy } from '../../infra/checkpoints/checkpoint-feed.js'
import { decodeCheckpointPosition, logAt } from '../../infra/checkpoints/checkpoint-position.js'
import type { Metrics } from '../../infra/metrics.js'
import type { Running, Runtime } from '../../infra/stage-runtime.js'
import { BugError } from '../../schemas/errors.js'
import type { VoterDeps } from '../voter.js'
import { CheckpointKeeper } from './keeper.js'

export interface CheckpointDeps extends Runtime, VoterDeps {
  readonly states: MeterStates
  readonly metrics: Metrics
  /** Lanes that another instance validates. */
  readonly others: readonly number[]
  readonly staleMillis: number
  outgrownAt(size: number): number | undefined
}

export async function startCheckpoints(deps: CheckpointDeps): Promise<Running & { keeper: CheckpointKeeper }> {
  const { registry, states, signatures, config, metrics, key, logger } = deps
  const { finals } = states
  if (finals === undefined) throw new BugError('checkpoints need the final blocks to be kept')
  const written = finals.checkpoint()
  const position = written === undefined ? undefined : decodeCheckpointPosition(written)
  const { log, nodes } = logAt(position, registry.state.lanes)
  const lanes = Array.from({ length: registry.state.lanes }, (_, lane) => lane)
  const size = new Gauge({
    name: 'meterchain_checkpoint_size',
    help: 'final blocks that the newest checkpoint covers',
    registers: [metrics.registry],
  })
  size.set(log.size)
  const { chainId } = registry.state
  const feed: CheckpointFeed = new CheckpointFeed({
    ...deps,
    verify: signatures.verify,
    groupId: `meterchain-checkpoints-${key.id}-${randomUUID()}`,
    position: position?.at,
    log,
    onFinal: (checkpoint) => keeper.taken(checkpoint),
    onCosignature: (cosignature) => {
      const { authorities } = registry.state.governanceAt(feed.reader.state.final.registrySize)
      const isOurs =
        cosignature.authority === key.id && isSignedBy(cosignature, { head: log.head, authorities, chainId }, signatures.verify)
      if (isOurs) keeper.noteCosignature(cosignature)
    },
    onChange: () => keeper.poke(),
    onFailure: deps.onFatal,
  })
  const keeper: CheckpointKeeper = new CheckpointKeeper(feed, {
    ...deps,
    ...{ finals, nodes },
    heights: new Map(lanes.map((lane) => [lane, states.position(lane)?.final.height ?? 0n])),
    intervalMillis: config.checkpointMillis,
    onCheckpoint: (head) => {
      size.set(head.size)
      logger.debug({ size: head.size }, 'checkpoint')
    },
  })
  const others = followOthers(deps, (lane, height) => keeper.laneMoved(lane, height))
  await Promise.all([feed.start(), others?.start()])
  const stop = async () => {
    await keeper.stop()
    await feed.stop()
    await others?.stop()
  }
  return { keeper, stop }
}

/** What other instances make final, kept here as well. */
function followOthers(deps: CheckpointDeps, moved: (lane: number, height: bigint) => void): ChainFollower | undefined {
  const { others, states } = deps
  if (others.length === 0) return undefined
  const follower: ChainFollower = new ChainFollower({
    ...deps,
    verify: deps.signatures.verify,
    groupId: `meterchain-checkpoint-lanes-${deps.key.id}-${randomUUID()}`,
    positions: new Map(others.map((lane) => [lane, states.position(lane)])),
    onFinal: ({ lane, header }) => {
      states.commit(lane, follower.position(lane), new Map())
      moved(lane, header.height)
    },
    onFailure: deps.onFatal,
  })
  return follower
}
