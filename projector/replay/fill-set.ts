/** One set of tables, filled from where it stands to the end of the logs. */
import { availableParallelism } from 'node:os'
import { TransientError } from '../../schemas/errors.js'
import { Database } from '../database.js'
import { type Filling, startTogether } from '../fill.js'
import { LaneFilling } from '../fill-lanes.js'
import { OtherTopics } from '../fill-others.js'
import { type Recovered, recover } from '../recover.js'
import { LIVE, type SetPrefix } from '../schema-set.js'
import { copyForgotten } from './forgotten.js'
import { laneDeps, type Wanted, type Written } from './lane-deps.js'
import { type LaneThreads, withLaneThreads } from './lane-threads.js'
import type { Counted, ReplayDeps, Step } from './replay-deps.js'
import { asOwner } from './set-place.js'
import type { Within } from './within.js'

const PROGRESS_MILLIS = 200
const LOOK_MILLIS = 5_000
/** Each has buffers and a heap of its own. */
const MOST_THREADS = 8

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

/** Runs `use` with the threads that fill the lanes, where others than this can follow the source. */
export function withThreads<T>(
  { source, threads }: ReplayDeps,
  use: (threads: LaneThreads | undefined) => Promise<T>,
): Promise<T> {
  if (source.logs === undefined) return use(undefined)
  return withLaneThreads(source.registry.state.lanes, threads ?? Math.min(availableParallelism(), MOST_THREADS), use)
}

/** In `threads`, else in this one. `within`: the set is as of a past: blocks up to there, of the registry what they name, and plain topics by `fillPlain`. */
export async function startFillingSet(
  deps: ReplayDeps,
  set: SetPrefix,
  threads: LaneThreads | undefined,
  within?: Within,
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
  const read = new Map(
    [...recovered.positions].map(([lane, { final, nextOffset }]) => [lane, source.progressOf(final.height, nextOffset)]),
  )
  const filling = await startLanes(deps, set, within, {
    ...{ threads, database, onFatal, recovered: within === undefined ? recovered : { ...recovered, plain: [] } },
    onWritten: ({ messages, intervals, blocks }) => {
      counted.messages += messages
      counted.intervals += intervals
      for (const { lane, height, nextOffset } of blocks) read.set(lane, source.progressOf(height, nextOffset))
    },
  })
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

interface Means {
  readonly threads: LaneThreads | undefined
  readonly database: Database
  readonly recovered: Recovered
  onWritten(written: Written): void
  onFatal(error: Error): void
}

function startLanes(deps: ReplayDeps, set: SetPrefix, within: Within | undefined, means: Means): Promise<Filling> {
  const { source, logger, databaseUrl, checksSignatures = false } = deps
  const { threads, database, recovered, onWritten, onFatal } = means
  const { logs, registry } = source
  const wanted: Wanted = { checksSignatures, ...(within !== undefined && { within }) }
  const others = new OtherTopics({ source, database, onFatal }, recovered, within === undefined)
  const registryReached = async (size: number) => {
    await registry.reach(size)
    await others.registryReached(size)
  }
  const lanes =
    threads === undefined || logs === undefined
      ? new LaneFilling(laneDeps({ source, database, onFatal }, registry.state, wanted, onWritten), others, recovered)
      : threads.filling({
          task: { ...wanted, ...{ logs, logLevel: logger.level, databaseUrl, set } },
          ...{ registryReached, onWritten, onFatal },
        })
  return startTogether(lanes, others)
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
