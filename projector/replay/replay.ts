/** Fills a set of tables from the logs beside the live one: in parallel over lanes, without indexes, which are made at the end. Rows and
 *  cursors go together, so it may be cut off at any moment, and goes on. */
import type { Logger } from 'pino'
import type { Finalized } from '../../infra/chain/lane-reader.js'
import { TransientError } from '../../schemas/errors.js'
import { Database } from '../database.js'
import { type Filling, startFilling } from '../fill.js'
import type { FillSource } from '../fill-source.js'
import { recover } from '../recover.js'
import { LIVE, OLD, REPLAYED, type SetPrefix } from '../schema-set.js'
import { compareSets, type NotCompared } from './compare-sets.js'
import type { Digest } from './digest.js'
import { copyForgotten } from './forgotten.js'
import { leaveOutIndexes, makeIndexes } from './indexes.js'
import { asOwner, prepareSet, type SetPlace, stateOf } from './set-place.js'
import { swap } from './swap.js'

export type Step = 'records' | 'indexes' | 'digests' | 'swap'

export interface ReplayDeps {
  readonly logger: Logger
  readonly source: FillSource
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
  /** Tables whose digests differ from the live ones. */
  readonly differing: readonly string[]
  /** Tables that the live set has none of, or not as of the same events. */
  readonly notCompared: readonly NotCompared[]
}

const purposeOf = ({ name }: FillSource) => `from ${name}, to take the place of the live tables`
/** The live tables stand still meanwhile. */
const DRAIN_MILLIS = 30_000
/** Longest that readers leave no moment for the swap. */
const SWAP_MILLIS = 120_000
const PROGRESS_MILLIS = 200
const LOOK_MILLIS = 5_000

/** Replays all that the source has, compares, and puts the new tables in the place of the live ones, if nothing differs. */
export async function replay(deps: ReplayDeps): Promise<Replayed> {
  const { place, source } = deps
  await requireNoOld(place)
  await prepareSet(place, REPLAYED, purposeOf(source), leaveOutIndexes)
  const began = Date.now()
  const filled = await startFillingSet(deps, REPLAYED)
  try {
    const { filling } = filled
    await filled.untilFull()
    await makeIndexes(place, REPLAYED, filled.teller('indexes'))
    const millis = Date.now() - began
    const drain = async () => {
      await source.registry.caughtUp()
      await filling.caughtUp(DRAIN_MILLIS)
    }
    await drain()
    const { digests, differing, notCompared } = await compareSets(place, source.registry.state.lanes, filled.teller('digests'))
    if (differing.length === 0) {
      const tell = filled.teller('swap')
      tell(0, 1)
      await swap({ place, drain, lacking: source.lacking, deadlineMillis: SWAP_MILLIS })
    }
    return { ...filled.counted(), millis, digests, differing, notCompared }
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
  const { source, logger, signal } = deps
  const { registry } = source
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
      ...{ source, database, onFatal },
      ...(deps.checkBlock !== undefined && { onFinal: deps.checkBlock }),
      ...(isWanted !== undefined && { isWanted }),
      onWritten: (batch) => {
        counted.messages += batch.messages
        counted.intervals += batch.intervals
        for (const { lane, header, nextOffset } of batch.blocks) read.set(lane, source.progressOf(header.height, nextOffset))
      },
    },
    isWanted === undefined ? recovered : { ...recovered, plain: [] },
  )
  const fillPlain = async (untilMillis: number) => {
    const plain = source.followPlain({ database, cursors: recovered.plain, untilMillis, onFailure: onFatal })
    await plain.start()
    try {
      await caughtUp(plain, ended)
    } finally {
      await plain.stop()
    }
  }
  const tell = (step: Step, done: number, all: number) => deps.onProgress(step, done, all, counted)
  const ranges = await source.ranges()
  const tellRecords = () => {
    const offsets = [...ranges].map(([lane, { low, high }]) => [Number((read.get(lane) ?? low) - low), Number(high - low)])
    tell('records', sum(offsets.map(([done = 0, all = 0]) => Math.min(done, all))), sum(offsets.map(([, all = 0]) => all)))
  }
  for (const [lane, { final, nextOffset }] of recovered.positions) read.set(lane, source.progressOf(final.height, nextOffset))
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
async function passForgotten({ source, place }: ReplayDeps, set: SetPrefix): Promise<void> {
  const parts = await source.forgotten()
  await asOwner(place, LIVE, async (client) => {
    for (const part of parts) await copyForgotten(client, set, part)
  })
}
