import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals'
import pino from 'pino'
import { TransientError } from '../../schemas/errors.js'
import type { EventContent } from '../../schemas/records.js'
import { type Config, loadConfig } from '../config.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { createKafka } from '../kafka/client.js'
import { LogWriter } from '../kafka/log-writer.js'
import { deleteTopics, ensureTopics, recreateTopic } from '../kafka/topics.js'
import { testAuthorityKey, testGenesis, testKeyPair, testMeter } from '../testing/registry.js'
import { everythingOf } from '../testing/registry-arbitraries.js'
import { enrolMeters } from './enrol.js'
import { writeGenesis } from './genesis.js'
import { type FoldedEvent, RegistryFollower } from './registry-follower.js'
import { RegistryMismatchError } from './registry-log.js'
import { EventRefusedError, submitEvent, submitSigned } from './registry-writer.js'
import { newBody, signBody } from './sign-event.js'

const logger = pino({ level: 'silent' })
const brokers = process.env.METERCHAIN_TEST_BROKERS ?? '127.0.0.1:19092'
const kafka = createKafka(loadConfig({ METERCHAIN_BROKERS: brokers }), logger)
const ids = { frame: (_name: string, body: Buffer) => Buffer.concat([Buffer.from([0, 0, 0, 0, 1]), body]) }
const keys = [1, 2, 3, 4].map((n) => testAuthorityKey(`authority-${n}`))
const genesis = testGenesis({ authorities: 4 })
const setRules = (rules: number): EventContent => ({ kind: 'SetRules', rules })

let config: Config
let writer: LogWriter
let folder: string
const followers: RegistryFollower[] = []

async function newTopics(): Promise<void> {
  config = { ...loadConfig(), topicPrefix: `registry-test-${randomBytes(4).toString('hex')}.`, lanes: 1 }
  await ensureTopics(kafka, config)
  writer = new LogWriter({ kafka, topicPrefix: config.topicPrefix, logger })
  await writer.connect()
}
async function dropTopics(): Promise<void> {
  await writer.disconnect()
  await deleteTopics(kafka, config)
}
async function follow(name: string, onFailure: (error: Error) => void = () => {}): Promise<RegistryFollower> {
  const path = join(folder, name)
  const follower = await RegistryFollower.open({ kafka, config, path, logger, signatures: sodiumSignatures, onFailure })
  followers.push(follower)
  await follower.start()
  return follower
}
async function closeAll(): Promise<void> {
  for (const follower of followers.splice(0)) await follower.close()
}

beforeAll(newTopics, 30_000)
afterAll(dropTopics, 30_000)
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registry-follower-'))
})
afterEach(async () => {
  await closeAll()
  await rm(folder, { recursive: true })
}, 30_000)

test('a registry from its genesis: two followers, and one that starts late, hold the same', async () => {
  const [a, b] = [await follow('a'), await follow('b')]
  expect(a.state.hasGenesis).toBe(false)
  expect(await writeGenesis(a, writer, ids, genesis)).toMatchObject({ isNew: true })
  expect(await writeGenesis(b, writer, ids, genesis)).toMatchObject({ isNew: false, chainId: a.state.chainId })
  await expect(writeGenesis(a, writer, ids, testGenesis({ lanes: 9 }))).rejects.toThrow(/other-chain/)

  const told: FoldedEvent[] = []
  const stop = b.onEvent((folded) => told.push(folded))
  const meters = Array.from({ length: 20 }, (_, index) => testMeter(`m${index}`))
  const progress: unknown[] = []
  const enrolment = await enrolMeters(a, writer, ids, meters, keys.slice(0, 1), (each) => progress.push(each))
  expect(enrolment).toEqual({ enrolled: 20, known: 0, size: 2 })
  expect(progress).toEqual([{ enrolled: 20, total: 20 }])
  expect(await enrolMeters(a, writer, ids, meters, keys.slice(0, 1))).toEqual({ enrolled: 0, known: 20, size: 2 })
  await b.reach(2)
  expect(told.map(({ index, event }) => [index, event.body.content.kind])).toEqual([[1, 'EnrolMeters']])
  stop()

  await writer.append('registry', 0, [{ value: Buffer.from('garbage') }, { value: ids.frame('RegistryEvent', genesis) }])
  const { size } = await submitEvent(a, writer, ids, setRules(2), keys)
  expect(size).toBe(3)
  expect(told).toHaveLength(1)
  const late = await follow('late')
  await Promise.all([a.caughtUp(), b.caughtUp(), late.caughtUp()])
  expect(everythingOf(b.state)).toEqual(everythingOf(a.state))
  expect(everythingOf(late.state)).toEqual(everythingOf(a.state))
  expect([...a.skipped]).toEqual([
    ['malformed', 1],
    ['other-state', 1],
  ])
  const heard = (follower: RegistryFollower) => {
    const codes: string[] = []
    follower.onSkip((_offset, code) => codes.push(code))
    return codes
  }
  expect(heard(late)).toEqual(['malformed', 'other-state'])
  expect(heard(late)).toEqual([])
  const before = everythingOf(late.state)
  await writer.append('registry', 0, [{ value: Buffer.from('known') }])
  await late.caughtUp()
  await closeAll()
  await writer.append('registry', 0, [{ value: Buffer.from('news') }])
  const again = await RegistryFollower.open({ kafka, config, path: join(folder, 'late'), logger, signatures: sodiumSignatures })
  followers.push(again)
  expect(everythingOf(again.state)).toEqual(before)
  await again.start()
  await again.caughtUp()
  expect(everythingOf(again.state)).toEqual(before)
  // both are read again, for they stand behind the last that counted; one was told in the life before
  expect([...again.skipped]).toEqual([['malformed', 2]])
  expect(heard(again)).toEqual(['malformed'])
}, 60_000)

test('writers that race for a place all get one; what the rules refuse is not written', async () => {
  const [a, b] = [await follow('a'), await follow('b')]
  await writeGenesis(a, writer, ids, genesis)
  await b.caughtUp()
  const before = a.state.size
  const racing = [a, b].flatMap((follower, side) =>
    [1, 2, 3].map((n) => enrolMeters(follower, writer, ids, [testMeter(`racer-${side}-${n}`)], keys.slice(side, side + 1))),
  )
  const sizes = (await Promise.all(racing)).map(({ size }) => size)
  expect(sizes.sort((x, y) => x - y)).toEqual([1, 2, 3, 4, 5, 6].map((n) => before + n))

  await a.caughtUp()
  const end = a.nextOffset
  const refused: [EventContent, RegExp][] = [
    [{ kind: 'RemoveAuthority', authority: 'nobody' }, /refuses RemoveAuthority: unknown-authority/],
    [{ kind: 'PublishTariff', plan: 'p', validFrom: 0, document: 'x'.repeat(3_000_000) }, /too-large/],
  ]
  for (const [content, reason] of refused) await expect(submitEvent(a, writer, ids, content, keys)).rejects.toThrow(reason)
  const other = testMeter('racer-0-1', testKeyPair('other').publicKey)
  await expect(enrolMeters(a, writer, ids, [other], keys)).rejects.toThrow(EventRefusedError)
  await expect(submitEvent(a, writer, ids, setRules(3), keys.slice(0, 2))).rejects.toThrow(/not-signed/)
  await a.caughtUp()
  expect(a.nextOffset).toBe(end)
}, 60_000)

test('signatures gathered elsewhere hold wherever the log has gone meanwhile', async () => {
  const a = await follow('a')
  await writeGenesis(a, writer, ids, genesis)
  const content: EventContent = { kind: 'PublishTariff', plan: 'flat', validFrom: 0, document: '{}' }
  const bodyBytes = newBody(content, a.state.size + 100)
  const signatures = keys.slice(0, 2).flatMap((key) => signBody(bodyBytes, a.state.chainId, [key]))
  await enrolMeters(a, writer, ids, [testMeter('meanwhile')], keys.slice(0, 1))
  signatures.push(...signBody(bodyBytes, a.state.chainId, keys.slice(2)))
  const { size } = await submitSigned(a, writer, ids, { bodyBytes, signatures, meters: [] })
  expect(a.state.eventAt(size - 1)?.body.content).toMatchObject(content)
  await expect(submitSigned(a, writer, ids, { bodyBytes: Buffer.alloc(3), signatures, meters: [] })).rejects.toThrow(/canonical/)
}, 60_000)

test('waits end at their deadline, and when it is closed', async () => {
  const a = await follow('a')
  await a.caughtUp()
  await expect(a.reach(10_000, 50)).rejects.toThrow(TransientError)
  const waiting = a.reachOffset(10_000n)
  const ended = expect(waiting).rejects.toThrow(/closed/)
  await closeAll()
  await ended
}, 60_000)

test('a store of another chain is refused, with the folder to delete', async () => {
  const a = await follow('a')
  await writeGenesis(a, writer, ids, genesis)
  await closeAll()
  await dropTopics()
  await newTopics()
  await expect(follow('a')).rejects.toThrow(RegistryMismatchError)
  await closeAll()
  await writer.append('registry', 0, [{ value: Buffer.from('another') }])
  for (let n = 0; n < 40; n++) await writer.append('registry', 0, [{ value: Buffer.from('log') }])
  await expect(follow('a')).rejects.toThrow(/delete that folder/)
}, 60_000)

const recordsOf = ({ state }: RegistryFollower): Buffer[] =>
  Array.from({ length: state.size }, (_, index) => ids.frame('RegistryEvent', state.store.eventBytes(index) ?? Buffer.alloc(0)))

/** Behind two records that are none. */
async function writeElsewhere(values: readonly Buffer[]): Promise<void> {
  for (const value of [Buffer.from('another'), Buffer.from('place'), ...values]) await writer.append('registry', 0, [{ value }])
}

test('a topic that was made again from a replica, each event elsewhere, is followed from the last event that counted', async () => {
  const a = await follow('a')
  await writeGenesis(a, writer, ids, genesis)
  await enrolMeters(a, writer, ids, [testMeter('before')], keys.slice(0, 1))
  const { size } = a.state
  const values = recordsOf(a)
  await closeAll()
  await dropTopics()
  await newTopics()
  await writeElsewhere(values)
  const again = await follow('a')
  await again.caughtUp()
  expect(again.state.size).toBe(size)
  await enrolMeters(again, writer, ids, [testMeter('after')], keys.slice(0, 1))
  expect(again.state.size).toBe(size + 1)
}, 60_000)

test('one that is made again while it is followed is followed on from there', async () => {
  const a = await follow('a')
  await writeGenesis(a, writer, ids, genesis)
  await enrolMeters(a, writer, ids, [testMeter('before')], keys.slice(0, 1))
  const { size } = a.state
  const values = recordsOf(a)
  await recreateTopic(kafka, config, 'registry')
  await writeElsewhere(values)
  await enrolMeters(a, writer, ids, [testMeter('later')], keys.slice(0, 1))
  await a.reach(size + 1)
  expect(a.nextOffset).toBe(BigInt(size) + 3n)
}, 90_000)
