/** The whole bench on a system that runs: meters enrolled, messages signed, both measurements, with the calibration around them. */

import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import pino from 'pino'
import { TransientError } from '../../schemas/errors.js'
import { startProgress, tell } from '../cli/progress.js'
import { doorUrlOf } from '../cli/sender.js'
import type { Config } from '../config.js'
import { enrolMeters } from '../registry/enrol.js'
import { loadAuthorityKey } from '../stage-runtime.js'
import { databaseUrls } from '../system/database-urls.js'
import { systemStatus, withRuntime } from '../system/system.js'
import { Fleet } from './fleet.js'
import { type Measured, measure } from './measure.js'
import { type BenchResult, stageOf } from './report.js'
import type { Watched } from './usage.js'
import { verifyRate } from './verify-rate.js'

export interface BenchOptions {
  /** Messages that are sent in batches, and one by one. */
  readonly messages: number
  readonly single: number
  readonly households: number
}

const BATCH = 500
const BATCH_CONNECTIONS = 4
/** So many meters wait for their answers at one time. */
const SINGLE_CONNECTIONS = 64
/** Part of the messages that is sent before anything is measured: by then code is compiled, and connections are open. */
const WARM_UP = 0.15
const VERIFY_MILLIS = 2_000
const ENROLMENT_MILLIS = 30_000

/** Needs all stages running, with the authority's key in this home. */
export async function bench(config: Config, { messages, single, households }: BenchOptions): Promise<BenchResult> {
  const fleet = await enrolledFleet(config, households)
  const doorUrl = doorUrlOf(config)
  const signing = startProgress('signing  ')
  const warmUp = Math.ceil(messages * WARM_UP)
  const warmUpQueues = fleet.queues(warmUp, BATCH, BATCH_CONNECTIONS)
  const batchQueues = fleet.queues(messages, BATCH, BATCH_CONNECTIONS, (done) => signing.update(done, messages + single))
  const singleQueues = fleet.queues(single, 1, SINGLE_CONNECTIONS, (done) => signing.update(messages + done, messages + single))
  signing.stop()
  const watched = await watchedProcesses(config)
  const database = new pg.Client({ connectionString: databaseUrls(config).writer })
  await database.connect()
  const run = (title: string, queues: typeof batchQueues): Promise<Measured> =>
    measure({ doorUrl, database, watched, queues, progress: startProgress(title) })
  try {
    tell(`warming up with ${warmUp} messages, then measuring ${messages} in batches of ${BATCH} and ${single} one by one`)
    await run('warming  ', warmUpQueues)
    const before = await verifyRate(VERIFY_MILLIS)
    const batches = await run('batches  ', batchQueues)
    const after = await verifyRate(VERIFY_MILLIS)
    return { batches, single: await run('single   ', singleQueues), verifyPerSecond: (before + after) / 2 }
  } finally {
    await database.end()
  }
}

/** Households that are new to the chain, enrolled, and known to the door. */
async function enrolledFleet(config: Config, households: number): Promise<Fleet> {
  return withRuntime(config, 'bench', pino({ level: 'silent' }), async ({ registry, writer, ids }) => {
    const fleet = new Fleet(registry.state.chainId, Date.now().toString(36), households)
    const meters = fleet.enrolments()
    await enrolMeters(registry, writer, ids, meters, [await loadAuthorityKey(config)])
    await untilKnown(`${doorUrlOf(config)}/v1/meters/${meters.at(-1)?.meter}/head`)
    return fleet
  })
}

async function untilKnown(headUrl: string): Promise<void> {
  const giveUpAt = Date.now() + ENROLMENT_MILLIS
  for (;;) {
    const answer = await fetch(headUrl)
    await answer.body?.cancel()
    if (answer.ok) return
    if (Date.now() > giveUpAt) throw new TransientError(`the door does not know the meters that were enrolled: GET ${headUrl}`)
    await sleep(50)
  }
}

/** Stages (in the order of a reading's way, each authority's apart), services, and this process. */
async function watchedProcesses(config: Config): Promise<Watched[]> {
  const { stages, services } = await systemStatus(config)
  const mine = ['ingest', 'chainer', 'validator', 'projector'].flatMap((stage) =>
    stages.filter(({ name }) => stageOf(name) === stage),
  )
  const pidOf = (name: string): Watched => ({ name, pid: services.find((each) => each.name === name)?.pid })
  return [
    ...mine.map(({ name, pid }) => ({ name, pid })),
    ...['kafka', 'postgres', 'registry'].map(pidOf),
    { name: 'sender', pid: process.pid, isAlone: true },
  ]
}
