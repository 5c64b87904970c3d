/** Starts an authority's part in the checkpoints: the first of its validator's instances makes and signs them, and so follows the
 *  lanes of the others as well; each other one only reads them, to hold its own lanes against them. */
import { randomUUID } from 'node:crypto'
import { Gauge } from 'prom-client'
import { appendAgain } from '../../infra/chain/append-again.js'
import { ChainFollower } from '../../infra/chain/chain-follower.js'
import type { MeterStates } from '../../infra/chain/meter-states.js'
import { CheckpointFeed, isSignedBy } from '../../infra/checkpoints/checkpoint-feed.js'
import { decodeCheckpointPosition, logAt } from '../../infra/checkpoints/checkpoint-position.js'
import type { Metrics } from '../../infra/metrics.js'
import type { Running, Runtime } from '../../infra/stage-runtime.js'
import { BugError } from '../../schemas/errors.js'
import type { VoterDeps } from '../voter.js'
import { CheckpointGuard } from './guard.js'
import { CheckpointKeeper } from './keeper.js'

export interface CheckpointDeps extends Runtime, VoterDeps {
  readonly states: MeterStates
  readonly metrics: Metrics
  /** Lanes that this instance validates, and those of the others. */
  readonly lanes: readonly number[]
  readonly others: readonly number[]
  /** Whether it makes and signs checkpoints. */
  readonly isMaker: boolean
  readonly staleMillis: number
  outgrownAt(size: number): number | undefined
}

export interface Checkpoints extends Running {
  readonly guard: CheckpointGuard
  /** A block became final here, and is kept. */
  laneMoved(lane: number, height: bigint): void
  poke(): void
}

export async function startCheckpoints(deps: CheckpointDeps): Promise<Checkpoints> {
  const { registry, states, signatures, config, metrics, key, logger, isMaker } = deps
  const { finals } = states
  if (finals === undefined) throw new BugError('checkpoints need the final blocks to be kept')
  const written = finals.checkpoint()
  const position = written === undefined ? undefined : decodeCheckpointPosition(written)
  const { log, nodes } = logAt(position, registry.state.lanes)
  const others = isMaker ? deps.others : []
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
    onFinal: (checkpoint) => {
      guard.taken(checkpoint)
      keeper?.taken(checkpoint)
      size.set(checkpoint.head.size)
      logger.debug({ size: checkpoint.head.size }, 'checkpoint')
    },
    onCosignature: (cosignature) => {
      const { authorities } = registry.state.governanceAt(feed.reader.state.final.registrySize)
      const isOurs =
        cosignature.authority === key.id && isSignedBy(cosignature, { head: log.head, authorities, chainId }, signatures.verify)
      if (isOurs) keeper?.noteCosignature(cosignature)
    },
    onChange: () => poke(),
    onFailure: deps.onFatal,
    onShort: () => appendAgain(finals.records, { topic: 'checkpoints', lane: feed.reader.lane, partition: 0 }, deps),
  })
  const heightOf = (lane: number) => states.position(lane)?.final.height ?? 0n
  const heights = new Map([...deps.lanes, ...others].map((lane) => [lane, heightOf(lane)]))
  const guard: CheckpointGuard = new CheckpointGuard(feed, { logger, finals, nodes, heights })
  const intervalMillis = config.checkpointMillis
  const keeper = isMaker ? new CheckpointKeeper(feed, { ...deps, finals, guard, intervalMillis }) : undefined
  const poke = () => {
    guard.readOn()
    keeper?.poke()
  }
  const laneMoved = (lane: number, height: bigint) => {
    guard.laneMoved(lane, height)
    keeper?.laneMoved(lane, height)
  }
  const follower = followOthers(deps, others, laneMoved)
  await Promise.all([feed.start(), follower?.start()])
  const stop = async () => {
    await keeper?.stop()
    await feed.stop()
    await follower?.stop()
  }
  return { guard, laneMoved, poke, stop }
}

/** What other instances make final, kept here as well. */
function followOthers(
  deps: CheckpointDeps,
  others: readonly number[],
  moved: Checkpoints['laneMoved'],
): ChainFollower | undefined {
  const { states } = deps
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
