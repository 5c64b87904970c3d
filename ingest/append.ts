/** What the door judges by and writes to, made from the stage's runtime. */
import type { Runtime } from '../infra/stage-runtime.js'
import { LIMITS } from '../schemas/limits.js'
import { messageBuilder, TAGS } from '../schemas/tags.js'
import type { AcceptContext } from './accept.js'
import type { DoorMetrics } from './door-metrics.js'
import { lanesOf } from './follow.js'
import { LaneWriter } from './lane-writer.js'
import { Rejections } from './rejections.js'

/** Rejections: what a fleet with one wrong key would cause is still readable at this rate. */
const REJECTIONS_PER_SECOND = 200
const REJECTIONS_QUEUED = 2_000

/** Facts as of the registry's size when it is called: one size for a whole request. */
export function acceptContext({ registry: { state }, signatures }: Runtime): () => AcceptContext {
  const message = messageBuilder(TAGS.reading, state.chainId)
  return () => {
    const { size, lanes } = state
    return {
      lanes,
      facts: (meter) => state.meterAt(meter, size),
      verify: (signature, bytes, key) => signatures.verify(signature, message(bytes), key),
    }
  }
}

/** One for each lane. */
export function openWriters(runtime: Runtime): LaneWriter[] {
  const { config, ids, writer, logger, onFatal } = runtime
  const limits = {
    maxAgeMillis: config.packMillis,
    maxCount: LIMITS.readingsPerRecord,
    maxBytes: LIMITS.readingsRecordBytes,
  }
  return lanesOf(runtime).map(
    (lane) =>
      new LaneWriter({
        limits,
        append: (body, key) => writer.append('readings', lane, [{ key, value: ids.frame('Readings', body) }]),
        now: () => performance.now(),
        onFailed: (error, readings) => logger.error({ err: error, lane, readings }, 'readings did not come into the log'),
        onFatal,
      }),
  )
}

export function openRejections({ ids, writer, logger, registry }: Runtime, metrics: DoorMetrics): Rejections {
  return new Rejections({
    lanes: registry.state.lanes,
    perSecond: REJECTIONS_PER_SECOND,
    maxQueued: REJECTIONS_QUEUED,
    append: (partition, messages) =>
      writer.append(
        'rejections',
        partition,
        messages.map(({ key, body }) => ({ key, value: ids.frame('Rejection', body) })),
      ),
    now: () => Date.now(),
    onDropped: (count) => metrics.dropped(count),
    logger,
  })
}
