/** Follows topic `checkpoints`: the lane of checkpoints under the fold, the log that its final blocks make, and the signatures of its
 *  heads. */
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { type CheckpointLog, checkpointLane } from '../../schemas/checkpoint/log.js'
import { checkpointMessage, type TreeHead } from '../../schemas/checkpoint/note.js'
import { isOrdinarySkip, type LaneRules } from '../../schemas/lane-fold.js'
import { type CheckpointLeaf, type Cosignature, decodeCosignature } from '../../schemas/records.js'
import { type Finalized, type LanePosition, LaneReader, laneRules } from '../chain/lane-reader.js'
import { rewindWrongPlaces } from '../chain/place-hints.js'
import type { Config } from '../config.js'
import { faultOfDamage, type LogFault } from '../kafka/log-fault.js'
import { LogReader, type LogRecord } from '../kafka/log-reader.js'
import type { RegistryFollower } from '../registry/registry-follower.js'

/** A checkpoint that a certificate in the log made final. */
export interface FinalCheckpoint {
  readonly finalized: Finalized
  readonly head: TreeHead
  /** Those that moved a lane's tip. */
  readonly leaves: readonly CheckpointLeaf[]
}

export interface CheckpointFeedOptions {
  readonly kafka: Kafka
  readonly config: Config
  readonly logger: Logger
  readonly registry: RegistryFollower
  readonly verify: LaneRules['verify']
  readonly groupId: string
  /** Undefined: from the start of the topic. */
  readonly position: LanePosition | undefined
  /** As it was at that place. */
  readonly log: CheckpointLog
  /** In order; awaited. The registry has reached the block's size. */
  onFinal(checkpoint: FinalCheckpoint): Promise<void> | void
  /** A record whose signature is not looked at yet. */
  onCosignature(cosignature: Cosignature, record: LogRecord): Promise<void> | void
  /** After each batch; awaited. */
  onChange?(): Promise<void> | void
  onFailure(error: Error): void
  /** The topic has lost records; it goes on without them. */
  onLogFault?(fault: LogFault): void
  /** The topic does not hold what was read here before. Awaited before it is read on. */
  onShort?(): Promise<void>
}

export class CheckpointFeed {
  readonly reader: LaneReader
  readonly log: CheckpointLog
  /** Append time of the newest certificate read here, and of the record that last made a candidate void, milliseconds; 0: none. */
  parentAt = 0
  voidAt = 0
  private end = -1n
  private isSettling = false
  private records: LogReader | undefined

  constructor(private readonly options: CheckpointFeedOptions) {
    const { registry, verify, position } = options
    this.log = options.log
    this.reader = new LaneReader(checkpointLane(registry.state.lanes), laneRules(registry.state, verify), position)
  }

  /** Where the topic was made again it is read from its start: what is final already is skipped. */
  async start(): Promise<void> {
    const { kafka, groupId, logger, config, onFailure, onLogFault } = this.options
    const { topicPrefix } = config
    const hints = { kafka, topicPrefix, logger, ...(onLogFault && { onLogFault }) }
    if ((await rewindWrongPlaces([this.reader], hints, 'checkpoints')).length > 0) await this.options.onShort?.()
    this.records = new LogReader({
      ...{ kafka, groupId, logger, onFailure, topicPrefix },
      positions: [{ topic: 'checkpoints', partition: 0, offset: this.reader.nextOffset }],
      onDamaged: (damage) => onLogFault?.(faultOfDamage(damage)),
      onRecords: (_topic, _partition, records, end) => this.take(records, end),
    })
    await this.records.start()
  }

  async stop(): Promise<void> {
    await this.records?.stop()
  }

  /** Whether the topic has been read to its end as last seen, and all that it made final has been taken. */
  get isAtEnd(): boolean {
    return !this.isSettling && this.end >= 0n && this.reader.nextOffset >= this.end
  }

  private async take(records: readonly LogRecord[], end: bigint): Promise<void> {
    this.end = end
    for (const record of records) {
      const cosignature = decodeCosignature(record.value)
      const { outcome, finalized } = this.reader.take(record)
      if (cosignature !== undefined) {
        await this.options.onCosignature(cosignature, record)
        continue
      }
      if (outcome.kind === 'void') this.voidAt = record.timestamp
      const reason = outcome.kind === 'skipped' ? outcome.reason : outcome.kind === 'undecodable' ? outcome.kind : undefined
      if (reason !== undefined && (reason === 'undecodable' || !isOrdinarySkip(reason))) {
        this.options.logger.warn({ offset: String(record.offset), reason }, 'a record of checkpoints was skipped')
      }
      if (finalized !== undefined) await this.settle(finalized)
    }
    await this.options.onChange?.()
  }

  private async settle(finalized: Finalized): Promise<void> {
    this.isSettling = true
    await this.options.registry.reach(finalized.header.registrySize)
    const { head, leaves } = this.log.take(finalized.block.entries)
    this.parentAt = finalized.timestamp
    this.voidAt = 0
    await this.options.onFinal({ finalized, head, leaves })
    this.isSettling = false
  }
}

/** Whether an authority of that set signed this head. */
export function isSignedBy(
  { authority, size, root, timestamp, signature }: Cosignature,
  { head, authorities, chainId }: { head: TreeHead; authorities: readonly { id: string; key: Buffer }[]; chainId: Buffer },
  verify: LaneRules['verify'],
): boolean {
  if (timestamp !== 0 || Number(size) !== head.size || !root.equals(head.root)) return false
  const key = authorities.find(({ id }) => id === authority)?.key
  return key !== undefined && verify(signature, checkpointMessage(chainId, head, 0), key)
}
