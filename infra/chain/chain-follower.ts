/** Follows the lanes of `chain` and hands on each block as the log makes it final. Whoever only needs what is final (the door's
 *  heads, the projector) reads the chain through this. */
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { BugError, TransientError } from '../../schemas/errors.js'
import { isOrdinarySkip, type LaneRules } from '../../schemas/lane-fold.js'
import type { Config } from '../config.js'
import { faultOfDamage, type LogFault } from '../kafka/log-fault.js'
import { endOffsets, LogReader, type LogRecord } from '../kafka/log-reader.js'
import type { RegistryFollower } from '../registry/registry-follower.js'
import { type Certified, LaneEvidence } from './lane-evidence.js'
import { type Finalized, type LanePosition, LaneReader, laneRules, type Taken } from './lane-reader.js'
import { rewindWrongPlaces } from './place-hints.js'

export interface ChainFollowerOptions {
  readonly kafka: Kafka
  readonly config: Config
  readonly logger: Logger
  readonly registry: Pick<RegistryFollower, 'state' | 'reach'>
  readonly verify: LaneRules['verify']
  readonly groupId: string
  /** The lanes to follow, each from where it was; undefined: from the lane's genesis. */
  readonly positions: ReadonlyMap<number, LanePosition | undefined>
  /** Where evidence is looked for: what each lane's newest final block was accepted with, as far as that is known. */
  readonly certified?: ReadonlyMap<number, Certified | undefined>
  /** In order for each lane; awaited. The registry has reached the block's size. */
  onFinal(finalized: Finalized): Promise<void> | void
  onSkipped?(lane: number, offset: bigint, reason: string): void
  /** A record that should not be there: skipped, and not because it came late or twice. */
  onGarbage?(lane: number, offset: bigint, reason: string): void
  onFailure(error: Error): void
  /** The log has lost records; it goes on without them. */
  onLogFault?(fault: LogFault): void
}

export class ChainFollower {
  private readonly lanes = new Map<number, LaneReader>()
  private readonly ends = new Map<number, bigint>()
  private readonly reached = new Map<number, bigint>()
  private reader: LogReader | undefined

  constructor(private readonly options: ChainFollowerOptions) {
    const rules = laneRules(options.registry.state, options.verify)
    for (const [lane, position] of options.positions) {
      const { certified } = options
      const evidence = certified && new LaneEvidence(lane, rules, certified.get(lane))
      this.lanes.set(lane, new LaneReader(lane, rules, position, evidence))
    }
  }

  async start(): Promise<void> {
    const { kafka, config, logger, groupId, onFailure, onLogFault } = this.options
    const { topicPrefix } = config
    await rewindWrongPlaces(this.lanes.values(), { kafka, topicPrefix, logger, ...(onLogFault && { onLogFault }) })
    this.reader = new LogReader({
      ...{ kafka, groupId, logger, topicPrefix, onFailure },
      positions: [...this.lanes.values()].map((each) => ({ topic: 'chain', partition: each.lane, offset: each.nextOffset })),
      onDamaged: (damage) => onLogFault?.(faultOfDamage(damage)),
      onRecords: async (_topic, lane, records, end, reached) => {
        await this.takeAll(lane, records, end)
        this.reached.set(lane, reached)
      },
    })
    await this.reader.start()
  }

  async stop(): Promise<void> {
    await this.reader?.stop()
  }

  /** Where a lane can be taken up again. */
  position(lane: number): LanePosition {
    return this.lane(lane).position
  }

  /** Records of the lane that are in the log as last seen, and not read yet. */
  lag(lane: number): bigint {
    const behind = (this.ends.get(lane) ?? 0n) - this.lane(lane).nextOffset
    return behind > 0n ? behind : 0n
  }

  /** Resolves when all that was in the log at the time of the call has been taken. Rejects with TransientError at the deadline. */
  async caughtUp(deadlineMillis = 60_000): Promise<void> {
    const ends = await endOffsets(this.options.kafka, this.options.config.topicPrefix, 'chain')
    const giveUp = Date.now() + deadlineMillis
    const behind = () =>
      [...this.lanes.values()].filter(({ lane }) => (this.reached.get(lane) ?? 0n) < (ends.get(lane)?.high ?? 0n))
    while (behind().length > 0) {
      if (Date.now() > giveUp) {
        const where = behind().map((each) => `lane ${each.lane} at ${each.nextOffset} of ${ends.get(each.lane)?.high}`)
        throw new TransientError(`the chain was not read to its end within ${deadlineMillis} ms: ${where.join(', ')}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  private lane(lane: number): LaneReader {
    const reader = this.lanes.get(lane)
    if (reader === undefined) throw new BugError(`lane ${lane} is not followed here`)
    return reader
  }

  private async takeAll(lane: number, records: readonly LogRecord[], end: bigint): Promise<void> {
    const reader = this.lane(lane)
    this.ends.set(lane, end)
    for (const record of records) {
      const taken = reader.take(record)
      this.noteSkip(lane, record.offset, taken)
      if (taken.finalized === undefined) continue
      await this.options.registry.reach(taken.finalized.header.registrySize)
      await this.options.onFinal(taken.finalized)
    }
  }

  private noteSkip(lane: number, offset: bigint, { outcome }: Taken): void {
    if (outcome.kind !== 'skipped' && outcome.kind !== 'undecodable') return
    const reason = outcome.kind === 'skipped' ? outcome.reason : 'undecodable'
    this.options.onSkipped?.(lane, offset, reason)
    if (outcome.kind === 'skipped' && isOrdinarySkip(outcome.reason)) return
    this.options.logger.warn({ lane, offset: String(offset), reason }, 'a record of the chain was skipped')
    this.options.onGarbage?.(lane, offset, reason)
  }
}
