/** What strangers with access to the broker leave in the topics: the line goes on. */
import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import kafkajs from 'kafkajs'
import { decodeRepair, type Repair } from '../../schemas/records.js'
import { readLog } from '../kafka/log-reader.js'
import { TOPIC_NAMES, TopicMismatchError, topicName, topicSpecs } from '../kafka/topics.js'
import type { TopicName } from '../stage.js'
import { Authorities } from '../testing/authorities.js'
import { type OpenDoor, openDoor } from '../testing/open-door.js'
import type { SignedMeter } from '../testing/signed-meters.js'
import { snappyLiterals } from '../testing/snappy.js'
import { projectAndAudit } from '../testing/tables.js'
import { changeTopic } from '../testing/topic-settings.js'
import { until } from '../testing/until.js'
import { kafkaSource } from '../verify/kafka-source.js'
import { verify } from '../verify/verify.js'

const MINUTE = 60_000
/** What the batch around a record takes of the topic's limit. */
const BATCH_BYTES = 200
let all: Authorities
let open: OpenDoor
let meter: SignedMeter

beforeAll(async () => {
  all = await Authorities.open({ lanes: 1, meters: 2 }, { METERCHAIN_INGEST_PORT: '0' })
  open = await openDoor(all)
  meter = all.meter('meter-1')
  await Promise.all([all.start('chainer'), all.start('validator')])
}, MINUTE)
afterAll(async () => {
  await open?.close()
  await all?.close()
}, MINUTE)
afterEach(() => {
  expect(all.fatal).toEqual([])
})

/** A reading through the door counts, and the door's head tells. */
async function goesOn(): Promise<void> {
  expect(await open.client.send([meter.next()])).toMatchObject({ accepted: 1 })
  const { sequence } = meter
  const headOf = () => open.headOf(meter.id)
  await until(`sequence ${sequence} counts`, MINUTE / 2, async () => (await headOf()).sequence === sequence, headOf)
}

async function withProducer(options: kafkajs.ProducerConfig, use: (producer: kafkajs.Producer) => Promise<void>): Promise<void> {
  const producer = all.kafka.producer(options)
  await producer.connect()
  try {
    await use(producer)
  } finally {
    await producer.disconnect()
  }
}

const nameOf = (topic: TopicName) => topicName(all.config, topic)

test(
  'garbage of any size, and no value at all, in every topic',
  async () => {
    const limits = new Map(topicSpecs(all.config).map(({ name, settings }) => [name, Number(settings['max.message.bytes'])]))
    await withProducer({}, async (producer) => {
      for (const topic of TOPIC_NAMES) {
        const largest = (limits.get(topic) ?? 0) - BATCH_BYTES
        const values = [null, Buffer.alloc(0), ...[1, 5, 6, 37, 1_000, 65_537, largest].map((bytes) => randomBytes(bytes))]
        for (const value of values) await producer.send({ topic: nameOf(topic), messages: [{ value, partition: 0 }] })
        // behind a prefix as a registry's serializer writes it
        const prefixed = Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), randomBytes(500)])
        await producer.send({ topic: nameOf(topic), messages: [{ value: prefixed, partition: 0 }] })
        await goesOn()
      }
    })
  },
  MINUTE,
)

test(
  'a batch in a codec that our readers lack is stored as they can read it',
  async () => {
    const { CompressionCodecs, CompressionTypes } = kafkajs
    const lacking = CompressionCodecs[CompressionTypes.Snappy]
    const compress = async ({ buffer }: { buffer: Buffer }) => snappyLiterals(buffer)
    Object.assign(CompressionCodecs, { [CompressionTypes.Snappy]: () => ({ compress }) })
    try {
      for (const topic of TOPIC_NAMES)
        await withProducer({}, async (producer) => {
          const messages = Array.from({ length: 5 }, () => ({ value: Buffer.from('from elsewhere'), partition: 0 }))
          await producer.send({ topic: nameOf(topic), compression: CompressionTypes.Snappy, messages })
        })
    } finally {
      Object.assign(CompressionCodecs, { [CompressionTypes.Snappy]: lacking })
    }
    await goesOn()
  },
  MINUTE,
)

test(
  'a transaction that a stranger leaves open in every topic holds nobody up',
  async () => {
    await withProducer(
      { transactionalId: `${all.config.topicPrefix}stranger`, idempotent: true, maxInFlightRequests: 1 },
      async (producer) => {
        const transaction = await producer.transaction()
        for (const topic of TOPIC_NAMES)
          await transaction.send({ topic: nameOf(topic), messages: [{ value: Buffer.from('not committed'), partition: 0 }] })
        await goesOn()
        await goesOn()
        await all.stop('validator')
        await all.start('validator')
        await goesOn()
        await transaction.abort()
      },
    )
    await goesOn()
  },
  MINUTE,
)

test(
  'a topic with another setting is refused at a start, with the command that mends it; mended, all goes on',
  async () => {
    const set = (value: string) => changeTopic(all.kafka, all.config, 'chain', { 'cleanup.policy': value })
    await all.stop('chainer')
    await set('compact')
    const refused = await all.start('chainer').catch((error: Error) => error)
    expect(refused).toBeInstanceOf(TopicMismatchError)
    expect(String(refused)).toMatch(
      /cleanup\.policy is compact, not delete.*kafka-configs\.sh.*--add-config cleanup\.policy=delete/s,
    )
    await set('delete')
    await all.start('chainer')
    await goesOn()
  },
  MINUTE,
)

/** What was told in topic repairs of garbage that was stepped over. */
async function skips(): Promise<Repair[]> {
  const { kafka, config } = all
  const told: Repair[] = []
  const { topicPrefix } = config
  for await (const { value } of readLog({ kafka, topicPrefix, topic: 'repairs', partition: 0, from: 0n })) {
    const event = decodeRepair(value)
    if (event?.kind === 'skip') told.push(event)
  }
  return told
}

test(
  'verify and audit find nothing after all that; what garbage the projector stepped over is told',
  async () => {
    const { fault, summary } = await verify({
      source: kafkaSource(all.kafka, all.config.topicPrefix),
      chainId: all.ledger.chainId,
    })
    expect(fault).toBeUndefined()
    expect(Object.keys(summary.skipped).length).toBeGreaterThan(0)
    const audited = await projectAndAudit(open.runtime, { ...all.config, projectorPort: 0, queryPort: 0 })
    expect(audited).toMatchObject({ differenceCount: 0 })
    // that projector saw the topics from their starts; the registry too, before it began to tell
    const told = await skips()
    expect([...new Set(told.map(({ subject }) => subject))].sort()).toEqual(
      ['chain', 'checkpoints', 'registry', 'rejections', 'repairs'].map((topic) => `topic ${topic}`),
    )
    for (const { id } of told)
      expect(told.filter((each) => each.id === id).map(({ status }) => status)).toEqual(['requested', 'completed'])
    const ofChain = told.find(({ subject }) => subject === 'topic chain')?.detail
    expect(ofChain).toMatch(/^\d\d records that are none, offsets \d+ to \d+: undecodable \d+/)
  },
  MINUTE,
)
