/** The topics: what each must be like, and the one command that makes them and refuses those that are not so. */
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs, { type Admin, type Kafka } from 'kafkajs'
import { TransientError } from '../../schemas/errors.js'
import type { Config } from '../config.js'
import type { TopicName } from '../stage.js'
import { untilBrokerKnows } from './not-yet.js'

export interface TopicSpec {
  readonly name: TopicName
  readonly partitions: number
  readonly replication: number
  readonly settings: Readonly<Record<string, string>>
}

type TopicConfig = Pick<Config, 'topicPrefix' | 'lanes' | 'replication'>

const MIB = 1024 * 1024
const DAY_MILLIS = 86_400_000
const DELETED_MILLIS = 30_000
const POLL_MILLIS = 100

export const TOPIC_NAMES: readonly TopicName[] = ['readings', 'chain', 'registry', 'checkpoints', 'repairs', 'rejections']
const SINGLE: ReadonlySet<TopicName> = new Set(['registry', 'checkpoints'])
const MAX_BYTES: Readonly<Record<TopicName, number>> = {
  readings: MIB / 2,
  chain: 5 * MIB,
  registry: 2 * MIB + MIB / 2,
  checkpoints: MIB,
  repairs: MIB / 4,
  rejections: MIB / 4,
}

export const topicName = (config: Pick<Config, 'topicPrefix'>, name: TopicName): string => config.topicPrefix + name

/** What each topic must be like. Nothing is deleted by time but rejections; the order of the log decides, so its time is the broker's;
 *  KafkaJS dies on a batch in a codec that it lacks. */
export function topicSpecs(config: TopicConfig): TopicSpec[] {
  return TOPIC_NAMES.map((name) => ({
    name,
    partitions: SINGLE.has(name) ? 1 : config.lanes,
    replication: config.replication,
    settings: {
      'cleanup.policy': 'delete',
      'retention.ms': name === 'rejections' ? String(90 * DAY_MILLIS) : '-1',
      'retention.bytes': '-1',
      'message.timestamp.type': 'LogAppendTime',
      'compression.type': 'uncompressed',
      'max.message.bytes': String(MAX_BYTES[name]),
      ...(config.replication >= 3 && { 'min.insync.replicas': '2' }),
    },
  }))
}

/** A topic is not as it must be. The message lists each difference with the command that mends it. */
export class TopicMismatchError extends Error {
  override readonly name = 'TopicMismatchError'
}

async function withAdmin<T>(kafka: Kafka, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await use(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Makes the topics that are missing and checks all. Safe to run twice. Throws TopicMismatchError. */
export function ensureTopics(kafka: Kafka, config: TopicConfig & Pick<Config, 'brokers'>): Promise<void> {
  return withAdmin(kafka, async (admin) => {
    const existing = new Set(await admin.listTopics())
    const missing = topicSpecs(config).filter((spec) => !existing.has(topicName(config, spec.name)))
    if (missing.length > 0) {
      await admin.createTopics({
        waitForLeaders: false,
        topics: missing.map((spec) => ({
          topic: topicName(config, spec.name),
          numPartitions: spec.partitions,
          replicationFactor: spec.replication,
          configEntries: Object.entries(spec.settings).map(([name, value]) => ({ name, value })),
        })),
      })
      const topics = missing.map((spec) => topicName(config, spec.name))
      await untilBrokerKnows(`the new topics ${topics.join(', ')}`, () => admin.fetchTopicMetadata({ topics }))
    }
    await check(admin, config)
  })
}

/** Checks at a stage's start that the topics are there and as they must be. Throws TopicMismatchError. */
export function checkTopics(kafka: Kafka, config: TopicConfig & Pick<Config, 'brokers'>): Promise<void> {
  return withAdmin(kafka, (admin) => check(admin, config))
}

/** Deletes one topic, with all its records, and makes it again, empty. Safe to run twice. */
export async function recreateTopic(kafka: Kafka, config: TopicConfig & Pick<Config, 'brokers'>, name: TopicName): Promise<void> {
  const topic = topicName(config, name)
  await withAdmin(kafka, async (admin) => {
    if ((await admin.listTopics()).includes(topic)) await admin.deleteTopics({ topics: [topic] })
    const giveUpAt = Date.now() + DELETED_MILLIS
    while ((await admin.listTopics()).includes(topic)) {
      if (Date.now() > giveUpAt)
        throw new TransientError(`topic ${topic} is still there ${DELETED_MILLIS} ms after it was deleted`)
      await sleep(POLL_MILLIS)
    }
  })
  await ensureTopics(kafka, config)
}

/** Deletes all topics of the prefix: their records are gone. For tests and resets. */
export function deleteTopics(kafka: Kafka, config: TopicConfig): Promise<void> {
  return withAdmin(kafka, async (admin) => {
    const existing = new Set(await admin.listTopics())
    const topics = TOPIC_NAMES.map((name) => topicName(config, name)).filter((name) => existing.has(name))
    if (topics.length > 0) await admin.deleteTopics({ topics })
  })
}

async function check(admin: Admin, config: TopicConfig & Pick<Config, 'brokers'>): Promise<void> {
  const specs = topicSpecs(config)
  const existing = new Set(await admin.listTopics())
  const absent = specs.filter((spec) => !existing.has(topicName(config, spec.name)))
  if (absent.length > 0) {
    const names = absent.map((spec) => topicName(config, spec.name)).join(', ')
    throw new TopicMismatchError(
      `topics are missing on ${config.brokers.join(',')}: ${names}. Make them: meterchain topics create`,
    )
  }
  const { topics } = await admin.fetchTopicMetadata({ topics: specs.map((spec) => topicName(config, spec.name)) })
  const partitions = new Map(topics.map((topic) => [topic.name, topic.partitions.map(({ replicas }) => replicas.length)]))
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: specs.map((spec) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name: topicName(config, spec.name) })),
  })
  const settings = new Map(
    resources.map((resource) => [
      resource.resourceName,
      new Map(resource.configEntries.map((entry) => [entry.configName, entry.configValue])),
    ]),
  )
  const faults = specs.flatMap((spec) => {
    const name = topicName(config, spec.name)
    return differences(spec, name, partitions.get(name) ?? [], settings.get(name) ?? new Map(), config.brokers)
  })
  if (faults.length > 0) throw new TopicMismatchError(`topics are not as they must be:\n${faults.join('\n')}`)
}

function differences(
  spec: TopicSpec,
  name: string,
  replicas: readonly number[],
  settings: ReadonlyMap<string, string>,
  brokers: readonly string[],
): string[] {
  const faults: string[] = []
  const partitions = replicas.length
  if (partitions !== spec.partitions) {
    const remedy = SINGLE.has(spec.name)
      ? 'it must be made anew'
      : `set METERCHAIN_LANES=${partitions}, or make the topic anew: partitions cannot be taken away, nor lanes added`
    faults.push(`  ${name} has ${partitions} partitions, not ${spec.partitions}: ${remedy}`)
  }
  const fewest = Math.min(...replicas)
  if (fewest < spec.replication) {
    faults.push(
      `  ${name} has ${fewest} replicas, not ${spec.replication}: set METERCHAIN_REPLICATION=${fewest}, ` +
        'or add replicas with kafka-reassign-partitions.sh',
    )
  }
  for (const [setting, wanted] of Object.entries(spec.settings)) {
    const found = settings.get(setting)
    if (found === wanted) continue
    const command = `kafka-configs.sh --bootstrap-server ${brokers[0]} --alter --entity-type topics --entity-name ${name} --add-config ${setting}=${wanted}`
    faults.push(`  ${name}: ${setting} is ${found ?? 'unknown'}, not ${wanted}. Mend it: ${command}`)
  }
  return faults
}
