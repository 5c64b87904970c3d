import type { Kafka } from 'kafkajs'
import type { Config } from '../../infra/config.js'
import { endOffsets, type LogDamage, readLog } from '../../infra/kafka/log-reader.js'
import type { LogSource } from '../audit.js'

/** The logs as they are in Kafka now, each up to its present end. */
export function kafkaSource(
  kafka: Kafka,
  { topicPrefix }: Pick<Config, 'topicPrefix'>,
  onDamaged?: (damage: LogDamage) => void,
): LogSource {
  const shared = { kafka, topicPrefix, ...(onDamaged && { onDamaged }) }
  return {
    chain: async function* (partition) {
      // what was cut off from the front may have been restored behind
      const from = (await endOffsets(kafka, topicPrefix, 'chain')).get(partition)?.low ?? 0n
      yield* readLog({ ...shared, topic: 'chain', partition, from })
    },
    plain: async (topic, partition) => {
      const low = (await endOffsets(kafka, topicPrefix, topic)).get(partition)?.low ?? 0n
      return { low, records: readLog({ ...shared, topic, partition, from: low }) }
    },
  }
}
