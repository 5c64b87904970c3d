/** The chainer's shell: reads its lanes, lets each be sealed, tells how it fares. */
import { randomUUID } from 'node:crypto'
import { LaneFeeds } from '../infra/chain/lane-feeds.js'
import { startHealthServer } from '../infra/health.js'
import { foreignKeyWarning, type HeldKeys } from '../infra/held-keys.js'
import { createMetrics } from '../infra/metrics.js'
import type { Running, Runtime } from '../infra/stage-runtime.js'
import { LaneSealer } from './lane-sealer.js'
import { recoverLanes } from './recover.js'

export interface ChainerDeps extends Runtime, HeldKeys {
  /** Lanes to seal; all of the chain where it is not given. */
  readonly lanes?: readonly number[]
}

export async function startChainer(deps: ChainerDeps): Promise<Running & { port: number }> {
  const { config, logger, registry, key } = deps
  const metrics = createMetrics('chainer')
  const warning = foreignKeyWarning(registry.state.governanceAt(registry.state.size).authorities, deps)
  if (warning !== undefined) logger.warn({ authority: key.id }, warning)
  const lanes = deps.lanes ?? Array.from({ length: registry.state.lanes }, (_, lane) => lane)
  const anchors = await recoverLanes(lanes, { ...deps, verify: deps.signatures.verify })
  const sealers = new Map<number, LaneSealer>()
  let changedAt = 0
  const feeds = new LaneFeeds({
    ...deps,
    verify: deps.signatures.verify,
    groupId: `meterchain-chainer-${key.id}-${randomUUID()}`,
    positions: anchors,
    onFinal: () => undefined,
    onChange: (feed) => {
      metrics.lag.set({ topic: 'readings', partition: feed.lane }, Number(feed.readingsEnd - feed.readingsNext))
      metrics.queueDepth.set({ queue: `pending-${feed.lane}` }, feed.pending.length)
      sealers.get(feed.lane)?.poke()
    },
    onFailure: deps.onFatal,
  })
  for (const feed of feeds.all()) {
    feed.parentAt = anchors.get(feed.lane)?.at ?? 0
    sealers.set(
      feed.lane,
      new LaneSealer(feed, {
        ...deps,
        policy: {
          ageMillis: config.blockMillis,
          maxEntries: config.blockEntries,
          maxBytes: config.blockBytes,
          wiggleMillis: config.wiggleMillis,
        },
        changedAt: () => changedAt,
        onSealed: (draft) => metrics.readings.inc({ outcome: 'sealed' }, draft.header.count),
      }),
    )
  }
  const pokeAll = () => {
    for (const sealer of sealers.values()) sealer.poke()
  }
  const endEvents = registry.onEvent(({ index, timestamp }) => {
    if (registry.state.governanceAt(registry.state.size).since === index + 1) changedAt = timestamp
    pokeAll()
  })
  const health = await startHealthServer({
    host: config.host,
    port: config.chainerPort,
    metrics,
    isReady: () => feeds.readiness(),
  })
  await feeds.start()
  logger.info({ lanes, authority: key.id, port: health.port }, 'sealing')
  const stop = async () => {
    endEvents()
    await Promise.all([...sealers.values()].map((sealer) => sealer.stop()))
    await feeds.stop()
    await health.stop()
  }
  return { port: health.port, stop }
}
