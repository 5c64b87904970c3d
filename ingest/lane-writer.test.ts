import { expect, test } from '@jest/globals'
import { SignedMeter } from '../infra/testing/signed-meters.js'
import { BugError } from '../schemas/errors.js'
import { splitEntries } from '../schemas/records.js'
import { LaneWriter } from './lane-writer.js'

const meter = new SignedMeter('m-1', Buffer.alloc(32))

interface Send {
  readonly body: Buffer
  readonly key: string | null
  acknowledge(): void
  fail(error: Error): void
}

/** A lane whose log answers when the test says so. */
function open(limits: { maxAgeMillis?: number; maxCount?: number } = {}) {
  const sends: Send[] = []
  const fatal: Error[] = []
  const failed: number[] = []
  const writer = new LaneWriter({
    limits: { maxAgeMillis: 1, maxCount: 1000, maxBytes: 256 * 1024, ...limits },
    append: (body, key) => new Promise<void>((resolve, reject) => sends.push({ body, key, acknowledge: resolve, fail: reject })),
    now: () => performance.now(),
    onFailed: (_error, readings) => failed.push(readings),
    onFatal: (error) => fatal.push(error),
  })
  return { writer, sends, fatal, failed }
}
const item = (id = meter.id) => ({ entry: meter.next(), meter: id })
async function until(isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error('did not happen within 5 s')
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}
const entriesOf = (send: Send | undefined) => splitEntries(send?.body ?? null)

test('a reading is acknowledged with its record, not before', async () => {
  const { writer, sends } = open()
  let isSettled = false
  const one = item()
  const offered = writer.offer(one).then(() => {
    isSettled = true
  })
  await until(() => sends.length === 1)
  expect(isSettled).toBe(false)
  sends[0]?.acknowledge()
  await offered
  expect(entriesOf(sends[0])).toEqual([one.entry])
  expect(sends[0]?.key).toBe(meter.id)
})

test('one send is in flight; what comes meanwhile goes together into the next, in order', async () => {
  const { writer, sends } = open()
  const items = [item('a'), item('b'), item('c')]
  const offers = items.map((each, index) => (index === 0 ? writer.offer(each) : undefined))
  await until(() => sends.length === 1)
  offers.push(...items.slice(1).map((each) => writer.offer(each)))
  await new Promise((resolve) => setTimeout(resolve, 10))
  expect(sends).toHaveLength(1)
  sends[0]?.acknowledge()
  await until(() => sends.length === 2)
  expect(entriesOf(sends[1])).toEqual(items.slice(1).map(({ entry }) => entry))
  expect(sends[1]?.key).toBeNull()
  sends[1]?.acknowledge()
  await Promise.all(offers)
})

test('a full record goes at once', async () => {
  const { writer, sends } = open({ maxAgeMillis: 60_000, maxCount: 2 })
  const offers = [writer.offer(item()), writer.offer(item()), writer.offer(item())]
  await until(() => sends.length === 1)
  sends[0]?.acknowledge()
  await Promise.all(offers.slice(0, 2))
  expect(sends).toHaveLength(1)
  const drained = writer.drain()
  await until(() => sends.length === 2)
  sends[1]?.acknowledge()
  await Promise.all([drained, ...offers])
})

test('a drain sends what waits without its age, and ends when the log has it', async () => {
  const { writer, sends } = open({ maxAgeMillis: 60_000 })
  await writer.drain()
  const offered = writer.offer(item())
  await until(() => sends.length === 1)
  let isDrained = false
  const drained = writer.drain().then(() => {
    isDrained = true
  })
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(isDrained).toBe(false)
  sends[0]?.acknowledge()
  await Promise.all([offered, drained])
})

test('a record that fails fails its readings alone; a BugError ends the process', async () => {
  const { writer, sends, fatal, failed } = open()
  const first = writer.offer(item())
  await until(() => sends.length === 1)
  const second = writer.offer(item())
  sends[0]?.fail(new Error('no broker'))
  await expect(first).rejects.toThrow('no broker')
  await until(() => sends.length === 2)
  sends[1]?.acknowledge()
  await second
  expect(fatal).toEqual([])
  const third = writer.offer(item())
  await until(() => sends.length === 3)
  sends[2]?.fail(new BugError('the answer names another partition'))
  await expect(third).rejects.toThrow(BugError)
  expect(fatal).toHaveLength(1)
  expect(failed).toEqual([1, 1])
})
