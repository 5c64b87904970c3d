/** Fills a set of tables from the logs beside the live one: in parallel over lanes, without indexes, which are made at the end. Rows and
 *  cursors go together, so it may be cut off at any moment, and goes on. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import type { Finalized } from '../../infra/chain/lane-reader.js'
import type { Config } from '../../infra/config.js'
import { endOffsets, type OffsetRange } from '../../infra/kafka/log-reader.js'
import type { RegistryFollower } from '../../infra/registry/registry-follower.js'
import type { Signatures } from '../../schemas/ed25519.js'
import { TransientError } from '../../schemas/errors.js'
import { type PlainSource, plainPartitions } from '../cursors.js'
import { Database } from '../database.js'
import { type Filling, startFilling } from '../fill.js'
import { PlainFollower } from '../plain-follower.js'
import { recover } from '../recover.js'
import { LIVE, OLD, REPLAYED, type SetPrefix } from '../schema-set.js'
import type { Batch } from '../write-block.js'
import { commonExtent, type Digest, digests, readExtent } from './digest.js'
import { copyForgotten } from './forgotten.js'
import { leaveOutIndexes, makeIndexes } from './indexes.js'
import { asOwner, prepareSet, type SetPlace, stateOf } from './set-place.js'
import { swap } from './swap.js'

export type Step = 'records' | 'indexes' | 'digests' | 'swap'

export interface ReplayDeps {
  readonly config: Config
  readonly logger: Logger
  readonly kafka: Kafka
  /** Folded to the end of its topic, and followed. */
  readonly registry: RegistryFollower
  readonly signatures: Signatures
  readonly place: SetPlace
  /** PostgreSQL as the writer. */
  readonly databaseUrl: string
  /** Looks at each block before it is taken; throws where one does not hold. */
  checkBlock?(block: Finalized): void
  onProgress(step: Step, done: number, all: number, counted: Counted): void
  /** Aborted: what is being written is written, and it ends with the signal’s reason. */
  readonly signal: AbortSignal
}

export interface Counted {
  readonly messages: number
  readonly intervals: number
}

export interface Replayed extends Counted {
  /** Rows by COPY and indexes, without digests and swap. */
  readonly millis: number
  readonly digests: readonly Digest[]
  /** Tables whose digests differ from the live ones; undefined: they were not compared. */
  readonly differing: readonly string[]
}

const PURPOSE = 'from the logs, to take the place of the live tables'
/** The live tables stand still meanwhile. */
const DRAIN_MILLIS = 30_000
/** Longest that readers leave no moment for the swap. */
const SWAP_MILLIS = 120_000
const PROGRESS_MILLIS = 200
const LOOK_MILLIS = 5_000
const REGISTRY_TRIES = 100
const REGISTRY_PAUSE_MILLIS = 200

/** Replays all logs from Kafka, compares, and puts the new tables in the place of the live ones, if nothing differs. */
export async function replay(deps: ReplayDeps): Promise<Replayed> {
  const { place } = deps
  await requireNoOld(place)
  await prepareSet(place, REPLAYED, PURPOSE, leaveOutIndexes)
  const began = Date.now()
  const filled = await startFillingSet(deps, REPLAYED)
  try {
    const { filling } = filled
    await filled.untilFull()
    await makeIndexes(place, REPLAYED, filled.teller('indexes'))
    const millis = Date.now() - began
    const drain = async () => {
      await deps.registry.caughtUp()
      await filling.caughtUp(DRAIN_MILLIS)
    }
    await drain()
    const [live, replayed] = await compared(deps, filled.teller('digests'))
    const differing = replayed.filter(({ digest }, i) => live[i]?.digest !== digest).map(({ table }) => table)
    if (differing.length === 0) {
      const tell = filled.teller('swap')
      tell(0, 1)
      await swap({ place, drain, deadlineMillis: SWAP_MILLIS })
    }
    return { ...filled.counted(), millis, digests: replayed, differing }
  } finally {
    await filled.stop()
  }
}

/** Found out now rather than at the end. */
async function requireNoOld(place: SetPlace): Promise<void> {
  if (await asOwner(place, LIVE, async (client) => (await stateOf(client, OLD)) !== 'none'))
    throw new Error('the tables that the last replay replaced are still there: meterchain replay --drop-old')
}

interface FilledSet {
  readonly filling: Filling
  /** Resolves when all that was in the logs is in the tables; rejects when it is told to stop. */
  untilFull(): Promise<void>
  /** Records of the other topics that the log took up to then. */
  fillPlain(untilMillis: number): Promise<void>
  /** Tells how far a step is; throws when it is to be stopped. */
  teller(step: Step): (done: number, all: number) => void
  counted(): Counted
  stop(): Promise<void>
}

/** `isWanted`: the set is as of a past: blocks up to there, of the registry what they name, and plain topics by `fillPlain`. */
export async function startFillingSet(
  deps: ReplayDeps,
  set: SetPrefix,
  isWanted?: (block: Finalized) => boolean,
): Promise<FilledSet> {
  const { config, kafka, logger, registry, signal } = deps
  const failure = new AbortController()
  const ended = AbortSignal.any([signal, failure.signal])
  const database = new Database({ url: deps.databaseUrl, logger, connections: registry.state.lanes + 4, set })
  await recover(database, registry.state)
  await passForgotten(deps, set)
  const recovered = await recover(database, registry.state)
  const counted = { messages: 0, intervals: 0 }
  const onFatal = (error: Error) => failure.abort(error)
  const read = new Map<number, bigint>()
  const filling = await startFilling(
    {
      ...{ config, kafka, logger, registry, signatures: deps.signatures, database, groupPrefix: 'meterchain-replay', onFatal },
      ...(deps.checkBlock !== undefined && { onFinal: deps.checkBlock }),
      ...(isWanted !== undefined && { isWanted }),
      onWritten: (batch) => {
        count(batch, counted)
        for (const { lane, nextOffset } of batch.blocks) read.set(lane, nextOffset)
      },
    },
    isWanted === undefined ? recovered : { ...recovered, plain: [] },
  )
  const fillPlain = async (untilMillis: number) => {
    const plain = new PlainFollower({
      ...{ config, kafka, logger, database, cursors: recovered.plain, untilMillis, groupPrefix: 'meterchain-replay' },
      checkpoints: { registry: registry.state, verify: deps.signatures.verify, witnesses: config.witnesses },
      registryReached: (size) => registry.reach(size),
      onFailure: onFatal,
    })
    await plain.start()
    try {
      await caughtUp(plain, ended)
    } finally {
      await plain.stop()
    }
  }
  const tell = (step: Step, done: number, all: number) => deps.onProgress(step, done, all, counted)
  const ranges = await endOffsets(kafka, config.topicPrefix, 'chain')
  const tellRecords = () => {
    const offsets = [...ranges].map(([lane, { low, high }]) => [Number((read.get(lane) ?? low) - low), Number(high - low)])
    tell('records', sum(offsets.map(([done = 0, all = 0]) => Math.min(done, all))), sum(offsets.map(([, all = 0]) => all)))
  }
  for (const [lane, { nextOffset }] of recovered.positions) read.set(lane, nextOffset)
  const timer = setInterval(tellRecords, PROGRESS_MILLIS)
  return {
    filling,
    untilFull: async () => {
      await caughtUp(filling, ended)
      clearInterval(timer)
      tellRecords()
    },
    fillPlain,
    teller: (step) => (done, all) => {
      tell(step, done, all)
      ended.throwIfAborted()
    },
    counted: () => ({ ...counted }),
    stop: async () => {
      clearInterval(timer)
      database.endPatience()
      await filling.stop()
      await database.close()
    },
  }
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)

function count({ rows }: Batch, counted: { messages: number; intervals: number }): void {
  for (const { readings, series } of rows) {
    counted.messages += readings.length
    for (const { profile } of series) counted.intervals += profile.values.length
  }
}

/** However long the logs are; whatever ends it before is thrown. */
async function caughtUp(filling: Pick<Filling, 'caughtUp'>, ended: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await filling.caughtUp(LOOK_MILLIS)
      return ended.throwIfAborted()
    } catch (error) {
      ended.throwIfAborted()
      if (!(error instanceof TransientError)) throw error
    }
  }
}

/** Copied once: what a topic keeps no longer. */
async function passForgotten({ kafka, config, place, registry }: ReplayDeps, set: SetPrefix): Promise<void> {
  await asOwner(place, LIVE, async (client) => {
    const ends = new Map<PlainSource, ReadonlyMap<number, OffsetRange>>()
    for (const { source, lane } of plainPartitions(registry.state.lanes)) {
      if (!ends.has(source)) ends.set(source, await endOffsets(kafka, config.topicPrefix, source))
      const low = ends.get(source)?.get(lane)?.low ?? 0n
      if (low > 0n) await copyForgotten(client, set, { source, lane, low })
    }
  })
}

/** Digests of both sets, live and replayed, up to where both are. Of the registry they must hold as much: it is waited for. */
async function compared(
  { place, registry }: ReplayDeps,
  onRead: (done: number, all: number) => void,
): Promise<[Digest[], Digest[]]> {
  const { lanes } = registry.state
  for (let tries = 0; ; tries++) {
    const found = await asOwner(place, LIVE, (live) =>
      asOwner(place, REPLAYED, async (replayed) => {
        for (const client of [live, replayed]) await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
        const [a, b] = [await readExtent(live, lanes), await readExtent(replayed, lanes)]
        if (a.registrySize !== b.registrySize) return undefined
        const extent = commonExtent(a, b)
        return Promise.all([digests(live, extent, onRead), digests(replayed, extent, () => undefined)])
      }),
    )
    if (found !== undefined) return found
    if (tries === REGISTRY_TRIES)
      throw new TransientError('the registry moves on: live and replayed tables never had the same events')
    await pause(REGISTRY_PAUSE_MILLIS)
  }
}
