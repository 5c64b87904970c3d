import kafkajs, { type Kafka } from 'kafkajs'
import { topicName, topicSpecs } from '../kafka/topics.js'
import type { TopicName } from '../stage.js'
import { until } from './until.js'

/** Gives a topic these settings, and its broker's defaults for all others. Resolves when the broker shows them, which it does a moment
 *  after it says that it has altered them. */
export async function alterTopic(kafka: Kafka, name: string, settings: Readonly<Record<string, string>>): Promise<void> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const topic = { type: kafkajs.ConfigResourceTypes.TOPIC, name }
    const configEntries = Object.entries(settings).map(([setting, value]) => ({ name: setting, value }))
    await admin.alterConfigs({ validateOnly: false, resources: [{ ...topic, configEntries }] })
    await until(`the settings of ${name}`, 10_000, async () => {
      const { resources } = await admin.describeConfigs({ includeSynonyms: false, resources: [topic] })
      const found = new Map(resources[0]?.configEntries.map((entry) => [entry.configName, entry.configValue]))
      return Object.entries(settings).every(([setting, value]) => found.get(setting) === value)
    })
  } finally {
    await admin.disconnect()
  }
}

/** Some settings of a topic changed, all others as they must be. */
export function changeTopic(
  kafka: Kafka,
  config: Parameters<typeof topicSpecs>[0],
  topic: TopicName,
  change: Readonly<Record<string, string>>,
): Promise<void> {
  const spec = topicSpecs(config).find(({ name }) => name === topic)
  return alterTopic(kafka, topicName(config, topic), { ...spec?.settings, ...change })
}
