import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { kafkaJars } from './downloads.js'
import { mustRun } from './run-command.js'
import { localService, type Service } from './service.js'
import { dataFolder, HOST, type Progress, type ServicesConfig } from './services-config.js'

const MAX_MESSAGE_BYTES = 8 * 1024 * 1024

/** The settings of a broker that is alone and is its own controller. */
export function serverProperties(config: ServicesConfig): string {
  const controller = `${HOST}:${config.kafkaControllerPort}`
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    // static voters: the port may change between two starts
    'controller.quorum.voters': `1@${controller}`,
    listeners: `PLAINTEXT://${HOST}:${config.kafkaPort},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${HOST}:${config.kafkaPort}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(dataFolder(config, 'kafka'), 'log'),
    'auto.create.topics.enable': false,
    'num.partitions': 1,
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    // with room above the 4 MiB of the largest block
    'message.max.bytes': MAX_MESSAGE_BYTES,
    'replica.fetch.max.bytes': MAX_MESSAGE_BYTES,
    // a ledger forgets nothing by itself
    'log.retention.ms': -1,
    'log.retention.bytes': -1,
    'log.cleaner.dedupe.buffer.size': 16 * 1024 * 1024,
    'num.network.threads': 2,
    'num.io.threads': 4,
  }
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
}

/** A random Kafka uuid: 22 characters of base64url. It must not begin with a dash, so the top bit is 0. */
export function newClusterId(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0] ?? 0) & 0x7f
  return bytes.toString('base64url')
}

const metaFile = (config: ServicesConfig): string => join(dataFolder(config, 'kafka'), 'log', 'meta.properties')

/** The id that this data folder was formatted with; undefined if it is not yet. */
function clusterId(config: ServicesConfig): string | undefined {
  if (!existsSync(metaFile(config))) return undefined
  return /^cluster\.id=(.+)$/m.exec(readFileSync(metaFile(config), 'utf8'))?.[1]
}

const javaOptions = (libs: string): string[] => ['-Djava.net.preferIPv4Stack=true', '-cp', join(libs, '*')]

// serial: on two cores shared with all the rest, collector threads beside a 512 MB heap only take time from others;
// tier 1: for its first minutes the optimizing compiler takes more time than it saves (measured by make bench: 114 to 130 µs a
// message in the first run, 82 µs in the second; without it 64 to 78 µs and 51 µs, and the start takes 4.1 s of CPU instead of 6.1 s)
const BROKER_OPTIONS = ['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:+ExitOnOutOfMemoryError']
const LOGGING_OPTIONS = [
  '-Dorg.slf4j.simpleLogger.showDateTime=true',
  '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  '-Dorg.slf4j.simpleLogger.log.kafka.server=info',
]

async function probe(config: ServicesConfig): Promise<boolean> {
  const brokers = [`${HOST}:${config.kafkaPort}`]
  const client = new Kafka({
    brokers,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2_000,
    requestTimeout: 2_000,
    retry: { retries: 0 },
  })
  const admin = client.admin()
  try {
    await admin.connect()
    const cluster = await admin.describeCluster()
    return cluster.brokers.length === 1 && cluster.clusterId === clusterId(config)
  } finally {
    await admin.disconnect()
  }
}

/** Kafka in KRaft mode, one node. */
export function kafkaService(config: ServicesConfig, onProgress: Progress): Service {
  const propertiesFile = join(dataFolder(config, 'kafka'), 'server.properties')
  const prepare = async () => {
    const libs = await kafkaJars(config, onProgress)
    mkdirSync(dataFolder(config, 'kafka'), { recursive: true })
    writeFileSync(propertiesFile, serverProperties(config))
    if (clusterId(config) === undefined) {
      const format = ['kafka.tools.StorageTool', 'format', '--ignore-formatted', '-t', newClusterId(), '-c', propertiesFile]
      await mustRun('java', [...javaOptions(libs), ...format])
    }
    return { command: 'java', args: [...BROKER_OPTIONS, ...LOGGING_OPTIONS, ...javaOptions(libs), 'kafka.Kafka', propertiesFile] }
  }
  return localService(
    {
      name: 'kafka',
      address: `${HOST}:${config.kafkaPort}`,
      ports: ['kafkaPort', 'kafkaControllerPort'],
      stopSignal: 'SIGTERM',
      prepare,
      probe: () => probe(config),
    },
    config,
  )
}
