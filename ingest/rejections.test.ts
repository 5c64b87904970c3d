import { expect, test } from '@jest/globals'
import pino from 'pino'
import { leafHash } from '../schemas/merkle.js'
import { laneOf } from '../schemas/murmur2.js'
import { decodeRejection } from '../schemas/records.js'
import { Rejections } from './rejections.js'

const refused = (meter?: string) =>
  ({ ok: false, fault: 'bad-signature', detail: 'x', ...(meter !== undefined && { meter }) }) as const

function open(options: { perSecond?: number; maxQueued?: number; fails?: boolean } = {}) {
  const written: { partition: number; key: string; body: Buffer }[] = []
  let dropped = 0
  let now = 1_000_000
  const rejections = new Rejections({
    lanes: 4,
    perSecond: options.perSecond ?? 1000,
    maxQueued: options.maxQueued ?? 1000,
    append: async (partition, messages) => {
      if (options.fails) throw new Error('no broker')
      written.push(...messages.map((message) => ({ partition, ...message })))
    },
    now: () => now,
    onDropped: (count) => {
      dropped += count
    },
    logger: pino({ level: 'silent' }),
  })
  return { rejections, written, dropped: () => dropped, pass: (millis: number) => (now += millis) }
}

test('a refused reading is written under its meter, one of no known meter too', async () => {
  const { rejections, written } = open()
  const bytes = Buffer.alloc(5000, 7)
  rejections.note(bytes, refused('m-1'))
  rejections.note(bytes, refused('not an id'))
  rejections.note(bytes, refused())
  expect(rejections.queued).toBe(3)
  await rejections.drain()
  expect(rejections.queued).toBe(0)
  const lane = laneOf('m-1', 4)
  expect(written.map(({ partition, key }) => [partition, key])).toEqual([
    [lane, 'm-1'],
    [0, ''],
    [0, ''],
  ])
  expect(decodeRejection(written[0]?.body ?? null)).toEqual({
    at: 1_000_000,
    meter: 'm-1',
    lane,
    leaf: leafHash(bytes),
    fault: 5,
    detail: 'x',
    bytes: bytes.subarray(0, 1024),
  })
  expect(decodeRejection(written[1]?.body ?? null)).toMatchObject({ meter: '', lane: -1 })
})

test('what comes faster than allowed, or than the queue holds, is dropped and counted', async () => {
  const slow = open({ perSecond: 2 })
  for (let i = 0; i < 5; i++) slow.rejections.note(Buffer.alloc(1), refused())
  expect(slow.dropped()).toBe(3)
  slow.pass(500)
  slow.rejections.note(Buffer.alloc(1), refused())
  await slow.rejections.drain()
  expect(slow.written).toHaveLength(3)
  const short = open({ maxQueued: 2 })
  for (let i = 0; i < 5; i++) short.rejections.note(Buffer.alloc(1), refused())
  expect(short.dropped()).toBe(3)
  const off = open({ perSecond: 0 })
  off.rejections.note(Buffer.alloc(1), refused())
  await off.rejections.drain()
  expect(off.written).toEqual([])
})

test('a log that is away costs rejections, and nothing else', async () => {
  const { rejections, dropped } = open({ fails: true })
  rejections.note(Buffer.alloc(1), refused('m-1'))
  await rejections.drain()
  expect(dropped()).toBe(1)
})
