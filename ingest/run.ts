/** The door's shell: what it is built of, and its life. */
import type { Finalized } from '../infra/chain/lane-reader.js'
import { createMetrics } from '../infra/metrics.js'
import type { Runtime } from '../infra/stage-runtime.js'
import { acceptContext, openRejections, openWriters } from './append.js'
import { Door } from './door.js'
import { DoorMetrics } from './door-metrics.js'
import { followChain, followRepairs, lanesOf } from './follow.js'
import { Heads, headOf } from './heads.js'
import { ResendBook } from './resend.js'
import { Room } from './room.js'
import { buildServer } from './server.js'
import { openStores } from './stores.js'

export interface RunningIngest {
  readonly url: string
  readonly port: number
  /** Takes nothing more, waits until the log has what was accepted, then closes. */
  stop(): Promise<void>
}

/** Waiting for the log: enough for a slow broker, and a bound on memory whatever the readings' size. */
const QUEUE_BYTES = 64 * 1024 * 1024
/** A sender gives up at some time too; the reading may still come into the log, where it counts once. */
const ANSWER_MILLIS = 10_000

/** Starts the door. The registry must hold its genesis. Rejects where the port is taken. */
export async function startIngest(runtime: Runtime): Promise<RunningIngest> {
  const { config, registry, logger, folder, onFatal } = runtime
  const metrics = new DoorMetrics(createMetrics('ingest'))
  const stores = openStores({ folder, chainId: registry.state.chainId, logger, onFatal })
  const isEnrolled = (meter: string) => registry.state.meterAt(meter, registry.state.size) !== undefined
  const book = new ResendBook(stores.asked, (meter) => headOf(stores.states, registry.state, meter), isEnrolled)
  const heads = new Heads(stores.states, registry.state, book)
  const onFinal = async (finalized: Finalized) => {
    const { lane, header, timestamp } = finalized
    const differing = await heads.apply(finalized)
    const at = { lane, height: String(header.height), entries: differing }
    if (differing > 0) logger.error(at, 'meter heads differed from a final verdict, and follow it')
    metrics.headAt(lane, header.height, Date.now() - timestamp, differing)
  }
  const follower = followChain(runtime, stores, onFinal)
  const repairs = await followRepairs(runtime, stores, book)
  const room = new Room(config.queueReadings, QUEUE_BYTES)
  const rejections = openRejections(runtime, metrics)
  const door = new Door({
    context: acceptContext(runtime),
    writers: openWriters(runtime),
    room,
    rejections,
    metrics,
    answerMillis: ANSWER_MILLIS,
  })
  const app = await buildServer({
    door,
    heads,
    resend: book,
    metrics: metrics.shared.registry,
    refreshMetrics: () =>
      metrics.show({
        readings: room.readings,
        bytes: room.bytes,
        rejections: rejections.queued,
        asked: book.size,
        lag: new Map(lanesOf(runtime).map((lane) => [lane, follower.lag(lane)])),
      }),
    isReady: () => (door.whyNot === undefined ? { ready: true } : { ready: false, why: door.whyNot }),
    ratePerSecond: config.ratePerSecond,
    logger,
    onFatal: stores.onFatal,
  })
  const url = await app.listen({ host: config.host, port: config.ingestPort }).catch(async (error: NodeJS.ErrnoException) => {
    await stores.close()
    throw error.code === 'EADDRINUSE' ? portInUse(config.ingestPort, error) : error
  })
  await Promise.all([follower.start(), repairs.start()])
  logger.info({ url }, 'the door is open')
  const stop = async () => {
    await door.close()
    await Promise.all([app.close(), follower.stop(), repairs.stop(), rejections.drain()])
    await stores.close()
  }
  return { url, port: Number(new URL(url).port), stop }
}

const portInUse = (port: number, cause: Error): Error =>
  new Error(`port ${port} is in use: choose another with METERCHAIN_INGEST_PORT`, { cause })
