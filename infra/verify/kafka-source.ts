import type { Kafka } from 'kafkajs'
import { endOffsets, readLog } from '../kafka/log-reader.js'
import type { LogSource } from './log-source.js'

/** The logs as they are in Kafka now, each up to its present end. */
export function kafkaSource(kafka: Kafka, topicPrefix: string): LogSource {
  return {
    endOffsets: (topic) => endOffsets(kafka, topicPrefix, topic),
    read: async function* (topic, partition, onDamaged) {
      const low = (await endOffsets(kafka, topicPrefix, topic)).get(partition)?.low ?? 0n
      for await (const record of readLog({ kafka, topicPrefix, topic, partition, from: low, ...(onDamaged && { onDamaged }) }))
        yield { topic, partition, ...record }
    },
  }
}
