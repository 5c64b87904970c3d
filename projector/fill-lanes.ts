/** The lanes of `chain` into one set of tables, in this thread: final blocks as the log makes them so, and a writer for each lane. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Finalized } from '../infra/chain/lane-reader.js'
import type { LogFault } from '../infra/kafka/log-fault.js'
import { BugError } from '../schemas/errors.js'
import type { WatchedPlace } from './cursor-watch.js'
import type { Database } from './database.js'
import type { FillSource, FollowedChain } from './fill-source.js'
import { LaneWriter } from './lane-writer.js'
import type { NumberOf } from './project.js'
import type { Recovered } from './recover.js'
import type { Garbage } from './repairs/skipped-garbage.js'
import type { Batch } from './write-block.js'

export interface LaneDeps {
  readonly source: Pick<FillSource, 'followChain'>
  readonly database: Database
  /** Before a block is taken; throws where it does not hold. */
  onFinal?(block: Finalized): void
  /** Whether a block is to be taken; those after one that is not are not either. Default: all. */
  isWanted?(block: Finalized): boolean
  /** After a block was taken: blocks of its lane that wait, and records of the log that are not read yet. */
  onTaken?(lane: number, waiting: number, lag: number): void
  onWritten(batch: Batch): void
  /** Records of a log cannot be read; they are stepped over. */
  onLogFault?(fault: LogFault): void
  /** A record that is none was stepped over. */
  onGarbage?(garbage: Garbage): void
  onFatal(error: Error): void
}

/** What the blocks need of the registry. */
export interface RegistryForLanes {
  readonly numberOf: NumberOf
  /** Resolves when the rows of this many registry events are in the tables. */
  registryReached(size: number): Promise<void>
}

/** How long the end waits for what was read, milliseconds. */
const WRITTEN_MILLIS = 5_000

export class LaneFilling {
  readonly #writers: ReadonlyMap<number, LaneWriter>
  readonly #chain: FollowedChain

  /** The lanes of `positions`, each from where it stands. */
  constructor(
    private readonly deps: LaneDeps,
    registry: RegistryForLanes,
    { positions, certified, leftTo }: Pick<Recovered, 'positions' | 'certified' | 'leftTo'>,
  ) {
    const { source, database, onWritten, onFatal, onLogFault, onGarbage } = deps
    this.#writers = new Map(
      [...positions].map(([lane, { final }]) => [
        lane,
        new LaneWriter({
          ...{ lane, height: final.height, hash: final.hash, database, leftTo: leftTo.get(lane) ?? 0n },
          numberOf: (meter, size) => registry.numberOf(meter, size),
          registryReached: (size) => registry.registryReached(size),
          ...{ onWritten, onFailure: onFatal },
        }),
      ]),
    )
    this.#chain = source.followChain({
      ...{ certified, positions },
      ...(onLogFault !== undefined && { onLogFault }),
      ...(onGarbage !== undefined && {
        onGarbage: (partition: number, offset: bigint, reason: string) =>
          onGarbage({ topic: 'chain', partition, offset, reason }),
      }),
      onFinal: (finalized) => this.#take(finalized),
      // what was read is written first: it may be in no log any more
      onFailure: (error) => void Promise.race([this.#idle(), pause(WRITTEN_MILLIS)]).then(() => onFatal(error)),
    })
  }

  start(): Promise<void> {
    return this.#chain.start()
  }

  /** Height in the tables, by lane. */
  heights(): Map<number, bigint> {
    return new Map([...this.#writers].map(([lane, writer]) => [lane, writer.height]))
  }

  /** What was reached, by `chain/lane`. */
  places(): [string, WatchedPlace][] {
    return [...this.#writers].map(([lane, writer]) => [`chain/${lane}`, writer.place])
  }

  /** Resolves when all that was in the log at the time of the call is in the tables. */
  async caughtUp(deadlineMillis?: number): Promise<void> {
    await this.#chain.caughtUp(deadlineMillis)
    await this.#idle()
  }

  /** What is being written is written. */
  async stop(): Promise<void> {
    await this.#chain.stop()
    await this.#idle()
  }

  async #take(finalized: Finalized): Promise<void> {
    const { lane } = finalized
    if (this.deps.isWanted?.(finalized) === false) return
    this.deps.onFinal?.(finalized)
    const writer = this.#writers.get(lane)
    if (writer === undefined) throw new BugError(`lane ${lane} is not written here`)
    await writer.take(finalized)
    this.deps.onTaken?.(lane, writer.depth, Number(this.#chain.lag(lane)))
  }

  async #idle(): Promise<void> {
    await Promise.all([...this.#writers.values()].map((writer) => writer.idle()))
  }
}
