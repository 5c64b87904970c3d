import type { Kafka } from 'kafkajs'
import type { Config } from '../../infra/config.js'
import { endOffsets, readLog } from '../../infra/kafka/log-reader.js'
import type { LogSource } from '../audit.js'

/** The logs as they are in Kafka now, each up to its present end. */
export function kafkaSource(kafka: Kafka, { topicPrefix }: Pick<Config, 'topicPrefix'>): LogSource {
  return {
    chain: (lane) => readLog({ kafka, topicPrefix, topic: 'chain', partition: lane, from: 0n }),
    plain: async (topic, partition) => {
      const low = (await endOffsets(kafka, topicPrefix, topic)).get(partition)?.low ?? 0n
      return { low, records: readLog({ kafka, topicPrefix, topic, partition, from: low }) }
    },
  }
}
