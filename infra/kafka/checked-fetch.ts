/** What a fetch brings, held against the checksums of its batches. KafkaJS 2.2.4 looks at none: a batch that was damaged on the broker's
 *  disk makes it stand still without an error, throw RangeError for all partitions of the broker, or hand out what nobody appended. Here
 *  the damaged batch is a record without a value that says so, and all others come as ever. Its cost: 3 µs a KB. */
import { createRequire } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'

/** As KafkaJS has them, with a damage, in words, in place of a batch that cannot be read. */
export interface FetchedMessage {
  readonly offset: string
  readonly timestamp: string
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly isControlRecord: boolean
  readonly damage?: string
}

export interface FetchedPartition {
  readonly partition: number
  readonly errorCode: number
  readonly highWatermark: string
  readonly messages: FetchedMessage[]
}

interface Internals {
  readonly Decoder: new (bytes: Buffer) => object
  readonly decodeBatch: (decoder: object) => Promise<{ records: FetchedMessage[] }>
  readonly crc32C: (bytes: Buffer) => number
}

interface Protocol {
  request: unknown
  response: { decode(bytes: Buffer): Promise<unknown>; parse: unknown }
  requestTimeout: unknown
}

const FETCH_VERSION = 11
/** Base offset and length. */
const LOG_OVERHEAD = 12
/** From the length to the records. */
const BATCH_HEADER = 49
const MAGIC_AT = 16
const CRC_AT = 17
const CHECKED_FROM = 21
const LAST_DELTA_AT = 23
const RECORDS_AT = 57
const MAGIC = 2
const NO_ERROR = 0
/** The broker itself cannot read the batch's header. One partition's answer would be the end of the whole fetch. */
const CORRUPT_MESSAGE = 2
/** The broker waits for data, and not before it says that. */
const CORRUPT_PAUSE_MILLIS = 100

let isInstalled = false

/** Once for the process: KafkaJS looks its protocol up at each request. */
export function checkFetches(): void {
  if (isInstalled) return
  isInstalled = true
  const load = createRequire(import.meta.url)
  const { requests } = load('kafkajs/src/protocol/requests') as {
    requests: { Fetch: { protocol(at: { version: number }): (options: unknown) => Protocol } }
  }
  const internals: Internals = {
    Decoder: load('kafkajs/src/protocol/decoder'),
    decodeBatch: load('kafkajs/src/protocol/recordBatch/v0/decoder'),
    crc32C: load('kafkajs/src/protocol/recordBatch/crc32C'),
  }
  const original = requests.Fetch.protocol
  requests.Fetch.protocol = (at) => {
    const make = original(at)
    if (at.version !== FETCH_VERSION) return make
    return (options) => {
      const { request, response, requestTimeout } = make(options)
      return { request, requestTimeout, response: { parse: response.parse, decode: (bytes) => decodeFetch(bytes, internals) } }
    }
  }
}

/** Fetch response, version 11. */
async function decodeFetch(bytes: Buffer, internals: Internals) {
  const reader = new Reader(bytes)
  const clientSideThrottleTime = reader.int32()
  const errorCode = reader.int16()
  const sessionId = reader.int32()
  const responses = []
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topicName = reader.bytes(reader.int16()).toString()
    const partitions: FetchedPartition[] = []
    for (let count = reader.int32(); count > 0; count--) partitions.push(await decodePartition(reader, internals))
    responses.push({ topicName, partitions })
  }
  // the broker expects us to wait, and does not wait itself
  return { throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses }
}

async function decodePartition(reader: Reader, internals: Internals) {
  const partition = reader.int32()
  const code = reader.int16()
  const highWatermark = String(reader.int64())
  const lastStableOffset = String(reader.int64())
  const lastStartOffset = String(reader.int64())
  const abortedTransactions = []
  for (let count = reader.int32(); count > 0; count--)
    abortedTransactions.push({ producerId: String(reader.int64()), firstOffset: String(reader.int64()) })
  const preferredReadReplica = reader.int32()
  const messages = await decodeBatches(reader.bytes(Math.max(0, reader.int32())), internals)
  const isCorrupt = code === CORRUPT_MESSAGE
  if (isCorrupt) await sleep(CORRUPT_PAUSE_MILLIS)
  const errorCode = isCorrupt ? NO_ERROR : code
  return {
    ...{ partition, errorCode, highWatermark, lastStableOffset, lastStartOffset },
    ...{ abortedTransactions, preferredReadReplica, messages },
  }
}

/** All batches of a partition that are here as a whole: the last one may have been cut off by the fetch's limit. What follows a header
 *  that makes no sense cannot be found; so the reader gets nothing, and asks what is there. */
async function decodeBatches(bytes: Buffer, internals: Internals): Promise<FetchedMessage[]> {
  const messages: FetchedMessage[] = []
  for (let at = 0; at + LOG_OVERHEAD + BATCH_HEADER <= bytes.length; ) {
    const end = at + LOG_OVERHEAD + bytes.readInt32BE(at + 8)
    if (end > bytes.length || end < at + RECORDS_AT || bytes[at + MAGIC_AT] !== MAGIC) break
    const batch = bytes.subarray(at, end)
    const isBeyond = bytes.length >= end + 8 && batch.readBigInt64BE(0) >= bytes.readBigInt64BE(end)
    if (isBeyond) messages.push(damaged(batch, 'its offset is beyond that of the batch after it'))
    else for (const each of await decodeBatch(batch, internals)) messages.push(each)
    at = end
  }
  return messages
}

async function decodeBatch(batch: Buffer, { Decoder, decodeBatch: decode, crc32C }: Internals): Promise<FetchedMessage[]> {
  if (crc32C(batch.subarray(CHECKED_FROM)) !== batch.readUInt32BE(CRC_AT)) return [damaged(batch, 'its checksum does not hold')]
  try {
    const { records } = await decode(new Decoder(batch))
    return records
  } catch (error) {
    // as it was sent: in a codec that we do not have, or by a client that is wrong
    return [damaged(batch, String(error))]
  }
}

/** At the last offset of the batch by its own header, which may be what is damaged: whoever reads on looks where. */
function damaged(batch: Buffer, damage: string): FetchedMessage {
  const offset = batch.readBigInt64BE(0) + BigInt(Math.max(0, batch.readInt32BE(LAST_DELTA_AT)))
  const producerId = String(batch.readBigInt64BE(43))
  const batchContext = { producerId, inTransaction: false }
  const none = { timestamp: '0', key: null, value: null, isControlRecord: false, batchContext }
  return { offset: String(offset), ...none, damage }
}

class Reader {
  private at = 0
  constructor(private readonly buffer: Buffer) {}

  int16(): number {
    return this.buffer.readInt16BE(this.move(2))
  }
  int32(): number {
    return this.buffer.readInt32BE(this.move(4))
  }
  int64(): bigint {
    return this.buffer.readBigInt64BE(this.move(8))
  }
  bytes(length: number): Buffer {
    const from = this.move(length)
    return this.buffer.subarray(from, from + length)
  }
  private move(length: number): number {
    const from = this.at
    this.at += length
    return from
  }
}
