/** Follows the logs into one set of tables: what the live projector does, and what a replay does beside it. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Finalized } from '../infra/chain/lane-reader.js'
import type { LogFault } from '../infra/kafka/log-fault.js'
import type { LogRecord } from '../infra/kafka/log-reader.js'
import { BugError } from '../schemas/errors.js'
import type { FinalBlock } from '../schemas/lane-fold.js'
import type { WatchedPlace } from './cursor-watch.js'
import type { Source } from './cursors.js'
import type { Database } from './database.js'
import type { FoundEvidence } from './evidence-metric.js'
import type { FillSource } from './fill-source.js'
import { LaneWriter } from './lane-writer.js'
import type { Recovered } from './recover.js'
import { RegistryRows } from './registry-rows.js'
import type { Garbage } from './repairs/skipped-garbage.js'
import type { Batch } from './write-block.js'

export interface FillDeps {
  readonly source: FillSource
  readonly database: Database
  /** Before a block is taken; throws where it does not hold. */
  onFinal?(block: Finalized): void
  /** Whether a block is to be taken; those after one that is not are not either. Default: all, and all of the registry. */
  isWanted?(block: Finalized): boolean
  /** After a block was taken: blocks of its lane that wait, and records of the log that are not read yet. */
  onTaken?(lane: number, waiting: number, lag: number): void
  onWritten(batch: Batch): void
  /** Records of a log cannot be read; they are stepped over. */
  onLogFault?(fault: LogFault): void
  /** A record that is none was stepped over. */
  onGarbage?(garbage: Garbage): void
  /** Records of topic repairs that are in the tables. */
  onRepairs?(records: readonly LogRecord[]): void
  /** Evidence of topic checkpoints that is in the tables. */
  onEvidence?(found: readonly FoundEvidence[]): void
  /** Topic checkpoints is not the one that was read: whether it leads to all that the tables hold. */
  isRegained?(fault: LogFault): Promise<boolean>
  onFatal(error: Error): void
}

/** How long the end waits for what was read, milliseconds. */
const WRITTEN_MILLIS = 5_000

export interface Filling {
  /** Height in the tables, by lane. */
  heights(): Map<number, bigint>
  /** What was reached of each log, by `source/lane`. */
  places(): Map<string, WatchedPlace>
  /** Resolves when all that was in the logs at the time of the call is in the tables. */
  caughtUp(deadlineMillis?: number): Promise<void>
  /** What is being written is written. */
  stop(): Promise<void>
}

/** Goes on where the set's cursors stand. */
export async function startFilling(deps: FillDeps, recovered: Recovered): Promise<Filling> {
  const { source, database, onFatal, onLogFault, onGarbage } = deps
  const { registry } = source
  const registryRows = new RegistryRows(registry.state, database, recovered.registrySize, recovered.hasLeftEvents)
  const writers = startWriters(deps, registryRows, recovered)
  const idle = () => Promise.all([...writers.values()].map((writer) => writer.idle()))
  const writerOf = (lane: number): LaneWriter => {
    const writer = writers.get(lane)
    if (writer === undefined) throw new BugError(`lane ${lane} is not written here`)
    return writer
  }
  const follower = source.followChain({
    certified: recovered.certified,
    positions: recovered.positions,
    ...(onLogFault !== undefined && { onLogFault }),
    ...(onGarbage !== undefined && {
      onGarbage: (partition: number, offset: bigint, reason: string) => onGarbage({ topic: 'chain', partition, offset, reason }),
    }),
    onFinal: async (finalized) => {
      const { lane } = finalized
      if (deps.isWanted?.(finalized) === false) return
      deps.onFinal?.(finalized)
      await writerOf(lane).take(finalized)
      deps.onTaken?.(lane, writerOf(lane).depth, Number(follower.lag(lane)))
    },
    // what was read is written first: it may be in no log any more
    onFailure: (error) => void Promise.race([idle(), pause(WRITTEN_MILLIS)]).then(() => onFatal(error)),
  })
  const plain = source.followPlain({
    ...{ database, cursors: recovered.plain, onFailure: onFatal },
    ...(onLogFault !== undefined && { onLogFault }),
    ...(onGarbage !== undefined && {
      onGarbage: (topic: Source, partition: number, offset: bigint) =>
        onGarbage({ topic, partition, offset, reason: 'undecodable' }),
    }),
    ...(deps.onRepairs !== undefined && { onRepairs: deps.onRepairs }),
    ...(deps.onEvidence !== undefined && { onEvidence: deps.onEvidence }),
    ...(deps.isRegained !== undefined && { isRegained: deps.isRegained }),
  })
  const keepRegistry = () => void registryRows.reach(registry.state.size).catch(onFatal)
  const isWhole = deps.isWanted === undefined
  const endEvents = isWhole ? registry.onEvent(keepRegistry) : () => undefined
  const endSkips = registry.onSkip((offset, reason) => onGarbage?.({ topic: 'registry', partition: 0, offset, reason }))
  if (isWhole) keepRegistry()
  await Promise.all([follower.start(), plain.start()])
  return {
    heights: () => new Map([...writers].map(([lane, writer]) => [lane, writer.height])),
    places: () =>
      new Map([
        ...[...writers].map(([lane, writer]) => [`chain/${lane}`, writer.place] as const),
        ['registry/0', registryRows.place] as const,
        ...plain.places(),
      ]),
    caughtUp: async (deadlineMillis) => {
      await Promise.all([follower.caughtUp(deadlineMillis), plain.caughtUp(deadlineMillis)])
      await idle()
      if (isWhole) await registryRows.reach(registry.state.size)
    },
    stop: async () => {
      endEvents()
      endSkips()
      await Promise.all([follower.stop(), plain.stop()])
      await idle()
      await registryRows.idle().catch(onFatal)
    },
  }
}

function startWriters(
  { source: { registry }, database, onWritten, onFatal }: FillDeps,
  registryRows: RegistryRows,
  { positions, leftTo }: Recovered,
): Map<number, LaneWriter> {
  const writerOf = (lane: number, { height, hash }: FinalBlock) =>
    new LaneWriter({
      ...{ lane, height, hash, database, leftTo: leftTo.get(lane) ?? 0n },
      numberOf: (meter, size) => registry.state.meterAt(meter, size)?.ordinal,
      registryReached: (size) => registryRows.reach(size),
      onWritten,
      onFailure: onFatal,
    })
  return new Map([...positions].map(([lane, { final }]) => [lane, writerOf(lane, final)]))
}
