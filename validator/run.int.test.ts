import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import { readLog } from '../infra/kafka/log-reader.js'
import { Authorities } from '../infra/testing/authorities.js'
import { testMeter } from '../infra/testing/registry.js'
import { until } from '../infra/testing/until.js'
import { faultCode } from '../schemas/faults.js'
import { leafHash } from '../schemas/merkle.js'
import { decodeChainRecord, decodeRepair, splitEntries } from '../schemas/records.js'
import { enrolmentRoot } from '../schemas/registry/meter-rules.js'

const METERS = Array.from({ length: 6 }, (_, index) => `meter-${index + 1}`)
let all: Authorities
beforeAll(async () => {
  all = await Authorities.open({ lanes: 1, meters: METERS.length })
  await Promise.all([all.start('chainer'), all.start('validator')])
}, 60_000)
afterAll(() => all.close(), 60_000)
afterEach(() => {
  expect(all.fatal).toEqual([])
})

/** Every final block against `readings`, entry by entry. */
async function expectWhole(): Promise<void> {
  const { finals } = await all.read(0)
  const sent: Buffer[] = []
  const part = { topicPrefix: all.config.topicPrefix, topic: 'readings', partition: 0, from: 0n } as const
  for await (const { value } of readLog({ kafka: all.kafka, ...part })) sent.push(...splitEntries(value))
  expect(finals.flatMap(({ block }) => block.entries)).toEqual(sent)
  expect(finals.map(({ header }) => header.height)).toEqual(finals.map((_, index) => BigInt(index + 1)))
}

async function restart(stage: 'chainer' | 'validator', between: () => void = () => undefined): Promise<void> {
  await all.stop(stage)
  between()
  await all.start(stage)
}

const [one, two] = ['meter-1', 'meter-2'] as const
const meters = new Map<string, ReturnType<Authorities['meter']>>()
const meter = (id: string) => {
  const known = meters.get(id) ?? all.meter(id)
  meters.set(id, known)
  return known
}

test('readings become final with the right verdict; garbage beside them does no harm', async () => {
  await all.append('chain', 0, Buffer.from('garbage'))
  const first = meter(one).next()
  const forged = Buffer.from(meter(two).next())
  forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1)
  await all.send(0, [first, forged, first])
  await all.append('readings', 0, Buffer.from('no record'))
  await all.writer.append('readings', 0, [{ value: Buffer.alloc(0) }])
  const offset = await all.send(0, [all.meter('stranger').next(), meter(one).next()])
  const finals = await all.untilCovered(0, offset)
  let at = 0
  const refused = finals.flatMap(({ block, notCounted }) => {
    const begin = at
    at += block.entries.length
    return notCounted.map(({ entry, code }) => [begin + entry, code])
  })
  expect(refused).toEqual([
    [1, faultCode('bad-signature')],
    [2, faultCode('sequence-taken')],
    [3, faultCode('malformed')],
    [4, faultCode('malformed')],
    [5, faultCode('unknown-meter')],
  ])
  meter(two).sequence = 0
  meter(two).previous = Buffer.alloc(32)
  await expectWhole()
  await all.untilReady('validator')
  await all.untilReady('chainer')
}, 60_000)

test('a meter that is enrolled counts from the next block on', async () => {
  const late = all.meter('late')
  await all.untilCovered(0, await all.send(0, [late.next()]))
  const content = { kind: 'EnrolMeters', count: 1, root: enrolmentRoot([testMeter('late')]) } as const
  await all.submit(content, [testMeter('late')])
  const again = all.meter('late')
  const finals = await all.untilCovered(0, await all.send(0, [again.next()]))
  expect(finals.slice(-2).map(({ notCounted }) => notCounted)).toEqual([[{ entry: 0, code: faultCode('unknown-meter') }], []])
  expect(finals.at(-1)?.header.registrySize).toBe(all.ledger.state.size)
}, 60_000)

describe('started again', () => {
  /** Whoever looks at the state says so: the block's judge, and the inspection after the start. */
  const expectCorrupt = () =>
    expect(new Set(all.fatal.map(({ stage, error }) => [stage, error.name].join()))).toEqual(
      new Set(['validator-1,CorruptStateError']),
    )
  const forget = () => void all.fatal.splice(0)
  const goesOn = async () => {
    const offset = await all.send(0, [meter(one).next(), meter(two).next()])
    const newest = (await all.untilCovered(0, offset)).at(-1)
    expect(newest?.notCounted).toEqual([])
    await expectWhole()
  }

  test('each goes on where it was', async () => {
    await restart('validator')
    await goesOn()
    await restart('chainer')
    await goesOn()
  }, 60_000)

  test('a validator whose state was deleted makes the same from the log', async () => {
    await all.stop('validator')
    const before = await all.kept(1, METERS)
    rmSync(all.statesOf(1), { recursive: true })
    const { port } = await all.start('validator')
    await all.untilReady('validator')
    const metrics = async () => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const counted = 'meterchain_repairs_total{kind="rebuild",status="completed",stage="validator"} 1'
    await until('its count', 20_000, async () => (await metrics()).includes(counted), metrics)
    expect(await metrics()).toMatch(/meterchain_repair_seconds_count\{stage="validator",kind="rebuild"\} 1/)
    await all.stop('validator')
    expect(await all.kept(1, METERS)).toEqual(before)
    const told: unknown[] = []
    const part = { topicPrefix: all.config.topicPrefix, topic: 'repairs', partition: 0, from: 0n } as const
    for await (const { value } of readLog({ kafka: all.kafka, ...part })) {
      const repair = value === null ? undefined : decodeRepair(value)
      if (repair?.kind === 'rebuild') told.push([repair.status, repair.detail, repair.tookMillis !== null])
    }
    expect(told).toEqual([
      ['requested', 'there was no state', false],
      ['completed', 'there was no state', true],
    ])
    await all.start('validator')
    await goesOn()
  }, 60_000)

  test('a validator whose state was altered by a bit says so, throws it away, and goes on after its next start', async () => {
    await all.stop('validator')
    const file = join(all.statesOf(1), 'data.mdb')
    const { states } = await all.kept(1, [one])
    const bytes = readFileSync(file)
    const hash = states[0]?.hash ?? Buffer.alloc(32)
    for (let at = bytes.indexOf(hash); at >= 0; at = bytes.indexOf(hash, at + 1)) bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at)
    writeFileSync(file, bytes)
    await all.start('validator')
    await all.send(0, [meter(one).next()])
    await until('the fault', 20_000, () => all.fatal.length > 0)
    expectCorrupt()
    await restart('validator', forget)
    await goesOn()
  }, 60_000)

  test('a validator of which a key was altered by a bit, so that a meter would be new to it, finds that by itself', async () => {
    await all.stop('validator')
    const before = await all.kept(1, METERS)
    const file = join(all.statesOf(1), 'data.mdb')
    const bytes = readFileSync(file)
    const key = Buffer.from(one)
    for (let at = bytes.indexOf(key); at >= 0; at = bytes.indexOf(key, at + 1))
      bytes.writeUInt8(bytes.readUInt8(at + 6) ^ 8, at + 6)
    writeFileSync(file, bytes)
    expect(await all.kept(1, METERS)).not.toEqual(before)
    await all.start('validator')
    await until('the fault', 20_000, () => all.fatal.length > 0)
    expectCorrupt()
    await restart('validator', forget)
    await all.untilReady('validator')
    await all.stop('validator')
    expect((await all.kept(1, METERS)).states).toEqual(before.states)
    await all.start('validator')
    await goesOn()
  }, 60_000)

  test('a validator that was away while readings were deleted behind final blocks is made again from the log', async () => {
    await all.stop('validator')
    rmSync(all.statesOf(1), { recursive: true })
    const { state } = await all.read(0)
    const topic = `${all.config.topicPrefix}readings`
    const admin = all.kafka.admin()
    await admin.connect()
    await admin.fetchTopicMetadata({ topics: [topic] })
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(state.final.lastOffset + 1n) }] })
    await admin.disconnect()
    await all.start('validator')
    const offset = await all.send(0, [meter(one).next()])
    expect((await all.untilCovered(0, offset)).at(-1)?.notCounted).toEqual([])
  }, 60_000)
})

describe('a block of its own authority that is wrong', () => {
  const faults = async () => {
    const found: number[] = []
    const part = { topicPrefix: all.config.topicPrefix, topic: 'chain', partition: 0, from: 0n } as const
    for await (const { value } of readLog({ kafka: all.kafka, ...part })) {
      const record = decodeChainRecord(value)
      if (record?.kind === 'vote' && record.vote.judgement.kind === 'reject') found.push(record.vote.judgement.fault)
    }
    return found
  }

  test.each<[string, Parameters<Authorities['seal']>[2], Parameters<typeof faultCode>[0]]>([
    ['of more entries than allowed', { entries: Array.from({ length: 10_001 }, () => Buffer.from('x')) }, 'oversized'],
    ['with an entry that was never sent', { entries: [Buffer.from('x')] }, 'wrong-entries'],
    ['of another registry state', { registryRoot: leafHash(Buffer.from('x')) }, 'registry-root'],
  ])(
    '%s is rejected, and the next attempt is final',
    async (_, changes, fault) => {
      const before = (await faults()).length
      const hash = await all.seal(0, 1, changes)
      const offset = await all.send(0, [meter(one).next()])
      const finals = await all.untilCovered(0, offset)
      expect((await faults()).slice(before)).toEqual([faultCode(fault)])
      expect(finals.map((each) => each.hash.equals(hash))).not.toContain(true)
      expect(finals.at(-1)).toMatchObject({ notCounted: [], header: { attempt: 1 } })
    },
    60_000,
  )

  test('that covers records which have not come is rejected after a time', async () => {
    const before = (await faults()).length
    const { state } = await all.read(0)
    await all.seal(0, 1, { lastOffset: state.final.lastOffset + 3n })
    const seen = await until('a vote', 20_000, async () => (await faults()).length > before && faults())
    expect(seen.slice(before)).toEqual([faultCode('records-not-seen')])
    await all.untilCovered(0, await all.send(0, [meter(one).next()]))
  }, 60_000)
})

test('gaps of very many meters in one block are all told', async () => {
  const many = await Authorities.open({ lanes: 1, meters: 1_500 })
  try {
    const ids = [...many.ledger.meterKeys.keys()]
    const late = ids.map((id) => {
      const each = many.meter(id)
      each.next()
      return each.next()
    })
    const offsets: bigint[] = []
    for (let at = 0; at < late.length; at += 500) offsets.push(await many.send(0, late.slice(at, at + 500)))
    await Promise.all([many.start('validator'), many.start('chainer')])
    const finals = await many.untilCovered(0, offsets.at(-1) ?? 0n)
    expect(finals.flatMap(({ notCounted }) => notCounted)).toEqual([])
    const told = async () => {
      const subjects: string[] = []
      const part = { topicPrefix: many.config.topicPrefix, topic: 'repairs', partition: 0, from: 0n } as const
      for await (const { value } of readLog({ kafka: many.kafka, ...part })) {
        const repair = value === null ? undefined : decodeRepair(value)
        if (repair?.status === 'requested') subjects.push(repair.subject)
      }
      return subjects
    }
    const subjects = await until('all requests', 20_000, async () => {
      const found = await told()
      return found.length >= ids.length && found
    })
    expect(subjects).toEqual(ids)
    expect(many.fatal).toEqual([])
  } finally {
    await many.close()
  }
}, 90_000)
