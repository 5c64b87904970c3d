import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { SmallDoor } from '../../infra/testing/small-door.js'
import { TransientError } from '../../schemas/errors.js'
import { sha256 } from '../../schemas/hash.js'
import { decodeSignedReading } from '../../schemas/records.js'
import { type DeliverOptions, deliver, pauseMillis } from './deliver.js'
import { DoorClient } from './door-client.js'
import { type Message, MeterStore } from './meter-store.js'

const CHAIN = sha256(Buffer.from('a chain'))
const profile = (value: number, count = 4) => ({
  obis: Buffer.from([1, 0, 1, 29, 0, 255]),
  unit: 30,
  scaler: 0,
  start: 1_700_000_000,
  step: 900,
  values: Array.from({ length: count }, () => value),
  quality: [],
})
const message = (meter: string, value: number, count?: number): Message => ({
  meter,
  content: { sentAt: 1_700_003_600_000, profiles: [profile(value, count)] },
})

let folder: string
let store: MeterStore
let door: SmallDoor
let client: DoorClient

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'meters-'))
  store = new MeterStore({ path: folder, chainId: CHAIN })
  door = await SmallDoor.open()
  client = new DoorClient({ url: `${door.url}/`, retryMillis: 5_000, backoffMillis: 5 })
})
afterEach(async () => {
  await client.close()
  await door.close()
  await store.close()
  rmSync(folder, { recursive: true })
})

const meters = (count: number) => Array.from({ length: count }, (_each, index) => `m-${index + 1}`)

function signed(ids: readonly string[], each: number): number {
  store.create(ids)
  return store.sign(Array.from({ length: each }, (_round, round) => ids.map((id) => message(id, round))).flat())
}

const run = (options: Partial<DeliverOptions> = {}) =>
  deliver({ store, door: client, confirmMillis: 10, resendMillis: 50, stallMillis: 2_000, ...options })

describe('a delivery', () => {
  test('ends when every reading counts, and forgets them', async () => {
    const ids = meters(30)
    signed(ids, 20)
    const seen: number[] = []
    const report = await run({ batchReadings: 50, openMeters: 7, onProgress: ({ confirmed }) => seen.push(confirmed) })
    expect(report).toEqual({
      accepted: 600,
      confirmed: 600,
      resends: 0,
      resets: 0,
      refused: {},
      givenUp: 0,
      setAside: [],
      left: 0,
    })
    expect(seen.at(-1)).toBe(600)
    for (const id of ids) expect(door.state(id)).toMatchObject({ sequence: 20, gaps: [], hash: store.end(id).hash })
  })

  test('sends the readings of one meter in their order, never two requests of it at a time', async () => {
    signed(meters(9), 40)
    await run({ batchReadings: 16, connections: 4 })
    const last = new Map<string, number>()
    for (const { meter, sequence } of door.requests.flat()) {
      expect(sequence).toBe((last.get(meter) ?? 0) + 1)
      last.set(meter, sequence)
    }
    expect(door.requests.every((request) => request.length <= 16)).toBe(true)
  })

  test('survives a door that breaks connections, is busy, and answers what a proxy answers', async () => {
    signed(meters(8), 30)
    let turn = 0
    door.disturb = () => {
      turn++
      if (turn % 5 === 1) return 'reset'
      if (turn % 5 === 2) return { status: 503, headers: { 'retry-after': '0' }, body: {} }
      if (turn % 5 === 3) return 'take-and-reset'
      return turn % 5 === 4 ? { status: turn % 2 === 0 ? 502 : 500, body: '<html>' } : undefined
    }
    const report = await run({ batchReadings: 40, connections: 2 })
    expect(report).toMatchObject({ confirmed: 240, left: 0 })
    for (const id of meters(8)) expect(door.state(id)).toMatchObject({ sequence: 30, gaps: [] })
  })

  test('sends again what was acknowledged and does not count', async () => {
    signed(meters(3), 5)
    let lost = 0
    door.disturb = () => (lost++ < 2 ? 'lose' : undefined)
    const report = await run()
    expect(report).toMatchObject({ confirmed: 15, left: 0 })
    expect(report.resends).toBeGreaterThan(0)
  })

  test('fills a gap from its lower border upward', async () => {
    signed(['m-1'], 10)
    let turn = 0
    door.disturb = () => (turn++ === 1 ? 'lose' : undefined)
    expect(await run({ batchReadings: 3 })).toMatchObject({ confirmed: 10, left: 0 })
    expect(door.state('m-1')).toMatchObject({ sequence: 10, gaps: [] })
  })

  test('waits for an enrolment that the door has not read yet', async () => {
    signed(['m-1'], 3)
    door.faults.set('m-1', 'unknown-meter')
    door.unknown.add('m-1')
    const report = await run({
      onProgress: () => {
        if (door.headRequests < 3) return
        door.faults.clear()
        door.unknown.clear()
      },
    })
    expect(report).toMatchObject({ confirmed: 3, left: 0 })
    expect(report.refused['unknown-meter']).toBeGreaterThan(0)
  })

  test('sends at once again what was refused for the moment', async () => {
    signed(['m-1'], 6)
    door.faults.set('m-1 4', 'unavailable')
    const pass = () => (door.requests.length > 0 ? door.faults.clear() : undefined)
    const report = await run({ resendMillis: 60_000, onProgress: pass })
    expect(report).toMatchObject({ confirmed: 6, left: 0, refused: { unavailable: 1 }, resends: 0 })
  })

  test('gives up the readings of a retired meter', async () => {
    signed(['m-1', 'm-2'], 4)
    for (const sequence of [3, 4]) door.faults.set(`m-1 ${sequence}`, 'retired')
    expect(await run()).toMatchObject({ confirmed: 6, givenUp: 2, left: 0, refused: { retired: 2 } })
  })

  test('sets a meter aside whose reading is refused for good, and keeps what it has', async () => {
    signed(['m-1', 'm-2'], 4)
    door.faults.set('m-1', 'bad-signature')
    const report = await run({ connections: 1 })
    expect(report).toMatchObject({ confirmed: 4, left: 4, refused: { 'bad-signature': 4 } })
    expect(report.setAside).toEqual([{ meter: 'm-1', reason: 'sequence 1 is refused as bad-signature: as told' }])
  })

  test('sets a meter aside of which the chain knows another message, or more than the store', async () => {
    signed(['m-1', 'm-2', 'm-3'], 2)
    door.states.set('m-1', { sequence: 2, hash: sha256(Buffer.from('x')), gaps: [], reset: 0 })
    door.states.set('m-2', { sequence: 7, hash: sha256(Buffer.from('y')), gaps: [], reset: 0 })
    door.states.set('m-3', { sequence: 1, hash: sha256(Buffer.from('z')), gaps: [], reset: 0 })
    const { setAside, left } = await run()
    expect(left).toBe(6)
    expect(Object.fromEntries(setAside.map(({ meter, reason }) => [meter, reason]))).toEqual({
      'm-1': expect.stringContaining('another message counts as sequence 2'),
      'm-2': expect.stringContaining('sequence 7 counts, but this store has signed up to 2 only'),
      'm-3': expect.stringContaining('another message counts as sequence 1'),
    })
  })

  test('ends with what is left where nothing moves any more', async () => {
    signed(['m-1'], 2)
    door.disturb = () => 'lose'
    const report = await run({ stallMillis: 200 })
    expect(report).toMatchObject({ confirmed: 0, left: 2 })
    expect(report.setAside).toEqual([{ meter: 'm-1', reason: 'what was sent does not count' }])
    expect(report.resends).toBeGreaterThan(0)
  })

  test('keeps a request below its bytes, and sends one that is larger alone', async () => {
    store.create(['m-1', 'm-2'])
    store.sign([message('m-1', 1), message('m-1', 5_000, 2_000), message('m-1', 1), message('m-2', 9_000, 1_500)])
    expect(await run({ batchBytes: 1_000, connections: 1 })).toMatchObject({ confirmed: 4, left: 0 })
    expect(door.requests.length).toBeGreaterThan(2)
  })

  test('of given meters leaves the others alone, and of one without readings ends at once', async () => {
    signed(['m-1', 'm-2'], 2)
    store.create(['m-3'])
    expect(await run({ meters: ['m-2', 'm-3', 'm-2'] })).toMatchObject({ confirmed: 2, left: 2, setAside: [] })
  })

  test('of nothing ends at once', async () => {
    expect(await run()).toMatchObject({ accepted: 0, left: 0 })
  })

  test('fails where the door stays away, and goes on where it was in a second one', async () => {
    signed(meters(4), 6)
    door.disturb = () => 'reset'
    const impatient = new DoorClient({ url: door.url, retryMillis: 50, backoffMillis: 5 })
    await expect(run({ door: impatient })).rejects.toThrow(TransientError)
    await impatient.close()
    expect(store.countUnconfirmed()).toBe(24)
    door.disturb = () => undefined
    expect(await run()).toMatchObject({ confirmed: 24, left: 0 })
  })
})

describe('a reset', () => {
  const link = sha256(Buffer.from('a link'))
  const reset = (meter: string, sequence = 100) => door.resets.set(meter, { sequence, previous: link, since: 9 })
  const other = { hash: sha256(Buffer.from('another device')), gaps: [], reset: 0 }
  const readingOf = ({ entry }: { entry: Buffer }) => decodeSignedReading(entry)?.reading

  test('is taken up by a meter that lost its disk: what it signed since is signed again from there, once', async () => {
    signed(['m-1', 'm-2'], 3)
    door.states.set('m-1', { ...other, sequence: 7 })
    expect(await run()).toMatchObject({ confirmed: 3, left: 3, resets: 0, setAside: [{ meter: 'm-1' }] })
    reset('m-1')
    const report = await run()
    expect(report).toMatchObject({ confirmed: 3, left: 0, resets: 1, setAside: [] })
    expect(door.state('m-1')).toMatchObject({ sequence: 102, gaps: [], hash: store.end('m-1').hash })
    signed(['m-1'], 2)
    expect(await run()).toMatchObject({ confirmed: 2, left: 0, resets: 0 })
    expect(door.state('m-1')).toMatchObject({ sequence: 104, gaps: [] })
  })

  test('that comes with a new key while the door refuses what was signed with it is taken up at once', async () => {
    signed(['m-1'], 3)
    for (const sequence of [1, 2, 3]) door.faults.set(`m-1 ${sequence}`, 'bad-signature')
    door.disturb = () => void reset('m-1')
    expect(await run()).toMatchObject({ confirmed: 3, left: 0, resets: 1, refused: { 'bad-signature': 3 }, setAside: [] })
    expect(door.state('m-1')).toMatchObject({ sequence: 102, gaps: [] })
  })

  test('that is taken up does not mend what is refused for another reason', async () => {
    signed(['m-1'], 2)
    door.faults.set('m-1', 'bad-signature')
    reset('m-1')
    const { setAside, left, resets } = await run()
    expect({ left, resets }).toEqual({ left: 2, resets: 1 })
    expect(setAside).toEqual([{ meter: 'm-1', reason: 'sequence 100 is refused as bad-signature: as told' }])
  })

  test('leaves out what counts already, keeps what a gap misses, and names what is corrected by its new sequence', async () => {
    signed(['m-1'], 5)
    const corrections = [1, 4].map((revises) => ({ ...message('m-1', 9), content: { ...message('m-1', 9).content, revises } }))
    store.sign(corrections)
    const entries = store.unconfirmed('m-1', 1, 9).map(({ entry }) => entry)
    await client.send([1, 2, 3, 5].flatMap((sequence) => entries[sequence - 1] ?? []))
    expect(door.state('m-1')).toMatchObject({ sequence: 5, gaps: [{ from: 4, to: 4 }] })
    reset('m-1', 6)
    let signedAgain: ReturnType<typeof readingOf>[] = []
    door.disturb = () => {
      const all = store.unconfirmed('m-1', 0, 9)
      if (all[0]?.sequence === 6) signedAgain = all.map(readingOf)
      return undefined
    }
    expect(await run()).toMatchObject({ confirmed: 7, left: 0, resets: 1 })
    expect(signedAgain.map((each) => [each?.sequence, each?.profiles[0]?.values[0], each?.revises])).toEqual([
      [6, 3, null],
      [7, 9, 1],
      [8, 9, 6],
    ])
    expect(signedAgain[0]?.previous).toEqual(link)
    expect(door.state('m-1')).toMatchObject({ sequence: 8, gaps: [] })
  })

  test('after which another device went on is taken up by no second one', async () => {
    signed(['m-1'], 2)
    reset('m-1')
    door.states.set('m-1', { ...other, sequence: 101, reset: 9 })
    expect(await run()).toMatchObject({ confirmed: 0, left: 2, resets: 0, setAside: [{ meter: 'm-1' }] })
  })

  test('of a meter whose readings all count changes nothing but where it goes on', async () => {
    signed(['m-1'], 3)
    await client.send(store.unconfirmed('m-1', 1, 9).map(({ entry }) => entry))
    reset('m-1')
    expect(await run()).toMatchObject({ confirmed: 3, left: 0, resets: 1 })
    expect(store.end('m-1')).toEqual({ sequence: 99, hash: link })
    signed(['m-1'], 1)
    expect(await run()).toMatchObject({ confirmed: 1, left: 0, resets: 0 })
  })

  test('is waited for by nobody: a refused meter that the door does not know is set aside', async () => {
    signed(['m-1'], 1)
    door.faults.set('m-1', 'malformed')
    door.unknown.add('m-1')
    expect(await run()).toMatchObject({ left: 1, setAside: [{ meter: 'm-1', reason: expect.stringContaining('malformed') }] })
  })
})

test('a second process signs where the first one stopped, whatever was sent', async () => {
  signed(['m-1'], 3)
  await store.close()
  store = new MeterStore({ path: folder, chainId: CHAIN })
  expect(store.end('m-1').sequence).toBe(3)
  signed(['m-1'], 1)
  const [last] = store.unconfirmed('m-1', 4, 10)
  expect(decodeSignedReading(last?.entry ?? Buffer.alloc(0))?.reading.sequence).toBe(4)
  expect(await run()).toMatchObject({ confirmed: 4 })
})

test('a store belongs to one chain, and signs nothing that can never count', async () => {
  signed(['m-1'], 1)
  expect(() => new MeterStore({ path: folder, chainId: sha256(Buffer.from('another')) })).toThrow('give another folder')
  expect(() => store.end('m-2')).toThrow("the store has no meter 'm-2'")
  expect(() => store.create(['not a meter'])).toThrow(RangeError)
  expect(store.sign([], [[['mark', 1], { a: 1 }]])).toBe(0)
  // one message of several that is outside the limits: none is signed, no mark is set
  const wrong: Message[] = [message('m-1', 1, 0), message('m-1', 2 ** 52), message('m-1', 2 ** 40, 12_000)]
  for (const each of wrong) {
    expect(() => store.sign([message('m-1', 1), each], [[['mark', 2], 1]])).toThrow(/^a reading of meter 'm-1' cannot be signed/)
  }
  expect([store.end('m-1').sequence, store.mark(['mark', 1]), store.mark(['mark', 2])]).toEqual([1, { a: 1 }, undefined])
  expect([...store.ids()]).toEqual(['m-1'])
})

test('heads are asked for less often where that costs the door more, and soon after a door that was away is back', () => {
  expect(pauseMillis(250, 10)).toBe(250)
  expect(pauseMillis(250, 300)).toBe(1_200)
  expect(pauseMillis(250, 25_000)).toBe(2_000)
  expect(pauseMillis(5_000, 25_000)).toBe(5_000)
})
