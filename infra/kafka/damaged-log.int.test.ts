/** Bits of the real broker's files are changed, and readers read on. */
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { type Config, loadConfig } from '../config.js'
import type { TopicName } from '../stage.js'
import { BATCH_FIELD, flipBit, hasSegment, segmentFile } from '../testing/broker-disk.js'
import { until } from '../testing/until.js'
import { createKafka } from './client.js'
import { type LogDamage, LogReader, readLog } from './log-reader.js'
import { LogWriter } from './log-writer.js'
import { deleteTopics, ensureTopics } from './topics.js'

const STALL_MILLIS = 500
const MINUTE = 60_000
const logger = pino({ level: process.env.METERCHAIN_TEST_LOG_LEVEL ?? 'silent' })
const base = loadConfig({ METERCHAIN_LANES: '2', METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS ?? '127.0.0.1:19092' })
const kafka = createKafka(base, logger)
let config: Config
let writer: LogWriter
const running = new Set<LogReader>()

beforeEach(async () => {
  config = { ...base, topicPrefix: `test-damage-${randomBytes(5).toString('hex')}.` }
  await ensureTopics(kafka, config)
  writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  await writer.connect()
}, MINUTE)
afterEach(async () => {
  await Promise.all([...running].map((reader) => reader.stop()))
  running.clear()
  await writer.disconnect()
  await deleteTopics(kafka, config)
}, MINUTE)

/** Records one by one, each a batch of its own. */
async function append(texts: readonly string[], topic: TopicName = 'chain', partition = 0): Promise<void> {
  for (const text of texts) await writer.append(topic, partition, [{ value: Buffer.from(text) }])
}
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `record ${from + index}`)
const fileOf = (topic: TopicName = 'chain') => {
  if (!hasSegment(`${config.topicPrefix}${topic}`, 0))
    throw new Error(
      `${segmentFile(`${config.topicPrefix}${topic}`, 0)} is not there: METERCHAIN_TEST_HOME names the broker's home`,
    )
  return segmentFile(`${config.topicPrefix}${topic}`, 0)
}

async function read(topic: TopicName = 'chain') {
  const book = {
    texts: [] as string[],
    damages: [] as LogDamage[],
    failures: [] as Error[],
    other: [] as string[],
    end: -1n,
    reached: -1n,
  }
  const reader = new LogReader({
    ...{ kafka, logger, topicPrefix: config.topicPrefix, groupId: `${config.topicPrefix}${randomBytes(4).toString('hex')}` },
    positions: [
      { topic, partition: 0, offset: 0n },
      { topic: 'repairs', partition: 0, offset: 0n },
    ],
    onRecords: (from, _partition, records, end, reached) => {
      const texts = records.map(({ value }) => String(value))
      if (from === 'repairs') book.other.push(...texts)
      else {
        book.texts.push(...texts)
        Object.assign(book, { end, reached })
      }
    },
    onDamaged: (damage) => void book.damages.push(damage),
    onFailure: (error) => book.failures.push(error),
    stallMillis: STALL_MILLIS,
  })
  running.add(reader)
  await reader.start()
  return book
}

/** What is damaged in a batch: the field, and which bit of it. */
const damages: readonly (readonly [string, number, number])[] = [
  ['a record', BATCH_FIELD.records + 8, 3],
  ['its checksum', BATCH_FIELD.checksum, 0],
  ['the codec', BATCH_FIELD.attributes + 1, 1],
  ['the mark of a control batch', BATCH_FIELD.attributes + 1, 5],
  ['the number of records', BATCH_FIELD.count + 3, 4],
  ['the last offset', BATCH_FIELD.lastDelta + 3, 2],
  ['the length, a little', BATCH_FIELD.length + 3, 0],
  ['the length, much', BATCH_FIELD.length, 6],
  ['the length, to below nothing', BATCH_FIELD.length, 7],
  ['the version', BATCH_FIELD.magic, 0],
  ['the first offset, a little', BATCH_FIELD.baseOffset + 7, 1],
  ['the first offset, much', BATCH_FIELD.baseOffset + 2, 1],
]

const readPart = async (topic: TopicName, damages: LogDamage[]) => {
  const texts: string[] = []
  const part = { topicPrefix: config.topicPrefix, topic, partition: 0, from: 0n, stallMillis: STALL_MILLIS }
  for await (const { value } of readLog({ kafka, ...part, onDamaged: (damage) => void damages.push(damage) }))
    texts.push(String(value))
  return texts
}

test(
  'where a bit of a batch is changed, the rest is read, other topics too, and it is told what was stepped over',
  async () => {
    // an index entry each 4 KB: the broker finds what stands behind the damage
    const texts = numbered(damages.length * 20 + 10).map((text) => text.padEnd(1_500, '.'))
    for (let at = 0; at < texts.length; at += 50)
      await Promise.all(texts.slice(at, at + 50).map((text) => writer.append('chain', 0, [{ value: Buffer.from(text) }])))
    const damagedAt = damages.map((_, index) => 20 * index + 12)
    // from the end, for a wrong length hides what is behind it
    for (const [index, [, field, bit]] of [...damages.entries()].reverse())
      flipBit(fileOf(), BigInt(damagedAt[index] ?? 0), field, bit)
    await append(['elsewhere'], 'repairs')
    const book = await read()
    const count = () => ({ ...book, texts: book.texts.length })
    await until('the last record', MINUTE, () => book.texts.at(-1) === texts.at(-1), count)
    expect(book.failures).toEqual([])
    const lost = texts.filter((text) => !book.texts.includes(text)).map((text) => texts.indexOf(text))
    expect(lost).toEqual(expect.arrayContaining(damagedAt))
    expect(lost.length).toBeLessThan(damages.length * 3)
    expect(book.texts).toEqual(texts.filter((_, index) => !lost.includes(index)))
    const told = book.damages.flatMap(({ from, to }) => Array.from({ length: Number(to - from) }, (_, i) => Number(from) + i))
    expect(told).toEqual(lost)
    expect(book.other).toEqual(['elsewhere'])
    await append(['after'])
    await until('what comes after', MINUTE, () => book.texts.at(-1) === 'after', count)
  },
  MINUTE,
)

test.each([['that the broker cannot find', BATCH_FIELD.length]])(
  'a last record %s is stepped over too: the end is seen, once for all and by who reads a part',
  async (_what, field) => {
    await append(numbered(3))
    flipBit(fileOf(), 2n, field, 7)
    const book = await read()
    await until(
      'the end',
      MINUTE,
      () => book.reached === 3n,
      () => book,
    )
    expect([book.texts, book.end, book.failures]).toEqual([numbered(2), 2n, []])
    const damages: LogDamage[] = []
    expect(await readPart('chain', damages)).toEqual(numbered(2))
    expect(damages).toEqual([{ topic: 'chain', partition: 0, from: 2n, to: 3n, reason: expect.any(String) }])
  },
  MINUTE,
)

test.each([['that cannot be read', BATCH_FIELD.records + 8]])(
  'nobody steps over a record of registry %s: its offset and the remedy are named',
  async (_what, field) => {
    await append(numbered(5), 'registry')
    flipBit(fileOf('registry'), 2n, field, 6)
    const book = await read('registry')
    await until('the failure', MINUTE, () => book.failures.length > 0)
    const message = /registry, partition 0: offsets 2 to \d are damaged .*meterchain restore --topic registry/
    expect(book.failures.map(String)).toEqual([expect.stringMatching(message)])
    expect(book.texts).toEqual(numbered(2))
    await expect(readPart('registry', [])).rejects.toThrow(message)
  },
  MINUTE,
)

test(
  'who is slow, paused, or waits for records steps over nothing',
  async () => {
    await append(numbered(3))
    const failures: Error[] = []
    const damages: LogDamage[] = []
    const texts: string[] = []
    let calls = 0
    const reader = new LogReader({
      ...{ kafka, logger, topicPrefix: config.topicPrefix, groupId: `${config.topicPrefix}slow`, stallMillis: 200 },
      positions: [{ topic: 'chain', partition: 0, offset: 0n }],
      onRecords: async (_topic, _partition, records) => {
        for (const { value } of records) texts.push(String(value))
        if (records.length > 0 && calls++ === 0) await new Promise((resolve) => setTimeout(resolve, 1_000))
      },
      onDamaged: (damage) => void damages.push(damage),
      onFailure: (error) => failures.push(error),
    })
    running.add(reader)
    await reader.start()
    await until('the first records', MINUTE, () => texts.length === 3)
    reader.pause('chain', 0)
    await append(numbered(2, 3))
    const producer = kafka.producer({ transactionalId: randomBytes(6).toString('hex'), maxInFlightRequests: 1, idempotent: true })
    await producer.connect()
    const open = await producer.transaction()
    await open.send({ topic: `${config.topicPrefix}chain`, messages: [{ value: 'open', partition: 0 }] })
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    reader.resume('chain', 0)
    await until('what came meanwhile', MINUTE, () => texts.length === 6)
    await open.abort()
    await producer.disconnect()
    await new Promise((resolve) => setTimeout(resolve, 1_000))
    await append(['after'])
    await until('what comes after', MINUTE, () => texts.length === 7)
    expect([texts, damages, failures]).toEqual([[...numbered(5), 'open', 'after'], [], []])
  },
  MINUTE,
)
