import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import pino from 'pino'
import { type Config, loadConfig } from '../config.js'
import { createKafka } from './client.js'
import { endOffsets, LogReader, type LogReaderOptions, type LogRecord, readLog } from './log-reader.js'
import { LogWriter } from './log-writer.js'
import { deleteTopics, ensureTopics, recreateTopic } from './topics.js'

const logger = pino({ level: process.env.METERCHAIN_TEST_LOG_LEVEL ?? 'silent' })
const base = loadConfig({ METERCHAIN_LANES: '1', METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS ?? '127.0.0.1:19092' })
const kafka = createKafka(base, logger)
let config: Config
let writer: LogWriter
const running = new Set<LogReader>()

beforeEach(async () => {
  config = { ...base, topicPrefix: `test-log-${randomBytes(5).toString('hex')}.` }
  await ensureTopics(kafka, config)
  writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  await writer.connect()
}, 30_000)
afterEach(async () => {
  await Promise.all([...running].map((reader) => reader.stop()))
  running.clear()
  await writer.disconnect()
  await deleteTopics(kafka, config)
}, 30_000)

const append = async (texts: readonly string[]) => {
  for (let at = 0; at < texts.length; at += 500)
    await writer.append(
      'chain',
      0,
      texts.slice(at, at + 500).map((text) => ({ value: Buffer.from(text) })),
    )
}
/** KafkaJS deletes only from topics that it has looked up, and stumbles over those that it knew and are gone. */
async function deleteBefore(offset: bigint): Promise<void> {
  const topic = `${config.topicPrefix}chain`
  const admin = kafka.admin()
  await admin.connect()
  await admin.fetchTopicMetadata({ topics: [topic] })
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(offset) }] })
  await admin.disconnect()
}
const numbered = (count: number, from = 0) => Array.from({ length: count }, (_, index) => `record ${from + index}`)

async function until(isMet: () => boolean, what: string, millis = 20_000): Promise<void> {
  const giveUp = Date.now() + millis
  while (!isMet()) {
    if (Date.now() > giveUp) throw new Error(`${what} did not come`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

interface Book {
  readonly texts: string[]
  readonly offsets: bigint[]
  readonly failures: Error[]
  next: bigint
  end: bigint
  reached: bigint
}

/** Reads partition 0 of `chain` into a book. */
async function read(
  offset: bigint,
  changes: Partial<Pick<LogReaderOptions, 'kafka' | 'onRecords' | 'onFailure' | 'positions' | 'stallMillis' | 'sameMillis'>> = {},
  onTaken: (records: readonly LogRecord[]) => Promise<void> | void = () => undefined,
): Promise<{ book: Book; reader: LogReader }> {
  const book: Book = { texts: [], offsets: [], failures: [], next: offset, end: -1n, reached: -1n }
  const reader = new LogReader({
    ...{ kafka, logger, topicPrefix: config.topicPrefix, groupId: `${config.topicPrefix}${randomBytes(4).toString('hex')}` },
    positions: [{ topic: 'chain', partition: 0, offset }],
    onRecords: async (_topic, _partition, records, end, reached) => {
      await onTaken(records)
      for (const each of records) {
        book.texts.push(String(each.value))
        book.offsets.push(each.offset)
        book.next = each.offset + 1n
      }
      Object.assign(book, { end, reached })
    },
    onFailure: (error) => book.failures.push(error),
    ...changes,
  })
  running.add(reader)
  await reader.start()
  return { book, reader }
}
const isAtEnd = (book: Book) => book.end === book.next

describe('a reader', () => {
  test('gets each record once and in order, over pauses, a slow taker, and rejoins', async () => {
    await append(numbered(3_000))
    let isPaused = false
    const { book, reader } = await read(0n, {}, async () => {
      await new Promise((resolve) => setTimeout(resolve, 20))
    })
    const toggle = setInterval(() => {
      if (isPaused) reader.resume('chain', 0)
      else reader.pause('chain', 0)
      isPaused = !isPaused
    }, 30)
    const writing = (async () => {
      for (let from = 3_000; from < 6_000; from += 100) await append(numbered(100, from))
    })()
    await writing
    clearInterval(toggle)
    reader.resume('chain', 0)
    await until(() => book.texts.length >= 6_000, 'all records')
    expect(book.texts).toEqual(numbered(6_000))
    expect(book.failures).toEqual([])
  }, 60_000)

  test('that takes longer over its records than heartbeats may be apart reads on', async () => {
    await append(numbered(10))
    let isFirst = true
    const { book } = await read(0n, {}, async (records) => {
      if (records.length === 0 || !isFirst) return
      isFirst = false
      await append(numbered(10, 10))
      await new Promise((resolve) => setTimeout(resolve, 7_000))
    })
    await until(() => book.texts.length >= 20, 'the rest')
    expect(book.texts).toEqual(numbered(20))
    expect(book.failures).toEqual([])
  }, 60_000)

  test('fails once, and takes nothing more, when a record cannot be taken', async () => {
    await append(numbered(5))
    const taken: number[] = []
    const failures: Error[] = []
    await read(0n, {
      onRecords: (_topic, _partition, records) => {
        if (records.length === 0) return
        taken.push(records.length)
        throw new Error('no room')
      },
      onFailure: (error) => failures.push(error),
    })
    await until(() => failures.length > 0, 'the failure')
    await append(numbered(5, 5))
    const again = await read(0n)
    await until(() => isAtEnd(again.book), 'the end')
    expect(failures.map(({ message }) => message)).toEqual(['no room'])
    expect(taken).toHaveLength(1)
  }, 60_000)

  test('that begins at the end says so at once, and gets what comes', async () => {
    await append(numbered(3))
    const { book } = await read(3n)
    expect([book.end, book.reached]).toEqual([3n, 3n])
    await append(['new'])
    await until(() => book.texts.length > 0, 'the record')
    expect(book.texts).toEqual(['new'])
    await until(() => isAtEnd(book), 'the end')
  }, 60_000)

  test('of nothing starts and stops', async () => {
    const { reader } = await read(0n, { positions: [] })
    await reader.stop()
  })

  test('that is stopped while it is busy ends with what it has in hand, and takes nothing after', async () => {
    await append(numbered(10))
    let release = () => {}
    const held = new Promise<void>((resolve) => (release = resolve))
    let calls = 0
    const { book, reader } = await read(0n, {}, async (records) => {
      if (records.length === 0) return
      calls++
      await held
    })
    await until(() => calls > 0, 'the first records')
    const stopping = reader.stop()
    await append(numbered(10, 10))
    release()
    await stopping
    expect([book.texts.length, calls, book.failures.length]).toEqual([10, 1, 0])
  }, 60_000)

  test('reads records near the limit of the topic', async () => {
    const values = [1, 2, 3].map((n) => Buffer.alloc(5 * 1024 * 1024 - 200, n))
    for (const value of values) await writer.append('chain', 0, [{ value }])
    const sizes: number[] = []
    const { book } = await read(0n, {}, (records) => {
      for (const { value } of records) sizes.push(value?.[0] ?? 0)
    })
    await until(() => sizes.length === 3, 'three large records')
    expect(sizes).toEqual([1, 2, 3])
    expect(book.failures).toEqual([])
  }, 60_000)

  test.each<[string, bigint, RegExp]>([
    ['beyond the end', 4n, /holds offsets 0 to 3, and offset 4 is needed/],
    ['in a partition that is not there', 0n, /has no partition 7/],
  ])('does not begin %s', async (what, offset, message) => {
    await append(numbered(3))
    const partition = what.includes('partition') ? 7 : 0
    await expect(read(0n, { positions: [{ topic: 'chain', partition, offset }] })).rejects.toThrow(message)
  })

  test('does not begin before what was deleted, and says which offsets are left', async () => {
    await append(numbered(10))
    await deleteBefore(6n)
    await expect(read(5n)).rejects.toThrow('partition 0, holds offsets 6 to 10, and offset 5 is needed')
    const { book } = await read(6n)
    await until(() => book.texts.length === 4, 'what is left')
  }, 60_000)

  test('whose topic is made again fails, though somebody fills it up to its place', async () => {
    await append(numbered(10))
    const said: string[] = []
    const heard = createKafka(base, pino({ level: 'warn' }, { write: (line: string) => void said.push(line) }))
    const { book } = await read(0n, { kafka: heard, stallMillis: 3_600_000 })
    await until(() => book.texts.length === 10, 'all records')
    await recreateTopic(kafka, config, 'chain')
    await until(() => said.some((line) => line.includes('Offset out of range')), 'the reset')
    await append(numbered(10))
    await until(() => book.failures.length > 0, 'the failure')
    expect(book.failures.map(String)).toEqual([expect.stringMatching(/holds offsets 0 to 10, and offset 10 is needed/)])
    expect(book.texts).toEqual(numbered(10))
  }, 60_000)

  test('whose topic is made again and filled up before it looks fails all the same', async () => {
    await append(numbered(10))
    const { book } = await read(0n, { stallMillis: 3_600_000, sameMillis: 300 })
    await until(() => book.texts.length === 10, 'all records')
    await recreateTopic(kafka, config, 'chain')
    await append(numbered(20, 50))
    await until(() => book.failures.length > 0, 'the failure')
    expect(book.failures.map(String)).toEqual([
      expect.stringMatching(
        /and offset 10 is needed: it was cut off or made again|and offset 20 is needed: it was cut off or made again/,
      ),
    ])
  }, 60_000)

  test('whose next records are deleted while it reads fails, and does not pass over them', async () => {
    await append(numbered(10))
    let isCut = false
    const { book, reader } = await read(0n, {}, async (records) => {
      if (records.length === 0 || isCut) return
      isCut = true
      reader.pause('chain', 0)
      await append(numbered(10, 10))
      await deleteBefore(15n)
      reader.resume('chain', 0)
    })
    await until(() => book.failures.length > 0, 'the failure')
    expect(book.failures.map(String)).toEqual([expect.stringMatching(/holds offsets 15 to 20, and offset 10 is needed/)])
    expect(book.texts).toEqual(numbered(10))
  }, 60_000)
})

describe('offsets without records, left by a stranger’s transactions', () => {
  /** Two records in a transaction that ends as told; `open` leaves it to the caller. */
  async function transaction(texts: readonly string[]) {
    const producer = kafka.producer({ transactionalId: randomBytes(6).toString('hex'), maxInFlightRequests: 1, idempotent: true })
    await producer.connect()
    const open = await producer.transaction()
    await open.send({ topic: `${config.topicPrefix}chain`, messages: texts.map((value) => ({ value, partition: 0 })) })
    return { open, close: () => producer.disconnect() }
  }

  test.each(['commit', 'abort'] as const)(
    '%s: the end is still seen, by who comes before and after',
    async (how) => {
      const early = await read(0n)
      await append(numbered(2))
      const { open, close } = await transaction(['x', 'y'])
      await until(() => early.book.texts.length === 4, 'what an open transaction has written')
      expect(isAtEnd(early.book)).toBe(true)
      await open[how]()
      await close()
      await until(() => early.book.reached === 5n, 'the marker')
      const late = await read(0n)
      const atEnd = await read(4n)
      for (const { book } of [early, late, atEnd]) await until(() => book.reached === 5n && isAtEnd(book), 'the end')
      await append(['after'])
      for (const { book } of [early, late, atEnd])
        await until(() => book.texts.at(-1) === 'after' && isAtEnd(book), 'what follows')
      expect(early.book.texts).toEqual(['record 0', 'record 1', 'x', 'y', 'after'])
      expect(late.book.offsets).toEqual([0n, 1n, 2n, 3n, 5n])
      expect(early.book.failures).toEqual([])
    },
    60_000,
  )

  test('do not hold up who reads a part of the log once', async () => {
    await append(numbered(2))
    const { open, close } = await transaction(['x'])
    await open.abort()
    await close()
    const texts: string[] = []
    for await (const { value } of readLog({ kafka, topicPrefix: config.topicPrefix, topic: 'chain', partition: 0, from: 0n }))
      texts.push(String(value))
    expect(texts).toEqual(['record 0', 'record 1', 'x'])
  }, 60_000)
})

describe('a part of a log', () => {
  const part = async (from: bigint, until_?: bigint) => {
    const texts: string[] = []
    const range = until_ === undefined ? {} : { until: until_ }
    for await (const { value } of readLog({
      kafka,
      topicPrefix: config.topicPrefix,
      topic: 'chain',
      partition: 0,
      from,
      ...range,
    }))
      texts.push(String(value))
    return texts
  }

  test('is what stands between two offsets, or up to the end', async () => {
    await append(numbered(1_200))
    expect(await part(3n, 7n)).toEqual(numbered(4, 3))
    expect(await part(1_198n)).toEqual(numbered(2, 1_198))
    expect(await part(0n)).toEqual(numbered(1_200))
    expect(await part(7n, 7n)).toEqual([])
    expect(await part(1_200n)).toEqual([])
  }, 60_000)

  test('can be left early', async () => {
    await append(numbered(1_200))
    const seen: string[] = []
    for await (const { value } of readLog({ kafka, topicPrefix: config.topicPrefix, topic: 'chain', partition: 0, from: 0n })) {
      seen.push(String(value))
      if (seen.length === 3) break
    }
    expect(seen).toEqual(numbered(3))
  }, 60_000)

  test('that is not there any more is said', async () => {
    await append(numbered(5))
    await deleteBefore(4n)
    await expect(part(1n)).rejects.toThrow(/offset 1 is needed/)
  }, 60_000)
})

test('ends of a topic that is not there are none', async () => {
  expect(await endOffsets(kafka, config.topicPrefix, 'nothing')).toEqual(new Map())
  expect(await endOffsets(kafka, config.topicPrefix, 'chain')).toEqual(new Map([[0, { low: 0n, high: 0n }]]))
})
