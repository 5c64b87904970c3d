/** One fetch of one partition, outside of any group: what KafkaJS can do and does not offer. For looking at what is there, not for reading. */
import type { Kafka } from 'kafkajs'
import { BugError, TransientError } from '../../schemas/errors.js'
import type { FetchedMessage, FetchedPartition } from './checked-fetch.js'

interface Broker {
  fetch(request: {
    readonly maxWaitTime: number
    readonly minBytes: number
    readonly maxBytes: number
    readonly isolationLevel: number
    readonly topics: readonly {
      readonly topic: string
      readonly partitions: readonly { readonly partition: number; readonly fetchOffset: string; readonly maxBytes: number }[]
    }[]
  }): Promise<{ readonly responses: readonly { readonly partitions: readonly FetchedPartition[] }[] }>
}

interface Cluster {
  connect(): Promise<void>
  disconnect(): Promise<void>
  addTargetTopic(topic: string): Promise<void>
  refreshMetadata(): Promise<void>
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>
  findBroker(of: { readonly nodeId: string }): Promise<Broker>
}

/** What stands at an offset. */
export interface Looked {
  /** Offset after the last record. */
  readonly high: bigint
  /** The batch that holds the offset, and perhaps those after it; empty where there is none, or none that can be read. */
  readonly messages: readonly FetchedMessage[]
}

const UNCOMMITTED = 0
const WAIT_MILLIS = 100
/** The first batch comes as a whole however large it is; what follows shows whether its offset is right. */
const LOOK_BYTES = 64 * 1024
/** What cannot be read is looked at again before it is believed. */
const TRIES = 2
const TRY_MILLIS = 300

/** Looks into partitions with a connection of its own. */
export class LogLook {
  private constructor(
    private readonly kafka: Kafka,
    private readonly cluster: Cluster,
  ) {}

  /** Gives what `use` gives. Rejects where the broker is away, or does not lead the partition. */
  static async with<T>(kafka: Kafka, use: (look: LogLook) => Promise<T>): Promise<T> {
    const symbol = Object.getOwnPropertySymbols(kafka).find((each) => String(each).includes('createCluster'))
    if (symbol === undefined) throw new BugError('this is not KafkaJS 2.2.4: it has no createCluster')
    const create = (kafka as unknown as Record<symbol, (options: object) => Cluster>)[symbol]
    if (create === undefined) throw new BugError('this is not KafkaJS 2.2.4: it has no createCluster')
    const cluster = create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false, isolationLevel: UNCOMMITTED })
    await cluster.connect()
    try {
      return await use(new LogLook(kafka, cluster))
    } finally {
      await cluster.disconnect()
    }
  }

  /** `topic` with its prefix. */
  async at(topic: string, partition: number, offset: bigint): Promise<Looked> {
    await this.cluster.addTargetTopic(topic)
    const [nodeId] = Object.keys(this.cluster.findLeaderForPartitions(topic, [partition]))
    if (nodeId === undefined) throw new TransientError(`nobody leads topic ${topic}, partition ${partition}`)
    const broker = await this.cluster.findBroker({ nodeId })
    const { responses } = await broker.fetch({
      ...{ maxWaitTime: WAIT_MILLIS, minBytes: 1, maxBytes: LOOK_BYTES, isolationLevel: UNCOMMITTED },
      topics: [{ topic, partitions: [{ partition, fetchOffset: String(offset), maxBytes: LOOK_BYTES }] }],
    })
    const found = responses[0]?.partitions[0]
    if (found === undefined) throw new TransientError(`no answer for topic ${topic}, partition ${partition}`)
    const high = BigInt(found.highWatermark)
    return { high: high >= 0n ? high : await this.end(topic, partition), messages: found.messages }
  }

  /** Where a fetch fails on the broker's disk, it does not say this either. */
  private async end(topic: string, partition: number): Promise<bigint> {
    const admin = this.kafka.admin()
    await admin.connect()
    try {
      const found = (await admin.fetchTopicOffsets(topic)).find((each) => each.partition === partition)
      if (found === undefined) throw new TransientError(`topic ${topic} has no partition ${partition}`)
      return BigInt(found.high)
    } finally {
      await admin.disconnect()
    }
  }

  /** First offset from `from` on that can be read, or the end; and why those before cannot. */
  async firstReadable(topic: string, partition: number, from: bigint): Promise<{ at: bigint; high: bigint; reason: string }> {
    let reason = ''
    let high = from
    const isReadable = async (offset: bigint) => {
      const looked = await this.at(topic, partition, offset)
      high = looked.high
      if (offset >= high) return true
      if (offset === from)
        reason =
          looked.messages.find((each) => each.damage !== undefined)?.damage ??
          'the broker holds more, and gives nothing that can be read'
      return looked.messages.some((each) => each.damage === undefined && BigInt(each.offset) === offset)
    }
    for (let tries = 0; tries < TRIES; tries++) {
      if (await isReadable(from)) return { at: from, high, reason: '' }
      await new Promise((resolve) => setTimeout(resolve, TRY_MILLIS))
    }
    let unreadable = from
    let readable = from + 1n
    for (let step = 1n; !(await isReadable(readable)); step *= 2n) {
      unreadable = readable
      readable = readable + step < high ? readable + step : high
    }
    while (readable - unreadable > 1n) {
      const middle = (readable + unreadable) / 2n
      if (await isReadable(middle)) readable = middle
      else unreadable = middle
    }
    return { at: readable, high, reason }
  }
}
