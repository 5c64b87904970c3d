/** The offset kept with a lane's final block is a hint: a topic that was restored or made again has its records elsewhere. One that points
 *  behind the next block's records would leave its reader waiting for ever, so each is looked at before it is followed. */
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { equalBytes } from '../../schemas/bytes.js'
import type { FinalBlock } from '../../schemas/lane-fold.js'
import { decodeChainRecord } from '../../schemas/records.js'
import type { FetchedMessage } from '../kafka/checked-fetch.js'
import { LogLook } from '../kafka/fetch-once.js'
import type { LogFault } from '../kafka/log-fault.js'
import { endOffsets, type OffsetRange } from '../kafka/log-reader.js'
import type { LaneReader } from './lane-reader.js'

/** Whether the record completes a certificate of the block: what stands before the place to go on at. */
export function certifies({ value }: Pick<FetchedMessage, 'value'>, { hash }: Pick<FinalBlock, 'hash'>): boolean {
  const record = decodeChainRecord(value)
  return record?.kind === 'vote' && record.vote.judgement.kind === 'accept' && equalBytes(record.vote.block, hash)
}

export interface PlaceHints {
  readonly kafka: Kafka
  readonly topicPrefix: string
  readonly logger: Logger
  /** Told where a log has lost the records that a reader's place stands after. */
  onLogFault?(fault: LogFault): void
}

/** Sends those back to the start of the log whose place is not after the certificate of their final block: there they skip what is
 *  final already. Resolves to them. */
export async function rewindWrongPlaces(
  readers: Iterable<LaneReader>,
  { kafka, topicPrefix, logger, onLogFault }: PlaceHints,
  topic: 'chain' | 'checkpoints' = 'chain',
): Promise<LaneReader[]> {
  const ends = await endOffsets(kafka, topicPrefix, topic)
  const partitionOf = ({ lane }: LaneReader) => (topic === 'chain' ? lane : 0)
  const rangeOf = (reader: LaneReader) => ends.get(partitionOf(reader)) ?? { low: 0n, high: 0n }
  const placed = [...readers].filter((reader) => reader.nextOffset > 0n || rangeOf(reader).low > 0n)
  const rewound: LaneReader[] = []
  if (placed.length === 0) return rewound
  await LogLook.with(kafka, async (look) => {
    for (const reader of placed) {
      const [partition, range] = [partitionOf(reader), rangeOf(reader)]
      if (isWithin(reader, range) && (await isAfterCertificate(reader, look, `${topicPrefix}${topic}`, partition))) continue
      const { nextOffset: from, state } = reader
      logger.warn(
        { topic, partition, nextOffset: String(from), height: String(state.final.height) },
        'this is not the log that it was: the lane is read from its start, and what is missing in it is asked for',
      )
      reader.rewind(range.low)
      rewound.push(reader)
      const detail = `it holds offsets ${range.low} to ${range.high}, and ${from} does not follow the certificate of height ${state.final.height}`
      onLogFault?.({ topic, partition, fault: 'records-lost', from, detail })
    }
  })
  return rewound
}

const isWithin = ({ nextOffset }: LaneReader, { low, high }: OffsetRange) => low < nextOffset && nextOffset <= high

async function isAfterCertificate(
  { nextOffset, state }: LaneReader,
  look: LogLook,
  topic: string,
  partition: number,
): Promise<boolean> {
  const { messages } = await look.at(topic, partition, nextOffset - 1n)
  const before = messages.find(({ offset }) => BigInt(offset) === nextOffset - 1n)
  return before !== undefined && certifies(before, state.final)
}
