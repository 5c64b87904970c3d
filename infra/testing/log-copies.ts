// Copies of logs in memory, and what may be wrong with a copy.
import type { TopicName } from '../stage.js'
import type { SourceRecord } from '../verify/log-source.js'
import { flipBit } from './chain.js'
import { MemoryLog } from './memory-log.js'

export interface Place {
  readonly topic: TopicName
  readonly partition: number
  readonly index: number
}

/** A log of the same records, to be changed. */
export function copyLog(log: MemoryLog, partitions: Readonly<Record<string, number>>): MemoryLog {
  const copy = new MemoryLog(partitions)
  for (const [topic, count] of Object.entries(partitions) as [TopicName, number][])
    for (let partition = 0; partition < count; partition++) copy.records(topic, partition).push(...log.records(topic, partition))
  return copy
}

/** Every record of the log. */
export function placesOf(log: MemoryLog, partitions: Readonly<Record<string, number>>): Place[] {
  return (Object.entries(partitions) as [TopicName, number][]).flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, partition) => partition).flatMap((partition) =>
      log.records(topic, partition).map((_record, index) => ({ topic, partition, index })),
    ),
  )
}

/** Changes the records of one partition; their offsets are numbered again, as a copy’s would be. */
export function rewrite(log: MemoryLog, { topic, partition }: Place, change: (records: SourceRecord[]) => void): void {
  const records = log.records(topic, partition)
  const low = records[0]?.offset ?? 0n
  change(records)
  records.splice(0, records.length, ...records.map((record, index) => ({ ...record, offset: low + BigInt(index) })))
}

/** Flips bit `bit` (modulo the value’s length); false where the record has no bytes. */
export function flipAt(log: MemoryLog, { topic, partition, index }: Place, bit: number): boolean {
  const records = log.records(topic, partition)
  const record = records[index]
  if (record?.value == null || record.value.length === 0) return false
  records[index] = { ...record, value: flipBit(record.value, bit % (record.value.length * 8)) }
  return true
}
