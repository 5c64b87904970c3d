/** All but the lanes of `chain` into one set of tables: rows of registry events, and of the topics whose records become rows one by one. */
import type { LogRecord } from '../infra/kafka/log-reader.js'
import type { WatchedPlace } from './cursor-watch.js'
import type { Source } from './cursors.js'
import type { FoundEvidence } from './evidence-metric.js'
import type { LaneDeps, RegistryForLanes } from './fill-lanes.js'
import type { FillSource, FollowedPlain, PlainOptions } from './fill-source.js'
import type { Recovered } from './recover.js'
import { RegistryRows } from './registry-rows.js'

export interface OtherDeps extends Pick<LaneDeps, 'database' | 'onLogFault' | 'onGarbage' | 'onFatal'> {
  readonly source: FillSource
  /** Records of topic repairs that are in the tables. */
  onRepairs?(records: readonly LogRecord[]): void
  /** Evidence of topic checkpoints that is in the tables. */
  onEvidence?(found: readonly FoundEvidence[]): void
  /** Topic checkpoints is not the one that was read: whether it leads to all that the tables hold. */
  isRegained?: PlainOptions['isRegained']
}

export class OtherTopics implements RegistryForLanes {
  readonly #rows: RegistryRows
  readonly #plain: FollowedPlain
  readonly #endings: (() => void)[] = []

  /** `takesAllEvents`: of the registry all there is; else what the blocks name. */
  constructor(
    private readonly deps: OtherDeps,
    recovered: Pick<Recovered, 'registrySize' | 'hasLeftEvents' | 'plain'>,
    private readonly takesAllEvents: boolean,
  ) {
    const { source, database, onFatal, onLogFault, onGarbage } = deps
    this.#rows = new RegistryRows(source.registry.state, database, recovered.registrySize, recovered.hasLeftEvents)
    this.#plain = source.followPlain({
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
  }

  async start(): Promise<void> {
    const { source, onGarbage, onFatal } = this.deps
    const { registry } = source
    const keepRows = () => void this.#rows.reach(registry.state.size).catch(onFatal)
    if (this.takesAllEvents) this.#endings.push(registry.onEvent(keepRows))
    this.#endings.push(registry.onSkip((offset, reason) => onGarbage?.({ topic: 'registry', partition: 0, offset, reason })))
    if (this.takesAllEvents) keepRows()
    await this.#plain.start()
  }

  numberOf(meter: string, registrySize: number): number | undefined {
    return this.deps.source.registry.state.meterAt(meter, registrySize)?.ordinal
  }

  registryReached(size: number): Promise<void> {
    return this.#rows.reach(size)
  }

  /** What was reached, by `source/lane`. */
  places(): [string, WatchedPlace][] {
    return [['registry/0', this.#rows.place], ...this.#plain.places()]
  }

  /** Resolves when all that was in the plain topics at the time of the call is in the tables. */
  caughtUp(deadlineMillis?: number): Promise<void> {
    return this.#plain.caughtUp(deadlineMillis)
  }

  /** Resolves when the rows of all events that are folded are in the tables. */
  async eventsCaughtUp(): Promise<void> {
    if (this.takesAllEvents) await this.#rows.reach(this.deps.source.registry.state.size)
  }

  /** No more is taken. */
  async stop(): Promise<void> {
    for (const end of this.#endings.splice(0)) end()
    await this.#plain.stop()
  }

  /** Resolves when no event is being written; to be awaited after the lanes, which wait for events, have ended. */
  async idle(): Promise<void> {
    await this.#rows.idle().catch(this.deps.onFatal)
  }
}
