import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { verifyCommand } from '../cli/commands/verify.js'
import { loadConfig } from '../config.js'
import { createKafka } from '../kafka/client.js'
import { LogWriter } from '../kafka/log-writer.js'
import { deleteTopics, ensureTopics } from '../kafka/topics.js'
import { BATCH_FIELD, flipBit, segmentFile } from '../testing/broker-disk.js'
import { captureOutput } from '../testing/capture-output.js'
import { type TestChain, variedChain } from '../testing/chain.js'
import { dump } from './dump.js'
import { dumpSource } from './dump-source.js'
import { kafkaSource } from './kafka-source.js'
import { tipsOf } from './tips.js'
import { verify } from './verify.js'

const logger = pino({ level: 'silent' })
const BROKERS = process.env['METERCHAIN_TEST_BROKERS'] ?? ''
const config = {
  ...loadConfig({ METERCHAIN_BROKERS: BROKERS }),
  topicPrefix: `verify-test-${randomBytes(4).toString('hex')}.`,
  lanes: 2,
}
const kafka = createKafka(config, logger)
const source = kafkaSource(kafka, config.topicPrefix)
let chain: TestChain
let folder: string

beforeAll(async () => {
  chain = variedChain()
  folder = await mkdtemp(join(tmpdir(), 'verify-int-'))
  await ensureTopics(kafka, config)
  const producer = kafka.producer({ allowAutoTopicCreation: false })
  await producer.connect()
  for (const [topic, partitions] of [
    ['registry', 1],
    ['readings', 2],
    ['chain', 2],
  ] as const)
    for (let partition = 0; partition < partitions; partition++)
      await producer.send({
        topic: config.topicPrefix + topic,
        acks: -1,
        messages: chain.log.records(topic, partition).map(({ key, value }) => ({ key, value, partition })),
      })
  await producer.disconnect()
}, 60_000)
afterAll(async () => {
  await deleteTopics(kafka, config)
  await rm(folder, { recursive: true })
}, 30_000)

test('a chain on a broker holds, and its dump verifies to the same', async () => {
  const inMemory = await verify({ source: chain.log, chainId: chain.chainId })
  const { fault, summary } = await verify({ source, chainId: chain.chainId, expectTips: tipsOf(inMemory.summary.lanes) })
  expect(fault).toBeUndefined()
  expect(summary).toEqual({ ...inMemory.summary, seconds: summary.seconds })
  await dump(source, join(folder, 'dump'))
  const again = await verify({ source: await dumpSource(join(folder, 'dump')), chainId: chain.chainId })
  expect(again.summary).toEqual({ ...summary, seconds: again.summary.seconds })
}, 60_000)

test('the command reads the topics that the settings name', async () => {
  Object.assign(process.env, { METERCHAIN_TOPIC_PREFIX: config.topicPrefix, METERCHAIN_BROKERS: BROKERS })
  try {
    const run = (...args: string[]) => captureOutput(() => verifyCommand().parseAsync(args, { from: 'user' }))
    const { code, out } = await run('--chain-id', chain.chainId.toString('hex'))
    expect({ code, last: out.at(-1) }).toEqual({ code: 0, last: expect.stringMatching(/^verified in/) })
    const dumped = await run('--dump', join(folder, 'by-command'))
    expect(dumped.out[0]).toMatch(/^\d+ records in .*by-command/)
  } finally {
    delete process.env['METERCHAIN_TOPIC_PREFIX']
    delete process.env['METERCHAIN_BROKERS']
  }
}, 60_000)

test('records of readings that were deleted on the broker are not compared; a damaged record that came since is named', async () => {
  const admin = kafka.admin()
  await admin.connect()
  // KafkaJS looks for the partition's leader in what this loads
  await admin.fetchTopicOffsets(`${config.topicPrefix}readings`)
  await admin.deleteTopicRecords({ topic: `${config.topicPrefix}readings`, partitions: [{ partition: 0, offset: '2' }] })
  await admin.disconnect()
  const writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  await writer.connect()
  const offset = await writer.append('chain', 1, [{ value: Buffer.from('damaged') }])
  await writer.disconnect()
  const skips: unknown[] = []
  const { fault, summary } = await verify({ source, chainId: chain.chainId, onSkipped: (skip) => skips.push(skip) })
  expect(fault).toBeUndefined()
  expect(summary.lanes.map((each) => each.readingsFrom)).toEqual([2n, 0n])
  expect(skips).toContainEqual(expect.objectContaining({ topic: 'chain', partition: 1, from: offset, to: offset }))
}, 60_000)

test('a batch that was damaged on the broker’s disk is a fault with its lane and offset, until a block becomes final after it; of registry always', async () => {
  const high = (await source.endOffsets('chain')).get(1)?.high ?? 0n
  flipBit(segmentFile(`${config.topicPrefix}chain`, 1), high - 1n, BATCH_FIELD.checksum)
  const skips: unknown[] = []
  const { fault } = await verify({ source, onSkipped: (skip) => skips.push(skip) })
  expect(fault).toMatchObject({ topic: 'chain', lane: 1, offset: high - 1n, reason: expect.stringMatching(/meterchain restore/) })
  expect(skips).toContainEqual({
    ...{ topic: 'chain', partition: 1, from: high - 1n, to: high - 1n },
    reason: 'damaged: its checksum does not hold',
  })
  flipBit(segmentFile(`${config.topicPrefix}registry`, 0), 0n, BATCH_FIELD.records + 20)
  expect((await verify({ source })).fault).toMatchObject({ topic: 'registry', offset: 0n })
}, 60_000)
