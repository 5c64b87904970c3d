/** Blocks and votes that are appended again for whoever lacks them; whoever has them skips them. A validator does so where a log does not
 *  hold what it has read there: its end may be lost before anybody else has taken its last blocks. */
import type { Logger } from 'pino'
import type { LogWriter } from '../kafka/log-writer.js'
import type { SchemaIds } from '../kafka/schema-ids.js'
import type { TopicName } from '../stage.js'
import { KEPT_BLOCKS, type KeptRecords } from './kept-records.js'

export interface AppendDeps {
  readonly writer: LogWriter
  readonly ids: SchemaIds
  readonly logger: Logger
}

export interface AppendPlace {
  readonly topic: TopicName
  readonly partition: number
}

/** Resolves when the broker has them. `records` without the prefix. */
export async function appendRecords(
  { writer, ids }: Pick<AppendDeps, 'writer' | 'ids'>,
  { topic, partition }: AppendPlace,
  name: 'Block' | 'SignedVote',
  records: readonly Buffer[],
): Promise<void> {
  const messages = records.map((record) => ({ key: null, value: ids.frame(name, record) }))
  await writer.append(topic, partition, messages)
}

/** A block and the votes on it: apart, for together they may be more than the broker takes at once. */
export async function appendBlock(
  deps: Pick<AppendDeps, 'writer' | 'ids'>,
  place: AppendPlace,
  block: Buffer,
  votes: readonly Buffer[],
): Promise<void> {
  await appendRecords(deps, place, 'Block', [block])
  if (votes.length > 0) await appendRecords(deps, place, 'SignedVote', votes)
}

/** The newest `most` of what is kept. Resolves when the broker has them all. */
export async function appendAgain(
  records: KeptRecords,
  { lane, ...place }: AppendPlace & { readonly lane: number },
  deps: AppendDeps,
  most = KEPT_BLOCKS,
): Promise<void> {
  const kept = records.newest(lane, most)
  for (const { block, votes } of kept) await appendBlock(deps, place, block, votes)
  const where = { topic: place.topic, lane, blocks: kept.length }
  deps.logger.warn(where, 'others may lack what is final: the newest blocks are appended again')
}
