/** What the door reads: final blocks for the heads, and repairs for what to send again. */
import { randomUUID } from 'node:crypto'
import { ChainFollower } from '../infra/chain/chain-follower.js'
import type { Finalized } from '../infra/chain/lane-reader.js'
import { endOffsets, LogReader } from '../infra/kafka/log-reader.js'
import type { Runtime } from '../infra/stage-runtime.js'
import type { ResendBook } from './resend.js'
import type { Stores } from './stores.js'

/** Every lane of the ledger. */
export const lanesOf = ({ registry }: Pick<Runtime, 'registry'>): number[] =>
  Array.from({ length: registry.state.lanes }, (_, lane) => lane)

/** The chain, each lane from where its heads are. */
export function followChain(
  runtime: Runtime,
  { states, onFatal }: Stores,
  onFinal: (finalized: Finalized) => Promise<void>,
): ChainFollower {
  const { kafka, config, logger, registry, signatures, onLogFault } = runtime
  return new ChainFollower({
    kafka,
    config,
    logger,
    registry,
    verify: signatures.verify,
    groupId: groupId(config.topicPrefix, 'heads'),
    positions: new Map(lanesOf(runtime).map((lane) => [lane, states.position(lane)])),
    onFinal,
    onFailure: onFatal,
    ...(onLogFault && { onLogFault }),
  })
}

/** Topic `repairs`, from where it was; from the start of what there is, where the topic was made anew since. */
export async function followRepairs(
  { kafka, config, logger }: Runtime,
  { asked, onFatal }: Stores,
  book: ResendBook,
): Promise<LogReader> {
  const ends = await endOffsets(kafka, config.topicPrefix, 'repairs')
  const positions = [...ends].map(([partition, { low, high }]) => {
    const next = asked.next(partition)
    const offset = next === undefined || next < low || next > high ? low : next
    return { topic: 'repairs' as const, partition, offset }
  })
  return new LogReader({
    kafka,
    groupId: groupId(config.topicPrefix, 'repairs'),
    logger,
    topicPrefix: config.topicPrefix,
    positions,
    onRecords: (_topic, partition, records) => book.takeRepairs(partition, records),
    onFailure: onFatal,
  })
}

const groupId = (prefix: string, what: string): string => `${prefix}ingest-${what}-${randomUUID()}`
