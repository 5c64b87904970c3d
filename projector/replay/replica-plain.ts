import type { Finalized } from '../../infra/chain/lane-reader.js'
import type { CheckpointRecord, Replica } from '../../infra/restore/replica.js'
import type { ReplicaRegistry } from '../../infra/restore/replica-registry.js'
import type { CheckpointFoldOptions } from '../checkpoints/fold.js'
import { CheckpointWriter } from '../checkpoints/writer.js'
import type { WatchedPlace } from '../cursor-watch.js'
import type { Cursor } from '../cursors.js'
import type { FollowedPlain, PlainOptions } from '../fill-source.js'
import { LIVE, type SetPrefix } from '../schema-set.js'
import { copyTold } from './forgotten.js'
import { Passes } from './passes.js'
import { asOwner, type SetPlace } from './set-place.js'

export interface ReplicaPlainOptions extends PlainOptions {
  readonly replica: Replica
  readonly registry: ReplicaRegistry
  readonly checkpoints: CheckpointFoldOptions
  readonly place: SetPlace
  readonly set: SetPrefix
}

/** Records that one transaction takes. */
const RECORDS = 200

/** The checkpoints of a replica, and from the live tables what topics rejections and repairs told: these are unsigned, so another's are
 *  worth nothing. */
export class ReplicaPlain implements FollowedPlain {
  readonly #passes: Passes
  readonly #checkpoints: CheckpointWriter
  readonly #told: readonly Cursor[]
  #cursor: Cursor | undefined
  #isOver = false

  constructor(private readonly options: ReplicaPlainOptions) {
    const { database, checkpoints, registry, cursors } = options
    this.#checkpoints = new CheckpointWriter({
      ...{ database, checkpoints, registryReached: (size) => registry.reach(size) },
      finalAt: (checkpoint) => this.#finalAt(checkpoint),
    })
    this.#told = cursors.filter(({ source }) => source !== 'checkpoints')
    this.#cursor = cursors.find(({ source }) => source === 'checkpoints')
    this.#passes = new Passes(() => this.#readOn(), options.onFailure)
  }

  async start(): Promise<void> {
    if (this.#cursor !== undefined) await this.#checkpoints.takeUp(this.#cursor.nextOffset)
    this.#passes.begin()
  }

  caughtUp(deadlineMillis = 60_000): Promise<void> {
    return this.#passes.through(deadlineMillis)
  }

  /** Nobody watches cursors of a set that is being filled. */
  places(): Map<string, WatchedPlace> {
    return new Map()
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#passes.idle()
  }

  async #readOn(): Promise<void> {
    const { place, set, untilMillis } = this.options
    await this.#readCheckpoints()
    await asOwner(place, LIVE, async (client) => {
      for (const told of this.#told) await copyTold(client, set, told, untilMillis)
    })
  }

  async #readCheckpoints(): Promise<void> {
    const { replica, untilMillis } = this.options
    const last = untilMillis === undefined ? undefined : await replica.lastCheckpointOffset(untilMillis)
    const records: CheckpointRecord[] = []
    for await (const record of replica.checkpoints(this.#cursor?.nextOffset)) {
      if (this.#isOver || (last !== undefined && record.offset > last)) break
      records.push(record)
      if (records.length === RECORDS) await this.#take(records.splice(0))
    }
    await this.#take(records)
  }

  async #take(records: readonly CheckpointRecord[]): Promise<void> {
    if (this.#cursor === undefined || records.length === 0) return
    this.#cursor = await this.#checkpoints.take(
      this.#cursor,
      records.map((record) => ({ ...record, timestamp: 0 })),
    )
  }

  /** Where the replica does not say, by the clock of who sealed it. */
  async #finalAt({ header }: Finalized): Promise<number> {
    return (await this.options.replica.checkpointTime(header.height)) ?? header.sealedAt
  }
}
