import type { TopicName } from '../stage.js'
import type { LogSource, OffsetRange, SourceRecord } from '../verify/log-source.js'

/** Topics in memory: what a test appends is what a reader gets. */
export class MemoryLog implements LogSource {
  readonly #logs = new Map<string, SourceRecord[]>()
  #clock = 1_770_000_000_000

  constructor(private readonly partitions: Readonly<Record<string, number>>) {}

  /** Records of one partition, to be read or changed. */
  records(topic: TopicName, partition: number): SourceRecord[] {
    const name = `${topic}/${partition}`
    const log = this.#logs.get(name) ?? []
    this.#logs.set(name, log)
    return log
  }

  append(topic: TopicName, partition: number, value: Buffer | null, key: Buffer | null = null): SourceRecord {
    const log = this.records(topic, partition)
    const record = { topic, partition, offset: (log.at(-1)?.offset ?? -1n) + 1n, timestamp: this.#clock++, key, value }
    log.push(record)
    return record
  }

  async endOffsets(topic: TopicName): Promise<Map<number, OffsetRange>> {
    const numbers = Array.from({ length: this.partitions[topic] ?? 0 }, (_, partition) => partition)
    return new Map(
      numbers.map((partition) => {
        const log = this.records(topic, partition)
        return [partition, { low: log[0]?.offset ?? 0n, high: (log.at(-1)?.offset ?? -1n) + 1n }]
      }),
    )
  }

  async *read(topic: TopicName, partition: number): AsyncIterable<SourceRecord> {
    yield* this.records(topic, partition)
  }
}
