import type { LogDamage } from '../kafka/log-reader.js'
import type { TopicName } from '../stage.js'

/** The logs as bytes, wherever they are: in Kafka, in a dump, in memory. What `verify` reads, and `dump` writes. */

export interface SourceRecord {
  readonly topic: TopicName
  readonly partition: number
  readonly offset: bigint
  /** Append time, milliseconds. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
}

/** First offset that is there, and the one after the last. */
export interface OffsetRange {
  readonly low: bigint
  readonly high: bigint
}

/** Topics by their logical names, without a prefix. */
export interface LogSource {
  /** By partition; empty where there is no such topic. */
  endOffsets(topic: TopicName): Promise<ReadonlyMap<number, OffsetRange>>
  /** From the first record that is there to the end as it was when reading began. Offsets rise, and may have gaps. What cannot be read
   *  is told before what follows it; of registry it ends the reading with DamagedLogError. */
  read(topic: TopicName, partition: number, onDamaged?: (damage: LogDamage) => void): AsyncIterable<SourceRecord>
}

/** Records that a source holds, by count of offsets: what progress is measured against. */
export async function countRecords(source: LogSource, topics: readonly TopicName[]): Promise<number> {
  let count = 0n
  for (const topic of topics) for (const { low, high } of (await source.endOffsets(topic)).values()) count += high - low
  return Number(count)
}
