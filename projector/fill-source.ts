/** Where a set of tables is filled from: the logs in Kafka, or the raw records of a replica (replay/replica-source.ts). */
import { randomUUID } from 'node:crypto'
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { ChainFollower, type ChainFollowerOptions } from '../infra/chain/chain-follower.js'
import type { Config } from '../infra/config.js'
import { endOffsets, type OffsetRange } from '../infra/kafka/log-reader.js'
import type { RegistryFollower } from '../infra/registry/registry-follower.js'
import type { Signatures } from '../schemas/ed25519.js'
import { type PlainSource, plainPartitions } from './cursors.js'
import { PlainFollower, type PlainFollowerOptions } from './plain-follower.js'

export interface FollowedRegistry extends Pick<RegistryFollower, 'state' | 'reach' | 'caughtUp' | 'onSkip'> {
  /** Calls after an event was folded. Gives the way to end that. */
  onEvent(listener: () => void): () => void
}

/** What is to become of blocks; where each lane is gone on. */
export type ChainOptions = Pick<
  ChainFollowerOptions,
  'positions' | 'certified' | 'onFinal' | 'onFailure' | 'onLogFault' | 'onGarbage'
>
export type FollowedChain = Pick<ChainFollower, 'start' | 'stop' | 'caughtUp' | 'lag'>

export type PlainOptions = Pick<
  PlainFollowerOptions,
  'database' | 'cursors' | 'untilMillis' | 'onRepairs' | 'onEvidence' | 'onGarbage' | 'onLogFault' | 'isRegained' | 'onFailure'
>
export type FollowedPlain = Pick<PlainFollower, 'start' | 'stop' | 'caughtUp' | 'places'>

/** Records of a plain topic that are told nowhere any more but in the live tables. */
export interface ForgottenPart {
  readonly source: PlainSource
  readonly lane: number
  /** First offset that the topic still has. */
  readonly low: bigint
}

export interface FillSource {
  /** For people: 'the logs'. */
  readonly name: string
  /** What to do where it does not hold all that the live tables hold, for people; `mayGrow`: but that may come. */
  readonly lacking: { readonly remedy: string; readonly mayGrow: boolean }
  /** Folded, and followed. */
  readonly registry: FollowedRegistry
  followChain(options: ChainOptions): FollowedChain
  followPlain(options: PlainOptions): FollowedPlain
  /** By lane, what there is to read. */
  ranges(): Promise<ReadonlyMap<number, OffsetRange>>
  /** How far in these somebody is who has taken a block, and goes on at an offset. */
  progressOf(height: bigint, nextOffset: bigint): bigint
  forgotten(): Promise<ForgottenPart[]>
  /** What other threads need to follow the same logs; undefined: only this one can. */
  readonly logs?: KafkaLogs
}

/** Plain data. */
export interface KafkaLogs {
  readonly config: Config
  /** Of the registry’s store. */
  readonly registryPath: string
  /** Of the groups that read the topics. */
  readonly groupPrefix: string
}

export interface KafkaFillOptions {
  readonly config: Config
  readonly logger: Logger
  readonly kafka: Kafka
  /** Folded to the end of its topic, and followed. */
  readonly registry: RegistryFollower
  readonly signatures: Signatures
  /** Of the groups that read the topics. */
  readonly groupPrefix: string
}

type ChainSource = Omit<KafkaFillOptions, 'registry'> & Pick<ConstructorParameters<typeof ChainFollower>[0], 'registry'>

export const followKafkaChain = (given: ChainSource, options: ChainOptions): FollowedChain => {
  const { config, logger, kafka, registry, signatures, groupPrefix } = given
  const groupId = `${groupPrefix}-${randomUUID()}`
  return new ChainFollower({ ...{ config, logger, kafka, registry, verify: signatures.verify, groupId }, ...options })
}

export function kafkaFillSource(given: KafkaFillOptions): FillSource {
  const { config, logger, kafka, registry, signatures, groupPrefix } = given
  const { topicPrefix } = config
  return {
    name: 'the logs',
    lacking: { remedy: 'the log has lost records. Put them back first: meterchain restore', mayGrow: false },
    registry,
    logs: { config, registryPath: registry.path, groupPrefix },
    followChain: (options) => followKafkaChain(given, options),
    followPlain: (options) =>
      new PlainFollower({
        ...{ config, logger, kafka, groupPrefix },
        checkpoints: { registry: registry.state, verify: signatures.verify, witnesses: config.witnesses },
        registryReached: (size) => registry.reach(size),
        ...options,
      }),
    ranges: () => endOffsets(kafka, topicPrefix, 'chain'),
    progressOf: (_height, nextOffset) => nextOffset,
    forgotten: async () => {
      const parts: ForgottenPart[] = []
      const ends = new Map<PlainSource, ReadonlyMap<number, OffsetRange>>()
      for (const { source, lane } of plainPartitions(registry.state.lanes)) {
        if (!ends.has(source)) ends.set(source, await endOffsets(kafka, topicPrefix, source))
        const low = ends.get(source)?.get(lane)?.low ?? 0n
        if (low > 0n) parts.push({ source, lane, low })
      }
      return parts
    },
  }
}
