import { Command } from 'commander'
import pino from 'pino'
import { type Config, loadConfig } from '../../config.js'
import { createKafka } from '../../kafka/client.js'
import { endOffsets } from '../../kafka/log-reader.js'
import { checkTopics, ensureTopics, topicName, topicSpecs } from '../../kafka/topics.js'
import { table } from '../table.js'

export function topicsCommand(): Command {
  const topics = new Command('topics').description('Makes, checks and lists the topics')
  const kafkaOf = () => {
    const config = loadConfig()
    return { config, kafka: createKafka(config, pino({ level: config.logLevel === 'info' ? 'silent' : config.logLevel })) }
  }
  topics
    .command('create')
    .description('Makes the topics that are missing and checks all; safe to run twice')
    .action(async () => {
      const { config, kafka } = kafkaOf()
      await ensureTopics(kafka, config)
      sayAllRight(config)
    })
  topics
    .command('check')
    .description('Checks that all topics are as they must be; names each difference and the command that mends it')
    .action(async () => {
      const { config, kafka } = kafkaOf()
      await checkTopics(kafka, config)
      sayAllRight(config)
    })
  topics
    .command('list')
    .description('Lists each partition with its first and next offset')
    .action(async () => {
      const { config, kafka } = kafkaOf()
      const rows: unknown[][] = []
      for (const { name } of topicSpecs(config)) {
        const ends = await endOffsets(kafka, config.topicPrefix, name)
        for (const [partition, { low, high }] of [...ends].sort(([a], [b]) => a - b))
          rows.push([topicName(config, name), partition, low, high])
      }
      process.stdout.write(`${table(['topic', 'partition', 'first', 'next'], rows)}\n`)
    })
  return topics
}

const sayAllRight = (config: Config): void =>
  void process.stdout.write(`${topicSpecs(config).length} topics are as they must be on ${config.brokers.join(',')}\n`)
