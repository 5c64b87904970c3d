import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pino from 'pino'
import { TransientError } from '../../schemas/errors.js'
import { leafHash } from '../../schemas/merkle.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { RegistryFollower } from '../registry/registry-follower.js'
import { Authorities } from '../testing/authorities.js'
import { TestLane } from '../testing/final-blocks.js'
import { ChainFollower } from './chain-follower.js'
import type { Finalized, LanePosition } from './lane-reader.js'

const logger = pino({ level: 'silent' })
let all: Authorities
let registry: RegistryFollower
let lane: TestLane
beforeAll(async () => {
  all = await Authorities.open({ lanes: 2, meters: 1 })
  lane = new TestLane(all.ledger, 1)
  const { kafka, config } = all
  registry = await RegistryFollower.open({
    kafka,
    config,
    path: join(all.home, 'registry'),
    logger,
    signatures: sodiumSignatures,
  })
  await registry.start()
  await registry.caughtUp()
}, 60_000)
afterAll(async () => {
  await registry.close()
  await all.close()
}, 60_000)

function follow(position?: LanePosition) {
  const finals: Finalized[] = []
  const skipped: [bigint, string][] = []
  const failures: Error[] = []
  const follower = new ChainFollower({
    ...{ kafka: all.kafka, config: all.config, logger, registry, verify: sodiumSignatures.verify },
    groupId: `${all.config.topicPrefix}${randomBytes(4).toString('hex')}`,
    positions: new Map([
      [0, undefined],
      [1, position],
    ]),
    onFinal: (finalized) => void finals.push(finalized),
    onSkipped: (_lane, offset, reason) => skipped.push([offset, reason]),
    onFailure: (error) => failures.push(error),
  })
  return { follower, finals, skipped, failures }
}

test('what is final is handed on once, from the genesis or from where it was; a stranger’s transaction stalls nobody', async () => {
  const entries = [1, 2, 3].map((n) => Buffer.from(`entry ${n}`))
  for (const entry of entries) lane.finalize([entry], [{ entry: 0, code: 1 }])
  await all.append('chain', 1, Buffer.from('garbage'))
  for (const value of lane.log) await all.append('chain', 1, value)
  await all.append('chain', 1, lane.log[0] ?? Buffer.alloc(0))
  const topic = `${all.config.topicPrefix}chain`
  const producer = all.kafka.producer({
    transactionalId: randomBytes(6).toString('hex'),
    maxInFlightRequests: 1,
    idempotent: true,
  })
  await producer.connect()
  for (const partition of [0, 1]) {
    const open = await producer.transaction()
    await open.send({ topic, messages: [{ value: 'stranger', partition }] })
    await open.commit()
  }
  await producer.disconnect()

  const whole = follow()
  await whole.follower.start()
  await whole.follower.caughtUp(20_000)
  expect(whole.finals.map(({ header }) => header.root)).toEqual(entries.map((entry) => leafHash(entry)))
  expect(whole.skipped).toEqual(
    expect.arrayContaining([
      [0n, 'undecodable'],
      [7n, 'not-next'],
      [8n, 'undecodable'],
    ]),
  )
  expect([whole.follower.lag(0), whole.follower.lag(1)]).toEqual([0n, 0n])
  const second = whole.finals[1]
  if (second === undefined) throw new Error('no second block')
  const { height, registrySize, sourceEpoch, lastOffset } = second.header
  const final = { height, hash: second.hash, verdictHash: second.verdictHash, registrySize, sourceEpoch, lastOffset }
  const part = follow({ final, nextOffset: second.nextOffset })
  await part.follower.start()
  await part.follower.caughtUp(20_000)
  expect(part.finals).toEqual(whole.finals.slice(2))
  expect(part.follower.position(1)).toEqual(whole.follower.position(1))
  // of another log, from before this one was made again: behind the next block, behind the end
  for (const nextOffset of [second.nextOffset + 2n, 1_000n]) {
    const hinted = follow({ final, nextOffset })
    await hinted.follower.start()
    await hinted.follower.caughtUp(20_000)
    expect(hinted.finals).toEqual(whole.finals.slice(2))
    await hinted.follower.stop()
  }
  expect([...whole.failures, ...part.failures]).toEqual([])
  await whole.follower.stop()
  await all.append('chain', 0, Buffer.from('more'))
  await expect(whole.follower.caughtUp(50)).rejects.toThrow(TransientError)
  await part.follower.stop()
}, 60_000)

test('the registry is folded to its end although a stranger’s transaction stands there', async () => {
  const topic = `${all.config.topicPrefix}registry`
  const producer = all.kafka.producer({
    transactionalId: randomBytes(6).toString('hex'),
    maxInFlightRequests: 1,
    idempotent: true,
  })
  await producer.connect()
  const open = await producer.transaction()
  await open.send({ topic, messages: [{ value: 'stranger', partition: 0 }] })
  await open.abort()
  await producer.disconnect()
  await registry.caughtUp(10_000)
  expect(registry.state.size).toBe(all.ledger.state.size)
}, 60_000)
