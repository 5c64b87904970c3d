/** What somebody with access to the broker leaves in its topics and changes of their settings. */
import { join } from 'node:path'
import kafkajs from 'kafkajs'
import { TOPIC_NAMES, topicName, topicSpecs } from '../kafka/topics.js'
import { kafkaJars } from '../services/downloads.js'
import { mustRun } from '../services/run-command.js'
import { snappyLiterals } from '../testing/snappy.js'
import { until } from '../testing/until.js'
import { kafkaOf } from './log-places.js'
import { killed } from './process-faults.js'
import { type Fault, repairsSince, type World, withLogs } from './world.js'

const MINUTE = 60_000
const MAX_GARBAGE_BYTES = 200_000

export const garbage: Fault = {
  kind: 'garbage',
  meaning: 'garbage of any size in every topic',
  inject: async (world) => {
    const { random } = world
    const sizes = everywhere(world).map((place) => ({ ...place, bytes: random.below(MAX_GARBAGE_BYTES) }))
    await withLogs(world, async ({ writer }) => {
      for (const { topic, bytes, partition } of sizes) {
        const value = Buffer.from(Array.from({ length: bytes }, () => random.below(256)))
        await writer.append(topic, partition, [{ value }])
      }
    })
    return { told: sizes.map(({ topic, bytes }) => `${topic} ${bytes}`).join(', '), at: Date.now() }
  },
}

/** A partition of each topic. */
const everywhere = ({ random, config }: World) =>
  topicSpecs(config).map(({ name, partitions }) => ({ topic: name, partition: random.below(partitions) }))

async function connected(world: World, options: kafkajs.ProducerConfig): Promise<kafkajs.Producer> {
  const producer = kafkaOf(world).producer(options)
  await producer.connect()
  return producer
}

const STRANGE_RECORDS = 5

export const foreignCodec: Fault = {
  kind: 'foreign-codec',
  meaning: 'batches in a codec that our readers lack (Snappy) in every topic',
  inject: async (world) => {
    const { CompressionCodecs, CompressionTypes } = kafkajs
    const lacking = CompressionCodecs[CompressionTypes.Snappy]
    const compress = async ({ buffer }: { buffer: Buffer }) => snappyLiterals(buffer)
    Object.assign(CompressionCodecs, { [CompressionTypes.Snappy]: () => ({ compress }) })
    const producer = await connected(world, {})
    try {
      for (const { topic, partition } of everywhere(world)) {
        const messages = Array.from({ length: STRANGE_RECORDS }, () => ({ value: Buffer.from('from elsewhere'), partition }))
        await producer.send({ topic: topicName(world.config, topic), compression: CompressionTypes.Snappy, messages })
      }
    } finally {
      Object.assign(CompressionCodecs, { [CompressionTypes.Snappy]: lacking })
      await producer.disconnect()
    }
    return { told: `${STRANGE_RECORDS} records in each of ${TOPIC_NAMES.length} topics`, at: Date.now() }
  },
}

export const foreignTransaction: Fault = {
  kind: 'foreign-transaction',
  meaning: 'a stranger leaves a transaction open in every topic, and a stage is killed meanwhile: until all goes on beside it',
  inject: async (world) => {
    const producer = await connected(world, {
      ...{ transactionalId: `stranger-${world.random.below(2 ** 32)}`, idempotent: true, maxInFlightRequests: 1 },
      transactionTimeout: 10 * MINUTE,
    })
    const transaction = await producer.transaction()
    for (const { topic, partition } of everywhere(world))
      await transaction.send({
        topic: topicName(world.config, topic),
        messages: [{ value: Buffer.from('not committed'), partition }],
      })
    const injected = await killed(world, [world.random.pick(world.system.stageNames())])
    const undo = async () => {
      await transaction.abort()
      await producer.disconnect()
    }
    return { ...injected, told: `open in every topic, ${injected.told} killed`, undo }
  },
}

/** None of these deletes a record within the time of a run. */
const SETTINGS: readonly (readonly [name: string, value: string])[] = [
  ['retention.ms', '604800000'],
  ['retention.bytes', '1000000000'],
  ['message.timestamp.type', 'CreateTime'],
  ['compression.type', 'gzip'],
]
const MENDING =
  /Mend it: kafka-configs\.sh (--bootstrap-server \S+ --alter --entity-type topics --entity-name \S+ --add-config \S+?)(?:\\n|"|$)/

export const topicSettings: Fault = {
  kind: 'topic-settings',
  meaning:
    'somebody changes a setting of a topic, and a stage is killed: until it has refused to start, and the command that it named was run; told in repairs',
  inject: async (world) => {
    const { system, random } = world
    const topic = topicName(world.config, random.pick(TOPIC_NAMES))
    const [name, value] = random.pick(SETTINGS)
    const stage = random.pick(system.stageNames())
    const lines = system.log(stage).length
    const change = (to: string) =>
      `--bootstrap-server ${world.config.brokers[0]} --alter --entity-type topics --entity-name ${topic} --add-config ${name}=${to}`
    await kafkaConfigs(world, change(value))
    await system.kill(stage)
    const told = () =>
      system
        .log(stage)
        .slice(lines - 1)
        .flatMap((line) => MENDING.exec(line)?.[1] ?? [])
    const remedy = await until(`${stage} names the command that mends ${topic}`, MINUTE, () =>
      told().find((each) => each.startsWith(change(''))),
    )
    const at = Date.now()
    await kafkaConfigs(world, remedy)
    return {
      told: `${name}=${value} of ${topic}, told by ${stage}`,
      at,
      isHealed: async () => (await repairsSince(world, 'wait', at, ['topic-settings'])) > 0,
    }
  },
}

/** Kafka's kafka-configs.sh. */
async function kafkaConfigs({ config }: World, args: string): Promise<void> {
  const libs = await kafkaJars(config, () => undefined)
  await mustRun('java', ['-cp', join(libs, '*'), 'kafka.admin.ConfigCommand', ...args.split(' ')])
}
