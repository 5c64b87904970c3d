/** Appends to one partition at a time, and believes only an answer that names it. Readers drop what a retry doubles. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kafka, Producer } from 'kafkajs'
import type { Logger } from 'pino'
import { TransientError } from '../../schemas/errors.js'
import type { TopicName } from '../stage.js'
import { deepestType } from './not-yet.js'

export interface LogMessage {
  readonly key?: Buffer | string | null
  readonly value: Buffer
}

export interface LogWriterOptions {
  readonly kafka: Kafka
  readonly topicPrefix: string
  readonly logger: Logger
  /** How long an append is tried, milliseconds. */
  readonly deadlineMillis?: number
}

const DEADLINE_MILLIS = 90_000
const PAUSES_MILLIS = [100, 200, 500, 1_000, 2_000]

/** The broker will never take these: said at once. */
const HOPELESS = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
])

export class LogWriter {
  private readonly producer: Producer
  /** The last append of each partition: the next waits for it. */
  private readonly tails = new Map<string, Promise<unknown>>()
  private isClosing = false

  constructor(private readonly options: LogWriterOptions) {
    this.producer = options.kafka.producer({
      // KafkaJS asks it for every message, also for those that name their partition
      createPartitioner:
        () =>
        ({ message: { partition } }) =>
          partition ?? -1,
      allowAutoTopicCreation: false,
      idempotent: false,
      retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 },
    })
  }

  connect(): Promise<void> {
    return this.producer.connect()
  }

  /** Waits for what is on its way, which is not tried again any more, then closes. */
  async disconnect(): Promise<void> {
    this.isClosing = true
    await Promise.allSettled(this.tails.values())
    await this.producer.disconnect()
  }

  /** Appends the messages to the partition in their order, after all that was given before, and resolves with the offset of the first
   *  when all replicas that must have it do. Rejects with TransientError when that could not be had in time: they may be in the log. */
  append(topic: TopicName, partition: number, messages: readonly LogMessage[]): Promise<bigint> {
    const place = `${topic} ${partition}`
    const before = this.tails.get(place) ?? Promise.resolve()
    const mine = before.then(
      () => this.tryUntilDeadline(topic, partition, messages),
      () => this.tryUntilDeadline(topic, partition, messages),
    )
    this.tails.set(place, mine)
    const forget = () => {
      if (this.tails.get(place) === mine) this.tails.delete(place)
    }
    mine.then(forget, forget)
    return mine
  }

  private async tryUntilDeadline(topic: TopicName, partition: number, messages: readonly LogMessage[]): Promise<bigint> {
    const { deadlineMillis = DEADLINE_MILLIS, logger } = this.options
    const giveUp = Date.now() + deadlineMillis
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.send(topic, partition, messages)
      } catch (error) {
        const cause = deepestType(error)
        if (HOPELESS.has(cause)) throw error
        const pause = PAUSES_MILLIS[Math.min(attempt, PAUSES_MILLIS.length - 1)] ?? 0
        if (this.isClosing || Date.now() + pause > giveUp) {
          throw new TransientError(
            `nothing could be appended to ${topic} ${partition} within ${deadlineMillis} ms: ${String(error)}`,
            { cause: error },
          )
        }
        logger.warn({ topic, partition, attempt, cause, error: String(error) }, 'an append is tried again')
        await sleep(pause)
        await this.reconnect()
      }
    }
  }

  /** KafkaJS gives up a broker that was away for long; connecting again is how it comes back. A failure shows in the next attempt. */
  private async reconnect(): Promise<void> {
    await this.producer
      .connect()
      .catch((error: Error) => this.options.logger.debug({ err: error }, 'the producer cannot connect yet'))
  }

  private async send(topic: TopicName, partition: number, messages: readonly LogMessage[]): Promise<bigint> {
    const answers = await this.producer.send({
      topic: this.options.topicPrefix + topic,
      acks: -1,
      messages: messages.map(({ key = null, value }) => ({ key, value, partition })),
    })
    const answer = answers.find((each) => each.partition === partition)
    if (answer === undefined || answer.errorCode !== 0 || answer.baseOffset === undefined) {
      throw new TransientError(`the broker's answer does not acknowledge ${topic} ${partition}: ${JSON.stringify(answers)}`)
    }
    return BigInt(answer.baseOffset)
  }
}
