/** The validator's shell: reads its lanes, lets each be judged, keeps the meters' states, tells of gaps. */
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { appendAgain } from '../infra/chain/append-again.js'
import { inspectStates } from '../infra/chain/inspect-states.js'
import type { BlockJudgement } from '../infra/chain/judge-block.js'
import { LaneFeeds } from '../infra/chain/lane-feeds.js'
import type { Finalized } from '../infra/chain/lane-reader.js'
import type { MeterStates } from '../infra/chain/meter-states.js'
import { type Readiness, startHealthServer } from '../infra/health.js'
import { foreignKeyWarning, type HeldKeys } from '../infra/held-keys.js'
import { endOffsets } from '../infra/kafka/log-reader.js'
import { createMetrics } from '../infra/metrics.js'
import { OpenRepairs } from '../infra/repairs/open-repairs.js'
import { tellAllInto } from '../infra/repairs/repair-events.js'
import type { Running, Runtime } from '../infra/stage-runtime.js'
import { isOrdinarySkip, type SkipReason } from '../schemas/lane-fold.js'
import type { Repair, Vote } from '../schemas/records.js'
import { sourceEpochOf } from '../schemas/registry/governance-rules.js'
import type { RegistryState } from '../schemas/registry/state.js'
import { messageBuilder, TAGS } from '../schemas/tags.js'
import type { CheckpointGuard } from './checkpoints/guard.js'
import { type Checkpoints, startCheckpoints } from './checkpoints/start.js'
import { Disagreements } from './disagreement.js'
import { Epochs, findNewEpochs } from './epochs.js'
import { EventTimes } from './event-times.js'
import { LaneValidator } from './lane-validator.js'
import { endLife } from './lives.js'
import { Rebuild } from './rebuild.js'
import { dropIfCorrupt, openStates } from './recover.js'
import { Reseals } from './reseals.js'
import { resendEvents } from './resend.js'

export interface ValidatorStageDeps extends Runtime, HeldKeys {}

/** How long what is not seen yet may still come before the block is rejected, and how old a registry state a block may name,
 *  milliseconds. */
const PATIENCE_MILLIS = 2_000
const STALE_MILLIS = 10_000
/** How long a validator lives on a store that is taken for sound. */
const PROVEN_MILLIS = 30_000
/** How long before its start something may have happened of which a validator still tells that another had to seal, milliseconds. */
const NEWS_MILLIS = 60_000

export async function startValidator(deps: ValidatorStageDeps): Promise<Running & { port: number }> {
  const { config, logger, registry, key, signatures } = deps
  const metrics = createMetrics('validator')
  const warning = foreignKeyWarning(registry.state.governanceAt(registry.state.size).authorities, deps)
  if (warning !== undefined) logger.warn({ authority: key.id }, warning)
  const path = join(deps.folder, 'meters')
  const { count, index } = config.validatorInstance
  const beganAt = Date.now()
  let lost: string | undefined
  const onLost = (why: string) => {
    lost = why
  }
  const states = await openStates(path, registry.state.chainId, logger, { keepsFinals: true, onLost })
  const onFatal = (error: Error) => {
    dropIfCorrupt(path, error, logger).then(() => deps.onFatal(error), deps.onFatal)
  }
  const message = messageBuilder(TAGS.reading, registry.state.chainId)
  const lanes = lanesOf({ index, count }, registry.state.lanes)
  const validators = new Map<number, LaneValidator>()
  let checkpoints: Checkpoints | undefined
  const eventTimes = new EventTimes(registry.state.size, Date.now())
  const feeds = new LaneFeeds({
    ...deps,
    verify: signatures.verify,
    groupId: `meterchain-validator-${key.id}-${randomUUID()}`,
    positions: new Map(lanes.map((lane) => [lane, states.position(lane)])),
    onFinal: async (feed, finalized) => {
      await validators.get(feed.lane)?.commit(finalized)
      checkpoints?.laneMoved(feed.lane, finalized.header.height)
    },
    onChange: (feed) => {
      metrics.lag.set({ topic: 'chain', partition: feed.lane }, Number(feed.chainEnd - feed.reader.nextOffset))
      metrics.queueDepth.set({ queue: `pending-${feed.lane}` }, feed.pending.length)
      validators.get(feed.lane)?.poke()
      if (feeds.readiness().ready) rebuild?.done().catch(onFatal)
    },
    onVoid: async ({ lane }, candidate, at) => {
      const events = reseals.get(lane)?.voided(candidate, at) ?? []
      if (isNews(at)) await tell(events)
    },
    onSkipped: (feed, offset, reason) => {
      if (!isOrdinarySkip(reason as SkipReason))
        logger.warn({ lane: feed.lane, offset: String(offset), reason }, 'a record was skipped')
    },
    onOldBlock: ({ lane }, block, timestamp) => validators.get(lane)?.sawOld(block, timestamp),
    onFailure: onFatal,
    onShort: async (lane) => {
      if (states.finals !== undefined) await appendAgain(states.finals.records, { topic: 'chain', lane, partition: lane }, deps)
    },
  })
  const reseals = new Map(lanes.map((lane) => [lane, new Reseals(lane, registry.state.chainId, key.id)]))
  /** What an old log tells was told when it was new. */
  const isNews = (at: number) => at > beganAt - NEWS_MILLIS
  const tell = tellAllInto({ ...deps, metrics: metrics.registry })
  const tellOne = (event: Repair) => tell([event])
  const open = new OpenRepairs(deps.folder, logger)
  const disagreements = new Disagreements(metrics.registry, key.id, open.through(tellOne, 'rebuild'), open.all())
  const epochs = new Epochs(key.id)
  let rebuild: Rebuild | undefined
  const onJudged = async (finalized: Finalized, judgement: BlockJudgement) => {
    const refused = finalized.notCounted.length
    metrics.readings.inc({ outcome: 'counted' }, finalized.block.entries.length - refused)
    metrics.readings.inc({ outcome: 'refused' }, refused)
    metrics.timeToFinal.observe(Math.max(0, finalized.timestamp - finalized.header.sealedAt) / 1000)
    const { lane, timestamp } = finalized
    await tell(resendEvents(judgement, lane, Date.now(), key.id))
    // not committed yet: the state before it decides whose turn it was
    const before = registry.state.governanceAt(states.position(lane)?.final.registrySize ?? 1)
    const events = reseals.get(lane)?.settled(finalized, before) ?? []
    if (isNews(timestamp)) await tell([...events, ...epochs.settled(finalized)])
  }
  const voting = {
    ...{
      ...deps,
      states,
      onFatal,
      wiggleMillis: config.wiggleMillis,
      blockMillis: config.blockMillis,
      staleMillis: STALE_MILLIS,
      patienceMillis: PATIENCE_MILLIS,
    },
    outgrownAt: (size: number) => eventTimes.outgrownAt(size),
    onVoted: (vote: Vote) => metrics.votes.inc({ judgement: vote.judgement.kind }),
  }
  for (const feed of feeds.all()) {
    validators.set(
      feed.lane,
      new LaneValidator(feed, {
        ...voting,
        isVouchedFor: (lane) => checkpoints?.guard.isVouchedFor(lane) ?? false,
        verify: (signature, bytes, publicKey) => signatures.verify(signature, message(bytes), publicKey),
        onVerdict: (...verdict) => disagreements.note(...verdict),
        onJudged,
      }),
    )
  }
  const endEvents = registry.onEvent(({ index, timestamp }) => {
    eventTimes.note(index, timestamp)
    pokeAll()
  })
  const pokeAll = () => {
    for (const validator of validators.values()) validator.poke()
    checkpoints?.poke()
  }
  const health = await startHealthServer({
    host: config.host,
    port: config.validatorPort,
    metrics,
    isReady: () => readiness(feeds, checkpoints?.guard, disagreements),
  })
  const others = lanesBut(lanes, registry.state.lanes)
  checkpoints = await startCheckpoints({ ...voting, metrics, lanes, others, isMaker: index === 1 })
  const why = lost !== undefined && (await hasBlocks(deps)) ? lost : undefined
  rebuild = await Rebuild.begin({ by: key.id, why, beganAt, open, tell: tellOne })
  // where the state was lost, old blocks are read again: of what they took up, nothing is new
  if (lost === undefined)
    await tell((await findNewEpochs(deps, behindRegistry(feeds, registry.state))).map((each) => epochs.requested(each)))
  await feeds.start()
  logger.info({ lanes, authority: key.id, port: health.port }, 'validating')
  const inspection = new AbortController()
  const inspected = provenSound(states, path, inspection.signal).catch(onFatal)
  const stop = async () => {
    inspection.abort()
    await inspected
    endEvents()
    await Promise.all([...validators.values()].map((validator) => validator.stop()))
    await checkpoints?.stop()
    await feeds.stop()
    await states.close()
    endLife(path)
    await health.stop()
  }
  return { port: health.port, stop }
}

/** Lanes in which the registry has a newer source epoch than the final block. */
function behindRegistry(feeds: LaneFeeds, registry: RegistryState): Map<number, { final: number; registry: number }> {
  const governance = registry.governanceAt(registry.size)
  const all = feeds.all().map(({ lane, reader }) => {
    return [lane, { final: reader.state.final.sourceEpoch, registry: sourceEpochOf(governance, lane) }] as const
  })
  return new Map(all.filter(([, epochs]) => epochs.registry > epochs.final))
}

/** Of a chain without a block nothing can have been lost. */
async function hasBlocks({ kafka, config }: ValidatorStageDeps): Promise<boolean> {
  const ends = await endOffsets(kafka, config.topicPrefix, 'chain')
  return [...ends.values()].some(({ high }) => high > 0n)
}

/** A store on which the validator has lived for a while, and in which all is as it was written. */
async function provenSound(states: MeterStates, path: string, signal: AbortSignal): Promise<void> {
  await inspectStates(states, signal)
  await pause(PROVEN_MILLIS, undefined, { signal }).catch(() => undefined) // told to stop: that is in order too
  endLife(path)
}

/** Lanes are configured, not rebalanced: instance i of n validates every n-th lane from i - 1 on. */
function lanesOf({ index, count }: { index: number; count: number }, lanes: number): number[] {
  return Array.from({ length: lanes }, (_, lane) => lane).filter((lane) => lane % count === index - 1)
}

const lanesBut = (mine: readonly number[], lanes: number): number[] =>
  Array.from({ length: lanes }, (_, lane) => lane).filter((lane) => !mine.includes(lane))

/** A lane that a checkpoint knows otherwise, or longer, is not voted on: its operator has to restore it. */
function readiness(feeds: LaneFeeds, guard: CheckpointGuard | undefined, disagreements: Disagreements): Readiness {
  const split = guard?.splitLanes ?? []
  if (split.length > 0) {
    return { ready: false, why: `a checkpoint names other final blocks of lanes ${split.join(', ')}: restore topic chain` }
  }
  const read = feeds.readiness()
  const short = guard?.shortLanes ?? []
  if (!read.ready) return read
  if (short.length === 0) return disagreements.readiness()
  return { ready: false, why: `checkpoints cover more than topic chain holds of lanes ${short.join(', ')}: restore it` }
}
