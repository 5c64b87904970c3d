import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { readLog } from '../infra/kafka/log-reader.js'
import { Authorities } from '../infra/testing/authorities.js'
import { until } from '../infra/testing/until.js'
import { decodeRepair } from '../schemas/records.js'

let all: Authorities
let meter: ReturnType<Authorities['meter']>
beforeAll(async () => {
  all = await Authorities.open({ lanes: 2, meters: 40 }, { METERCHAIN_BLOCK_ENTRIES: '50', METERCHAIN_BLOCK_BYTES: '20000' })
  await Promise.all([all.start('chainer'), all.start('validator')])
  meter = all.meter('meter-1')
}, 60_000)
afterAll(() => all.close(), 60_000)
afterEach(() => {
  expect(all.fatal).toEqual([])
})

const count = (entries: number) => Array.from({ length: entries }, () => meter.next())

test('blocks keep within their limits of entries and bytes, and hold every reading once', async () => {
  await all.stop('chainer')
  const sent: Buffer[] = []
  let offset = 0n
  for (let n = 0; n < 12; n++) {
    const entries = count(20)
    sent.push(...entries)
    offset = await all.send(0, entries)
  }
  await all.start('chainer')
  const finals = await all.untilCovered(0, offset)
  expect(finals.flatMap(({ block }) => block.entries)).toEqual(sent)
  expect(finals.map(({ header }) => header.count)).toEqual([40, 40, 40, 40, 40, 40])
  const large = await all.untilCovered(0, await all.send(0, count(60)))
  expect(large.at(-1)?.header.count).toBe(60)
  const bytes = await all.untilCovered(0, await all.append('readings', 0, Buffer.alloc(40_000, 1)))
  expect(bytes.at(-1)).toMatchObject({ header: { count: 1 }, notCounted: [{ entry: 0, code: 1 }] })
}, 60_000)

test('a chainer that is started again takes its lanes up from the tails of their logs', async () => {
  for (let n = 0; n < 10; n++) await all.untilCovered(0, await all.send(0, count(1)))
  await all.stop('chainer')
  const waiting = await all.send(0, count(2))
  await all.start('chainer')
  const finals = await all.untilCovered(0, waiting)
  expect(finals.at(-1)).toMatchObject({ header: { count: 2 }, notCounted: [] })
  await all.untilReady('chainer')
}, 60_000)

test('garbage at the tail of the log, more than a first look takes, does not hide where the lane stands', async () => {
  await all.stop('chainer')
  for (let n = 0; n < 200; n++) await all.append('chain', 0, Buffer.from(`garbage ${n}`))
  await all.start('chainer')
  const finals = await all.untilCovered(0, await all.send(0, count(1)))
  expect(finals.at(-1)?.notCounted).toEqual([])
}, 60_000)

test('when governance changes, a block is sealed in each lane at once, without readings', async () => {
  await all.submit({ kind: 'SetRules', rules: 2 })
  const { size } = all.ledger.state
  for (const lane of [0, 1]) {
    const finals = await all.untilFinal(lane, 'a block of the new state', ({ registrySize }) => registrySize === size)
    expect(finals.at(-1)?.header).toMatchObject({ count: 0 })
  }
}, 60_000)

test('two chainers of one authority do no harm', async () => {
  await all.start('chainer', 1, 'second')
  const sent: Buffer[] = []
  const { finals: before } = await all.read(0)
  for (let n = 0; n < 10; n++) {
    const entries = count(3)
    sent.push(...entries)
    await all.untilCovered(0, await all.send(0, entries))
  }
  const finals = await all.read(0)
  expect(finals.finals.slice(before.length).flatMap(({ block }) => block.entries)).toEqual(sent)
  expect(finals.finals.flatMap(({ notCounted }) => notCounted)).toEqual([{ entry: 0, code: 1 }])
  await all.stopStage('second')
}, 60_000)

test('a lane whose readings were lost goes on in a new source epoch, after the stages are started again', async () => {
  const { state } = await all.read(1)
  await all.submit({ kind: 'SetSourceEpoch', lane: 1, epoch: 1 })
  await until('both stages to ask for a new start', 20_000, () => all.fatal.length >= 2)
  expect(new Set(all.fatal.map(({ error }) => error.message))).toEqual(
    new Set(['lane 1 has a new source epoch: its readings are read from their start']),
  )
  await Promise.all([all.stop('chainer'), all.stop('validator')])
  all.fatal.length = 0
  await Promise.all([all.start('chainer'), all.start('validator')])
  const finals = await all.untilFinal(1, 'a block of the new epoch', ({ sourceEpoch }) => sourceEpoch === 1)
  expect(finals.at(-1)?.header).toMatchObject({ firstOffset: 0n, registrySize: all.ledger.state.size })
  expect(finals.at(-1)?.header.height).toBeGreaterThan(state.final.height)
  const other = await all.untilCovered(1, await all.send(1, [Buffer.from('x')]))
  expect(other.at(-1)?.header).toMatchObject({ sourceEpoch: 1, count: 1 })
  const part = { kafka: all.kafka, topicPrefix: all.config.topicPrefix, topic: 'repairs', partition: 1, from: 0n } as const
  const told = await until('both ends of the repair are told', 20_000, async () => {
    const events = []
    for await (const { value } of readLog(part)) events.push(decodeRepair(value))
    return events.length >= 2 && events
  })
  const epoch = { id: 'epoch/1/1', kind: 'epoch', lane: 1, fault: 'readings-lost', by: 'authority-1' }
  expect(told).toMatchObject([
    { ...epoch, status: 'requested' },
    { ...epoch, status: 'completed', tookMillis: (told[1]?.at ?? 0) - (told[0]?.at ?? 0) },
  ])
}, 60_000)
