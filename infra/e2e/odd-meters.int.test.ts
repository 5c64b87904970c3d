/** Meters that lose, repeat, reorder and fork their readings, that were away, cloned, or lost their disk: through the real door. */
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { type DeliveryReport, deliver } from '../../ingest/meter/deliver.js'
import { MeterStore } from '../../ingest/meter/meter-store.js'
import { messages, simulatedMeter } from '../../ingest/simulate/messages.js'
import { fromHex, hex } from '../../schemas/bytes.js'
import { faultOfCode } from '../../schemas/faults.js'
import { sha256 } from '../../schemas/hash.js'
import { leafHash } from '../../schemas/merkle.js'
import { laneOf } from '../../schemas/murmur2.js'
import { decodeRepair, decodeSignedReading } from '../../schemas/records.js'
import { enrolmentRoot } from '../../schemas/registry/meter-rules.js'
import { newKeyPair } from '../crypto/sodium.js'
import { readLog } from '../kafka/log-reader.js'
import { Authorities } from '../testing/authorities.js'
import { type OpenDoor, openDoor } from '../testing/open-door.js'
import { testMeter } from '../testing/registry.js'
import { SignedMeter } from '../testing/signed-meters.js'
import { projectAndAudit } from '../testing/tables.js'
import { until } from '../testing/until.js'
import { kafkaSource } from '../verify/kafka-source.js'
import { verify } from '../verify/verify.js'

const LANES = 2
const MINUTE = 60_000
const MONTH_HOURS = 31 * 24
let all: Authorities
let open: OpenDoor
let client: OpenDoor['client']

beforeAll(async () => {
  all = await Authorities.open({ lanes: LANES, meters: 4 }, { METERCHAIN_INGEST_PORT: '0' })
  open = await openDoor(all)
  client = open.client
  await Promise.all([all.start('chainer'), all.start('validator')])
}, MINUTE)
afterAll(async () => {
  await open?.close()
  await all?.close()
}, MINUTE)
afterEach(() => {
  expect(all.fatal).toEqual([])
})

const headOf = (meter: string) => open.headOf(meter)

const untilHead = (meter: string, sequence: number, gaps: readonly { from: number; to: number }[] = []) =>
  until(
    `the head of ${meter} at ${sequence} with gaps ${JSON.stringify(gaps)}`,
    MINUTE,
    async () => {
      const head = await headOf(meter)
      return head.sequence === sequence && JSON.stringify(head.gaps) === JSON.stringify(gaps) && head
    },
    () => headOf(meter),
  )

/** What final blocks say of each of the meter's entries, in their order: its sequence, and the fault of one that does not count. */
async function verdictsOn(meter: string): Promise<[sequence: number, fault: string | undefined, leaf: string][]> {
  const { finals } = await all.read(laneOf(meter, LANES))
  return finals.flatMap(({ block, notCounted }) => {
    const codes = new Map(notCounted.map(({ entry, code }) => [entry, faultOfCode(code)?.name]))
    return block.entries.flatMap((entry, index) => {
      const reading = decodeSignedReading(entry)?.reading
      if (reading?.meter !== meter) return []
      return [[reading.sequence, codes.get(index), hex(leafHash(entry))] as [number, string | undefined, string]]
    })
  })
}

async function expectEachOnce(meter: string, sequences: readonly number[]): Promise<void> {
  const counted = (await verdictsOn(meter)).flatMap(([sequence, fault]) => (fault === undefined ? [sequence] : []))
  expect(counted.toSorted((a, b) => a - b)).toEqual(sequences)
}

const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1)

async function untilRepair(meter: string, status: string): Promise<void> {
  await until(`a repair of ${meter} that is ${status}`, MINUTE, async () => {
    const part = {
      kafka: all.kafka,
      topicPrefix: all.config.topicPrefix,
      topic: 'repairs',
      partition: laneOf(meter, LANES),
    } as const
    for await (const { value } of readLog({ ...part, from: 0n })) {
      const repair = value === null ? undefined : decodeRepair(value)
      if (repair?.subject === meter && repair.status === status) return true
    }
    return false
  })
}

test(
  'what a meter loses is asked for, what it repeats counts once, and reordered readings find their places',
  async () => {
    const meter = all.meter('meter-1')
    const [one, two, three, four, five, six] = Array.from({ length: 6 }, () => meter.next()) as [Buffer, ...Buffer[]] & Buffer[]
    const send = (...entries: (Buffer | undefined)[]) => client.send(entries.flatMap((entry) => entry ?? []))
    expect(await send(one, two)).toMatchObject({ accepted: 2 })
    await untilHead('meter-1', 2)
    await send(four)
    await untilHead('meter-1', 4, [{ from: 3, to: 3 }])
    await untilRepair('meter-1', 'requested')
    await until('the door asks the meter', MINUTE, async () => (await headOf('meter-1')).resend.length > 0)
    await send(two, six)
    await untilHead('meter-1', 6, [
      { from: 3, to: 3 },
      { from: 5, to: 5 },
    ])
    await send(five, three, five)
    await untilHead('meter-1', 6)
    await untilRepair('meter-1', 'completed')
    await expectEachOnce('meter-1', upTo(6))
    const refused = (await verdictsOn('meter-1')).filter(([, fault]) => fault !== undefined)
    expect(refused.map(([sequence, fault]) => [sequence, fault])).toEqual([
      [2, 'sequence-taken'],
      [5, 'sequence-taken'],
    ])
  },
  MINUTE,
)

test(
  'of two readings with one sequence the first in the log counts, and the branch of the other ends there',
  async () => {
    const meter = all.meter('meter-2')
    await client.send([meter.next()])
    const fork = new SignedMeter('meter-2', all.ledger.chainId)
    Object.assign(fork, { sequence: meter.sequence, previous: meter.previous })
    const [mine, other] = [meter.next(), fork.next({ sentAt: 1 })]
    await client.send([mine, other])
    await untilHead('meter-2', 2)
    await client.send([fork.next()])
    await client.send([meter.next()])
    const head = await untilHead('meter-2', 3)
    expect(head.hash).toBe(hex(meter.previous))
    expect((await verdictsOn('meter-2')).map(([sequence, fault]) => [sequence, fault])).toEqual([
      [1, undefined],
      [2, undefined],
      [2, 'sequence-taken'],
      [3, 'broken-link'],
      [3, undefined],
    ])
  },
  MINUTE,
)

const SEED = 77
const seedOf = (meter: string) => sha256(Buffer.from(`odd meter ${meter}`))

/** A software meter: its readings, signed and kept until they count. */
function store(name: string, meter: string, seed = seedOf): MeterStore {
  const made = new MeterStore({ path: join(all.home, name), chainId: all.ledger.chainId })
  made.create([meter], seed)
  return made
}

function sign(into: MeterStore, meter: string, hours: number, fromHour = 0): void {
  const from = 1_700_006_400 + fromHour * 3_600
  const said = [...messages({ seed: SEED, households: 1, from, hours })]
  into.sign(said.map(({ content }) => ({ meter, content })))
}

function deliverAll(from: MeterStore, meter: string): Promise<DeliveryReport> {
  return deliver({ store: from, door: client, meters: [meter], resendMillis: 2_000, stallMillis: 6_000 })
}

async function enrol(meter: string): Promise<void> {
  const enrolled = testMeter(meter, newKeyPair(seedOf(meter)).publicKey)
  await all.submit({ kind: 'EnrolMeters', count: 1, root: enrolmentRoot([enrolled]) }, [enrolled])
}

test(
  'a meter that was away for a month brings all of it, and each hour counts once',
  async () => {
    const meter = simulatedMeter(1, SEED)
    await enrol(meter)
    const kept = store('away', meter)
    try {
      sign(kept, meter, MONTH_HOURS)
      expect(await deliverAll(kept, meter)).toMatchObject({ confirmed: MONTH_HOURS, left: 0, setAside: [] })
    } finally {
      await kept.close()
    }
    await expectEachOnce(meter, upTo(MONTH_HOURS))
  },
  MINUTE,
)

test(
  'of two devices with one key the one that the log took first goes on, and the other is set aside for a person',
  async () => {
    const meter = simulatedMeter(2, SEED)
    await enrol(meter)
    const [original, clone] = [store('original', meter), store('clone', meter)]
    try {
      sign(original, meter, 10)
      sign(clone, meter, 10, 100)
      expect(await deliverAll(original, meter)).toMatchObject({ confirmed: 10, left: 0 })
      const report = await deliverAll(clone, meter)
      expect(report).toMatchObject({ confirmed: 0, left: 10, setAside: [{ meter, reason: expect.stringContaining('sequence') }] })
      sign(original, meter, 2, 10)
      expect(await deliverAll(original, meter)).toMatchObject({ confirmed: 2, left: 0, setAside: [] })
    } finally {
      await Promise.all([original.close(), clone.close()])
    }
    await expectEachOnce(meter, upTo(12))
  },
  MINUTE,
)

test(
  'a meter that lost its disk is set aside, and goes on by itself after a reset, with what it signed meanwhile and a new key',
  async () => {
    const meter = simulatedMeter(3, SEED)
    await enrol(meter)
    const before = store('before', meter)
    sign(before, meter, 5)
    await deliverAll(before, meter)
    await before.close()
    const empty = store('empty', meter, (id) => sha256(seedOf(id)))
    try {
      sign(empty, meter, 3, 50)
      expect(await deliverAll(empty, meter)).toMatchObject({ confirmed: 0, left: 3, setAside: [{ meter }] })
      const previous = sha256(Buffer.from('a new disk'))
      await all.submit({ kind: 'RotateMeterKey', meter, fromSequence: 100, key: empty.publicKey(meter) })
      await all.submit({ kind: 'ResetMeter', meter, sequence: 100, previous })
      await untilHead(meter, 99)
      expect(await deliverAll(empty, meter)).toMatchObject({ confirmed: 3, left: 0, resets: 1, setAside: [] })
      sign(empty, meter, 2, 53)
      expect(await deliverAll(empty, meter)).toMatchObject({ confirmed: 2, left: 0, resets: 0, setAside: [] })
    } finally {
      await empty.close()
    }
    await expectEachOnce(meter, [...upTo(5), 100, 101, 102, 103, 104])
  },
  MINUTE,
)

test(
  'a meter that comes back with an old copy of its disk and its old key goes on after a reset too',
  async () => {
    const meter = simulatedMeter(4, SEED)
    await enrol(meter)
    const [lost, copy] = [store('lost', meter), store('copy', meter)]
    try {
      for (const each of [lost, copy]) sign(each, meter, 4)
      expect(await deliverAll(lost, meter)).toMatchObject({ confirmed: 4, left: 0 })
      sign(lost, meter, 2, 4)
      expect(await deliverAll(lost, meter)).toMatchObject({ confirmed: 2, left: 0 })
      expect(await deliverAll(copy, meter)).toMatchObject({ confirmed: 0, left: 4, setAside: [{ meter }] })
      const { sequence, hash } = await headOf(meter)
      await all.submit({ kind: 'ResetMeter', meter, sequence: sequence + 1, previous: fromHex(hash) })
      await until('the door knows the reset', MINUTE, async () => (await headOf(meter)).reset !== null)
      expect(await deliverAll(copy, meter)).toMatchObject({ confirmed: 4, left: 0, resets: 1, setAside: [] })
    } finally {
      await Promise.all([lost.close(), copy.close()])
    }
    await expectEachOnce(meter, upTo(10))
  },
  MINUTE,
)

test(
  'verify and audit find nothing after all that',
  async () => {
    const { fault } = await verify({ source: kafkaSource(all.kafka, all.config.topicPrefix), chainId: all.ledger.chainId })
    expect(fault).toBeUndefined()
    const audited = await projectAndAudit(open.runtime, { ...all.config, projectorPort: 0, queryPort: 0 })
    expect(audited).toMatchObject({ differenceCount: 0 })
  },
  MINUTE,
)
