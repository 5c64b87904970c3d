/** The offset kept with a lane's final block is a hint: a topic that was restored or made again has its records elsewhere. One that points
 *  behind the next block's records would leave its reader waiting for ever, so each is looked at before it is followed. */
import type { Kafka } from 'kafkajs'
import type { Logger } from 'pino'
import { equalBytes } from '../../schemas/bytes.js'
import type { FinalBlock } from '../../schemas/lane-fold.js'
import { decodeChainRecord } from '../../schemas/records.js'
import type { FetchedMessage } from '../kafka/checked-fetch.js'
import { LogLook } from '../kafka/fetch-once.js'
import { endOffsets, type OffsetRange } from '../kafka/log-reader.js'
import type { LaneReader } from './lane-reader.js'

/** Whether the record completes a certificate of the block: what stands before the place to go on at. */
export function certifies({ value }: Pick<FetchedMessage, 'value'>, { hash }: Pick<FinalBlock, 'hash'>): boolean {
  const record = decodeChainRecord(value)
  return record?.kind === 'vote' && record.vote.judgement.kind === 'accept' && equalBytes(record.vote.block, hash)
}

/** Sends those back to the start of the log whose place is not after the certificate of their final block: there they skip what is
 *  final already. */
export async function rewindWrongPlaces(
  readers: Iterable<LaneReader>,
  { kafka, topicPrefix, logger }: { readonly kafka: Kafka; readonly topicPrefix: string; readonly logger: Logger },
): Promise<void> {
  const placed = [...readers].filter(({ nextOffset }) => nextOffset > 0n)
  if (placed.length === 0) return
  const ends = await endOffsets(kafka, topicPrefix, 'chain')
  await LogLook.with(kafka, async (look) => {
    for (const reader of placed) {
      const range = ends.get(reader.lane) ?? { low: 0n, high: 0n }
      if (isWithin(reader, range) && (await isAfterCertificate(reader, look, `${topicPrefix}chain`))) continue
      const { lane, nextOffset } = reader
      logger.warn(
        { lane, nextOffset: String(nextOffset), height: String(reader.state.final.height) },
        'chain is not the log that it was: the lane is read from its start. Where blocks are missing in it: meterchain restore',
      )
      reader.rewind(range.low)
    }
  })
}

const isWithin = ({ nextOffset }: LaneReader, { low, high }: OffsetRange) => low < nextOffset && nextOffset <= high

async function isAfterCertificate({ lane, nextOffset, state }: LaneReader, look: LogLook, topic: string): Promise<boolean> {
  const { messages } = await look.at(topic, lane, nextOffset - 1n)
  const before = messages.find(({ offset }) => BigInt(offset) === nextOffset - 1n)
  return before !== undefined && certifies(before, state.final)
}
