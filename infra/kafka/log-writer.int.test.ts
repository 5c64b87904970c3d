import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Kafka, Producer, RecordMetadata } from 'kafkajs'
import pino from 'pino'
import { TransientError } from '../../schemas/errors.js'
import { loadConfig } from '../config.js'
import { createKafka } from './client.js'
import { readLog } from './log-reader.js'
import { LogWriter } from './log-writer.js'
import { deleteTopics, ensureTopics } from './topics.js'

const logger = pino({ level: 'silent' })
const config = loadConfig({
  METERCHAIN_LANES: '2',
  METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS ?? '127.0.0.1:19092',
  METERCHAIN_TOPIC_PREFIX: `test-writer-${randomBytes(5).toString('hex')}.`,
})
const { topicPrefix } = config
const kafka = createKafka(config, logger)
const writer = new LogWriter({ kafka, topicPrefix, logger })
const text = (...texts: string[]) => texts.map((each) => ({ key: 'k', value: Buffer.from(each) }))

async function texts(partition: number): Promise<string[]> {
  const found: string[] = []
  for await (const { value } of readLog({ kafka, topicPrefix, topic: 'readings', partition, from: 0n })) found.push(String(value))
  return found
}

beforeAll(async () => {
  await ensureTopics(kafka, config)
  await writer.connect()
}, 30_000)
afterAll(async () => {
  await writer.disconnect()
  await deleteTopics(kafka, config)
}, 30_000)

test('appends stand in the order in which they were given, and say where', async () => {
  const offsets = await Promise.all(Array.from({ length: 30 }, (_, n) => writer.append('readings', 0, text(`${n}a`, `${n}b`))))
  expect(offsets).toEqual(Array.from({ length: 30 }, (_, n) => BigInt(2 * n)))
  expect(await texts(0)).toEqual(Array.from({ length: 30 }, (_, n) => [`${n}a`, `${n}b`]).flat())
}, 30_000)

test('what the broker never takes is said at once, and what follows is appended', async () => {
  const began = Date.now()
  const large = writer.append('readings', 1, [{ value: Buffer.alloc(600 * 1024) }])
  const next = writer.append('readings', 1, text('next'))
  await expect(large).rejects.toThrow(/larger than the max message size/)
  expect(await next).toBe(0n)
  expect(Date.now() - began).toBeLessThan(5_000)
}, 30_000)

test('what was given before it closes is appended', async () => {
  const closing = new LogWriter({ kafka, topicPrefix, logger })
  await closing.connect()
  const given = Array.from({ length: 5 }, (_, n) => closing.append('repairs', 0, text(`${n}`)))
  await closing.disconnect()
  expect(await Promise.all(given)).toEqual([0n, 1n, 2n, 3n, 4n])
}, 30_000)

/** The same broker, whose answers pass through `change`. */
function answering(change: (answers: RecordMetadata[], call: number) => RecordMetadata[]): Kafka {
  let call = 0
  const producer = (...options: Parameters<Kafka['producer']>): Producer => {
    const real = kafka.producer(...options)
    return { ...real, send: async (record) => change(await real.send(record), call++) }
  }
  return Object.assign(Object.create(kafka), { producer }) as Kafka
}

describe('an answer that does not acknowledge the partition', () => {
  const wrong: [string, (answer: RecordMetadata) => RecordMetadata[]][] = [
    ['names another', (answer) => [{ ...answer, partition: 7 }]],
    ['is empty', () => []],
    ['holds an error', (answer) => [{ ...answer, errorCode: 5 }]],
    ['has no offset', ({ baseOffset: _baseOffset, ...rest }) => [rest]],
  ]
  test.each(wrong)(
    '%s: is not believed, and the append is tried again',
    async (_, change) => {
      const doubting = new LogWriter({
        ...{ topicPrefix, logger },
        kafka: answering((answers, call) => (call === 0 ? answers.flatMap(change) : answers)),
      })
      await doubting.connect()
      const before = (await texts(0)).length
      expect(await doubting.append('readings', 0, text('twice'))).toBe(BigInt(before + 1))
      expect((await texts(0)).slice(before)).toEqual(['twice', 'twice'])
      await doubting.disconnect()
    },
    30_000,
  )

  test('each time: ends in a TransientError at the deadline', async () => {
    const never = new LogWriter({ topicPrefix, logger, deadlineMillis: 500, kafka: answering(() => []) })
    await never.connect()
    await expect(never.append('readings', 0, text('?'))).rejects.toThrow(TransientError)
    await never.disconnect()
  }, 30_000)
})

describe('with the broker away', () => {
  /** A port that nobody listens on. */
  async function closedPort(): Promise<number> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    await new Promise((resolve) => server.close(resolve))
    if (address === null || typeof address === 'string') throw new Error('no port')
    return address.port
  }

  test('an append ends at its deadline, with what stood in its way', async () => {
    const away = createKafka({ ...config, brokers: [`127.0.0.1:${await closedPort()}`] }, logger)
    const lonely = new LogWriter({ kafka: away, topicPrefix, logger, deadlineMillis: 300 })
    const append = lonely.append('chain', 1, text('x'))
    await expect(append).rejects.toThrow(TransientError)
    await expect(append).rejects.toThrow(/nothing could be appended to chain 1 within 300 ms/)
    await lonely.disconnect()
  }, 60_000)

  test('a writer that closes does not try on until the deadline', async () => {
    const away = createKafka({ ...config, brokers: [`127.0.0.1:${await closedPort()}`] }, logger)
    const closing = new LogWriter({ kafka: away, topicPrefix, logger, deadlineMillis: 600_000 })
    const append = closing.append('chain', 1, text('x'))
    const ended = expect(append).rejects.toThrow(TransientError)
    await closing.disconnect()
    await ended
  }, 60_000)
})
