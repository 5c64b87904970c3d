/** The end of a log is lost before anybody but the validators has taken it. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { recreateTopic } from '../infra/kafka/topics.js'
import { Authorities } from '../infra/testing/authorities.js'
import { BATCH_FIELD, flipBit, segmentFile } from '../infra/testing/broker-disk.js'
import { readCheckpoints } from '../infra/testing/checkpoints.js'
import { until } from '../infra/testing/until.js'
import { hex } from '../schemas/bytes.js'
import { proposers } from '../schemas/lane-candidates.js'

const MINUTE = 60_000
const NUMBERS = [1, 2, 3, 4]
let all: Authorities
let meter: ReturnType<Authorities['meter']>
beforeAll(async () => {
  all = await Authorities.open({ lanes: 1, authorities: 4, meters: 1 }, { METERCHAIN_CHECKPOINT_MILLIS: '200' })
  meter = all.meter('meter-1')
  await startAll()
}, MINUTE)
afterAll(() => all.close(), MINUTE)
afterEach(() => expect(all.fatal).toEqual([]))

const startAll = () => Promise.all(NUMBERS.flatMap((n) => [all.start('chainer', n), all.start('validator', n)]))
const stopAll = () => Promise.all(NUMBERS.flatMap((n) => [all.stop('chainer', n), all.stop('validator', n)]))
const hashes = async () => (await all.read(0)).finals.map(({ hash }) => hex(hash))

/** Resolves to the hashes of all final blocks once every validator has taken them, and nothing runs. */
async function someBlocks(): Promise<string[]> {
  for (let n = 0; n < 3; n++) await all.untilCovered(0, await all.send(0, [meter.next()]))
  await Promise.all(NUMBERS.map((n) => all.untilReady('validator', n)))
  await stopAll()
  const made = await hashes()
  const kept = await Promise.all(NUMBERS.map((n) => all.kept(n, ['meter-1'])))
  expect(kept.map(({ positions: [position] }) => position && hex(position.final.hash))).toEqual(NUMBERS.map(() => made.at(-1)))
  return made
}

test('blocks that validators made final, and that no log holds any more, are in it again, and the lane goes on from them', async () => {
  const made = await someBlocks()
  await recreateTopic(all.kafka, all.config, 'chain')
  expect(await hashes()).toEqual([])
  await startAll()
  await all.untilCovered(0, await all.send(0, [meter.next()]))
  expect((await hashes()).slice(0, made.length)).toEqual(made)
}, 90_000)

test('a chainer that finds its place behind a candidate, because old records came again, gets it with its certificate', async () => {
  await all.untilCovered(0, await all.send(0, [meter.next()]))
  await stopAll()
  const { finals, state } = await all.read(0)
  const entries = [meter.next()]
  const lastOffset = await all.send(0, entries)
  const set = all.ledger.state.governanceAt(state.final.registrySize)
  const proposer = proposers(state, set, all.ledger.chainId)[0]
  const hash = await all.seal(0, NUMBERS.find((n) => `authority-${n}` === proposer) ?? 0, { entries, lastOffset })
  const old = finals.slice(-2).flatMap(({ blockBytes, votes }) => [blockBytes, ...votes.map(({ bytes }) => bytes)])
  for (let records = 0; records < 100; records += old.length) for (const each of old) await all.append('chain', 0, each)
  await Promise.all(NUMBERS.map((n) => all.start('chainer', n)))
  await Promise.all(NUMBERS.map((n) => all.start('validator', n)))
  const after = await all.untilCovered(0, await all.send(0, [meter.next()]))
  expect(after.map((each) => hex(each.hash))).toContain(hex(hash))
}, 90_000)

test('a block that every validator has, and the log has lost in its midst, comes again when somebody shows the one before it', async () => {
  const made = await someBlocks()
  const { finals } = await all.read(0)
  const lost = finals.length - 3
  flipBit(segmentFile(`${all.config.topicPrefix}chain`, 0), finals[lost]?.blockOffset ?? 0n, BATCH_FIELD.checksum)
  await startAll()
  await Promise.all(NUMBERS.map((n) => all.untilReady('validator', n)))
  expect(await hashes()).toEqual(made.slice(0, lost))
  for (const { blockBytes, votes } of finals.slice(lost - 1, lost))
    for (const record of [blockBytes, ...votes.map(({ bytes }) => bytes)]) await all.append('chain', 0, record)
  const found = await until('the block that was lost', MINUTE, async () => {
    const now = await hashes()
    return now.length >= made.length && now
  })
  expect(found.slice(0, made.length)).toEqual(made)
}, 120_000)

test('so are checkpoints', async () => {
  const size = async () => (await readCheckpoints(all)).log.size
  const covered = (await someBlocks()).length
  const before = await size()
  expect(before).toBeGreaterThan(covered / 2)
  await recreateTopic(all.kafka, all.config, 'checkpoints')
  expect(await size()).toBe(0)
  await startAll()
  await until('the checkpoints', MINUTE, async () => (await size()) >= before, size)
}, 90_000)
