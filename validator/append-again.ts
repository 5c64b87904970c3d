/** What a validator does where a log does not hold what it has read there: the end of a log may be lost before anybody else has taken its
 *  last blocks, so those that it keeps are appended again. Whoever has them skips them. */
import type { Logger } from 'pino'
import { KEPT_BLOCKS, type KeptRecords } from '../infra/chain/kept-records.js'
import type { LogWriter } from '../infra/kafka/log-writer.js'
import type { SchemaIds } from '../infra/kafka/schema-ids.js'
import type { TopicName } from '../infra/stage.js'

export interface AppendDeps {
  readonly writer: LogWriter
  readonly ids: SchemaIds
  readonly logger: Logger
}

/** The newest `most` of what is kept. Resolves when the broker has them all. */
export async function appendAgain(
  records: KeptRecords,
  { topic, lane, partition }: { readonly topic: TopicName; readonly lane: number; readonly partition: number },
  { writer, ids, logger }: AppendDeps,
  most = KEPT_BLOCKS,
): Promise<void> {
  const kept = records.newest(lane).slice(-most)
  const append = (name: 'Block' | 'SignedVote', values: readonly Buffer[]) =>
    writer.append(
      topic,
      partition,
      values.map((value) => ({ key: null, value: ids.frame(name, value) })),
    )
  for (const { block, votes } of kept) {
    // apart from the votes: together they may be more than the broker takes at once
    await append('Block', [block])
    await append('SignedVote', votes)
  }
  logger.warn({ topic, lane, blocks: kept.length }, 'others may lack what is final: the newest blocks are appended again')
}
