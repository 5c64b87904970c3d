import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { type Config, loadConfig } from '../config.js'
import { alterTopic } from '../testing/topic-settings.js'
import { until } from '../testing/until.js'
import { createKafka } from './client.js'
import { checkTopics, deleteTopics, ensureTopics, TOPIC_NAMES, TopicMismatchError, topicSpecs } from './topics.js'

const base = loadConfig({ METERCHAIN_LANES: '2', METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS ?? '127.0.0.1:19092' })
const kafka = createKafka(base, pino({ level: 'silent' }))
let config: Config
beforeEach(() => {
  config = { ...base, topicPrefix: `test-topics-${randomBytes(5).toString('hex')}.` }
})
afterEach(() => deleteTopics(kafka, config), 30_000)

test('are made once, by whoever comes, and are as they must be', async () => {
  await expect(checkTopics(kafka, config)).rejects.toThrow(
    `topics are missing on ${base.brokers[0]}: ${TOPIC_NAMES.map((name) => config.topicPrefix + name).join(', ')}. Make them: meterchain topics create`,
  )
  await Promise.all([ensureTopics(kafka, config), ensureTopics(kafka, config)])
  await ensureTopics(kafka, config)
  await checkTopics(kafka, config)
}, 30_000)

test('what is missing is made beside what is there', async () => {
  await ensureTopics(kafka, config)
  const admin = kafka.admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [`${config.topicPrefix}repairs`] })
  const names = () => admin.listTopics()
  await until('the end of a topic', 10_000, async () => !(await names()).includes(`${config.topicPrefix}repairs`), names)
  await admin.disconnect()
  await expect(checkTopics(kafka, config)).rejects.toThrow(`: ${config.topicPrefix}repairs. Make them`)
  await ensureTopics(kafka, config)
}, 30_000)

test('each difference is named, with what mends it', async () => {
  await ensureTopics(kafka, config)
  const changed = { 'retention.ms': '1000', 'compression.type': 'zstd', 'message.timestamp.type': 'CreateTime' }
  await alterTopic(kafka, `${config.topicPrefix}chain`, changed)
  const refused = await checkTopics(kafka, { ...config, lanes: 3, replication: 3 }).catch((error: Error) => error)
  if (!(refused instanceof TopicMismatchError)) throw new Error(`expected a refusal, not ${String(refused)}`)
  const { message } = refused
  const chain = `${config.topicPrefix}chain`
  const mend = (setting: string) => `--entity-type topics --entity-name ${chain} --add-config ${setting}`
  for (const part of [
    `${chain} has 2 partitions, not 3: set METERCHAIN_LANES=2, or make the topic anew`,
    `${chain} has 1 replicas, not 3: set METERCHAIN_REPLICATION=1, or add replicas`,
    `${config.topicPrefix}registry has 1 replicas`,
    `retention.ms is 1000, not -1. Mend it: kafka-configs.sh --bootstrap-server ${base.brokers[0]} --alter ${mend('retention.ms=-1')}`,
    `compression.type is zstd, not uncompressed. Mend it: kafka-configs.sh`,
    mend('compression.type=uncompressed'),
    mend('message.timestamp.type=LogAppendTime'),
    mend('min.insync.replicas=2'),
    mend('max.message.bytes=5242880'),
  ])
    expect(message).toContain(part)
  expect(message).not.toContain(`${config.topicPrefix}registry has 1 partitions`)
}, 30_000)

test('a topic of one partition that has more must be made anew', async () => {
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: `${config.topicPrefix}registry`, numPartitions: 2 }] })
  await admin.disconnect()
  await expect(ensureTopics(kafka, config)).rejects.toThrow(/registry has 2 partitions, not 1: it must be made anew/)
}, 30_000)

test('nothing is deleted by time but rejections; records have room for the largest of their kind', () => {
  const specs = new Map(topicSpecs({ ...config, replication: 3 }).map((spec) => [spec.name, spec]))
  for (const name of TOPIC_NAMES) {
    expect(specs.get(name)?.settings['retention.ms']).toBe(name === 'rejections' ? '7776000000' : '-1')
    expect(specs.get(name)?.settings['min.insync.replicas']).toBe('2')
  }
  expect([specs.get('registry')?.partitions, specs.get('checkpoints')?.partitions, specs.get('chain')?.partitions]).toEqual([
    1, 1, 2,
  ])
})
