import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { type Config, loadConfig } from '../infra/config.js'
import { sign } from '../infra/crypto/sodium.js'
import { createKafka } from '../infra/kafka/client.js'
import { readLog } from '../infra/kafka/log-reader.js'
import { LogWriter } from '../infra/kafka/log-writer.js'
import { deleteTopics, ensureTopics } from '../infra/kafka/topics.js'
import type { TopicName } from '../infra/stage.js'
import { openRuntime, type Running, type Runtime } from '../infra/stage-runtime.js'
import { testRegistry } from '../infra/testing/registry.js'
import { SignedMeter } from '../infra/testing/signed-meters.js'
import { blockHash, laneGenesis, sealMessage, verdictHash, voteMessage } from '../schemas/lane-fold.js'
import { leafHash, merkleRoot } from '../schemas/merkle.js'
import { laneOf } from '../schemas/murmur2.js'
import {
  decodeRejection,
  encodeBlock,
  encodeHeader,
  encodeRepair,
  encodeSignedVote,
  encodeVote,
  joinEntries,
  splitEntries,
} from '../schemas/records.js'
import { MEDIA_TYPES } from './parse.js'
import { type RunningIngest, startIngest } from './run.js'
import { ingestStage } from './stage.js'

const home = mkdtempSync(join(tmpdir(), 'meterchain-ingest-'))
const logger = pino({ level: process.env.METERCHAIN_TEST_LOG_LEVEL ?? 'silent' })
const config: Config = loadConfig({
  METERCHAIN_HOME: home,
  METERCHAIN_TOPIC_PREFIX: `test-ingest-${randomBytes(6).toString('hex')}.`,
  METERCHAIN_INGEST_PORT: '0',
  METERCHAIN_BROKERS: process.env.METERCHAIN_TEST_BROKERS ?? '127.0.0.1:19092',
  METERCHAIN_REGISTRY_URL: process.env.METERCHAIN_TEST_REGISTRY_URL ?? '',
})
const kafka = createKafka(config, logger)
const ledger = testRegistry({ meters: 12 })
const { chainId } = ledger
const fatal: Error[] = []
let runtime: Runtime & Running
let door: RunningIngest

beforeAll(async () => {
  await ensureTopics(kafka, config)
  const writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  await writer.connect()
  for (let index = 0; index < ledger.state.size; index++)
    await writer.append('registry', 0, [{ value: ledger.state.store.eventBytes(index) ?? Buffer.alloc(0) }])
  await writer.disconnect()
  await open()
}, 60_000)

afterAll(async () => {
  await close()
  await deleteTopics(kafka, config)
  rmSync(home, { recursive: true })
  expect(fatal).toEqual([])
}, 60_000)

async function open(): Promise<void> {
  runtime = await openRuntime(ingestStage, config, logger, (error) => fatal.push(error))
  door = await startIngest(runtime)
}
async function close(): Promise<void> {
  await door.stop()
  await runtime.stop()
}
const meterOf = (id: string) => new SignedMeter(id, chainId)
const post = (entries: Buffer[]) =>
  fetch(`${door.url}/v1/readings`, {
    method: 'POST',
    headers: { 'content-type': MEDIA_TYPES.readings },
    body: new Uint8Array(joinEntries(entries)),
  })
async function headOf(meter: string) {
  return (await fetch(`${door.url}/v1/meters/${meter}/head`)).json() as Promise<{
    sequence: number
    gaps: object[]
    resend: object[]
  }>
}
async function until<T>(look: () => Promise<T>, isReached: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 20_000
  for (;;) {
    const value = await look()
    if (isReached(value)) return value
    if (Date.now() > deadline) throw new Error(`not reached within 20 s: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
async function valuesOf(topic: TopicName, partition: number): Promise<Buffer[]> {
  const values: Buffer[] = []
  for await (const { value } of readLog({ kafka, topicPrefix: config.topicPrefix, topic, partition, from: 0n }))
    values.push(value ?? Buffer.alloc(0))
  return values
}
async function entriesIn(lane: number): Promise<Buffer[]> {
  return (await valuesOf('readings', lane)).flatMap((value) => splitEntries(value))
}

/** Makes the lane's first block of these entries final. */
async function makeFinal(lane: number, entries: Buffer[]): Promise<void> {
  const { state, authorityKeys } = ledger
  const [authority] = authorityKeys
  if (authority === undefined) throw new Error('no authority')
  const { final } = laneGenesis(chainId, lane)
  const headerBytes = encodeHeader({
    lane,
    height: 1n,
    previous: final.hash,
    root: merkleRoot(entries.map(leafHash)),
    count: entries.length,
    sourceEpoch: 0,
    firstOffset: 0n,
    lastOffset: 0n,
    registrySize: state.size,
    registryRoot: state.root,
    sealedAt: Date.now(),
    proposer: authority.id,
    attempt: 0,
  })
  const seal = sign(sealMessage(chainId, headerBytes), authority.secretKey)
  const judgement = { kind: 'accept', verdictHash: verdictHash(final.verdictHash, []), notCounted: [] } as const
  const voteBytes = encodeVote({
    lane,
    height: 1n,
    block: blockHash(headerBytes),
    authority: authority.id,
    judgement: { ...judgement, notCounted: [] },
  })
  const vote = encodeSignedVote(voteBytes, sign(voteMessage(chainId, voteBytes), authority.secretKey))
  await runtime.writer.append('chain', lane, [
    { value: runtime.ids.frame('Block', encodeBlock(headerBytes, seal, entries)) },
    { value: runtime.ids.frame('SignedVote', vote) },
  ])
}

test('a reading answered with 202 stands in its lane, in the order it came', async () => {
  const meters = Array.from({ length: 11 }, (_, index) => meterOf(`meter-${index + 2}`))
  const entries = Array.from({ length: 20 }, () => meters.map((meter) => meter.next())).flat()
  const response = await post(entries)
  expect(response.status).toBe(202)
  expect(await response.json()).toMatchObject({ accepted: 220, refused: 0, resend: [] })
  for (const lane of [0, 1, 2, 3]) {
    const expected = entries.filter((_, index) => laneOf(`meter-${(index % 11) + 2}`, 4) === lane)
    expect(await entriesIn(lane)).toEqual(expected)
  }
})

test('a refused reading stands in rejections, with its fault', async () => {
  const entry = meterOf('stranger').next()
  expect((await post([entry])).status).toBe(422)
  const lane = laneOf('stranger', 4)
  const values = await until(
    () => valuesOf('rejections', lane),
    (found) => found.length > 0,
  )
  expect(decodeRejection(values[0] ?? null)).toMatchObject({ meter: 'stranger', lane, fault: 3, leaf: leafHash(entry) })
})

test('a head follows what is final; a repair prompts the meter; a restart goes on where it was', async () => {
  const meter = meterOf('meter-1')
  const lane = laneOf(meter.id, 4)
  const entries = [meter.next(), meter.next(), meter.next(), meter.next()]
  expect(await headOf(meter.id)).toMatchObject({ sequence: 0, gaps: [] })
  await makeFinal(
    lane,
    [entries[0], entries[3]].flatMap((entry) => entry ?? []),
  )
  const gap = { from: 2, to: 3 }
  const head = await until(
    () => headOf(meter.id),
    ({ sequence }) => sequence === 4,
  )
  expect(head).toMatchObject({ gaps: [gap], resend: [gap] })
  const repair = encodeRepair({
    id: 'resend',
    kind: 'resend',
    lane,
    subject: meter.id,
    fault: 'gap',
    status: 'requested',
    by: 'test',
    at: Date.now(),
    tookMillis: null,
    range: gap,
    detail: '',
  })
  await runtime.writer.append('repairs', lane, [{ value: runtime.ids.frame('Repair', repair) }])
  const answered = (given: { resend: object[] }) => given.resend.length > 0
  const told = await until(async () => (await post([meter.next()])).json() as Promise<{ resend: object[] }>, answered)
  expect(told.resend).toEqual([{ meter: meter.id, ...gap }])
  await close()
  await open()
  expect(await headOf(meter.id)).toMatchObject({ sequence: 4, gaps: [gap], resend: [gap] })
  expect(await (await post([meter.next()])).json()).toMatchObject({ accepted: 1, resend: [{ meter: meter.id, ...gap }] })
  const metrics = await (await fetch(`${door.url}/metrics`)).text()
  expect(metrics).toContain('meterchain_queue_depth{queue="asked",stage="ingest"} 1')
}, 60_000)

test('a stop under load loses nothing that was answered with 202', async () => {
  const meters = Array.from({ length: 11 }, (_, index) => meterOf(`meter-${index + 2}`))
  const acknowledged: string[] = []
  let isStopped = false
  const senders = meters.map(async (meter) => {
    meter.sequence = 1000
    while (!isStopped) {
      const entries = [meter.next(), meter.next(), meter.next()]
      const response = await post(entries).catch(() => undefined)
      if (response?.status === 202) acknowledged.push(...entries.map((entry) => leafHash(entry).toString('hex')))
      else if (response !== undefined) expect(response.status).toBe(503)
    }
  })
  await until(
    async () => acknowledged.length,
    (count) => count > 300,
  )
  await door.stop()
  isStopped = true
  await Promise.all(senders)
  const lanes = await Promise.all([0, 1, 2, 3].map(entriesIn))
  const inLog = new Set(lanes.flat().map((entry) => leafHash(entry).toString('hex')))
  expect(acknowledged.filter((leaf) => !inLog.has(leaf))).toEqual([])
  await runtime.stop()
  await open()
}, 60_000)

test('a port that is taken is said with its remedy', async () => {
  const taken = { ...runtime, folder: join(home, 'second'), config: { ...config, ingestPort: door.port } }
  await expect(startIngest(taken)).rejects.toThrow(`port ${door.port} is in use: choose another with METERCHAIN_INGEST_PORT`)
})
