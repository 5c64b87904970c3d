import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { type MeterState, NEW_METER } from '../schemas/meter-chain.js'
import { encodeRepair, type Repair } from '../schemas/records.js'
import { AskedStore } from './asked-store.js'
import { ResendBook } from './resend.js'

const folder = mkdtempSync(join(tmpdir(), 'meterchain-resend-'))
afterAll(() => rmSync(folder, { recursive: true }))

const border = { lower: Buffer.alloc(32), upper: Buffer.alloc(32) }
const withGap: MeterState = { ...NEW_METER, sequence: 10, gaps: [{ from: 3, to: 5, ...border }] }
const filled: MeterState = { ...NEW_METER, sequence: 10 }

const record = (offset: number, changes: Partial<Repair>) => ({
  topic: 'repairs' as const,
  partition: 2,
  offset: BigInt(offset),
  timestamp: 0,
  key: null,
  value: encodeRepair({
    id: 'resend/2/m-1/3',
    kind: 'resend',
    lane: 2,
    subject: 'm-1',
    fault: 'gap',
    status: 'requested',
    by: 'validator',
    at: 0,
    tookMillis: null,
    range: { from: 3, to: 5 },
    detail: '',
    ...changes,
  }),
})

test('a meter is told what a repair asks for until its head shows it filled, across restarts too', async () => {
  const path = join(folder, 'told')
  const store = AskedStore.open(path)
  const heads = new Map([['m-1', withGap]])
  const head = (meter: string) => heads.get(meter) ?? NEW_METER
  const isEnrolled = (meter: string) => meter !== 'stranger'
  const book = new ResendBook(store, head, isEnrolled)
  expect(book.tell(['m-1'])).toEqual([])
  expect(book.askedOf('m-1')).toEqual([])
  book.takeRepairs(2, [])
  book.takeRepairs(2, [
    record(4, {}),
    record(5, { status: 'completed', range: { from: 11, to: 12 } }),
    record(6, { kind: 'reseal', range: { from: 11, to: 12 } }),
    record(7, { subject: 'stranger' }),
    record(8, { range: { from: 5, to: 3 } }),
    record(9, { range: { from: 0, to: 3 } }),
    { ...record(10, {}), value: Buffer.from('no repair') },
    { ...record(11, {}), value: null },
  ])
  expect(book.size).toBe(1)
  expect(book.tell(['m-1', 'm-1', 'm-2'])).toEqual([{ meter: 'm-1', from: 3, to: 5 }])
  await store.close()
  const again = AskedStore.open(path)
  expect(again.next(2)).toBe(12n)
  expect(again.next(0)).toBeUndefined()
  const after = new ResendBook(again, head, isEnrolled)
  expect(after.tell(['m-1'])).toEqual([{ meter: 'm-1', from: 3, to: 5 }])
  after.trim(new Map([['m-2', filled]]))
  expect(after.size).toBe(1)
  heads.set('m-1', filled)
  expect(after.tell(['m-1'])).toEqual([])
  after.trim(heads)
  expect(after.size).toBe(0)
  after.trim(heads)
  await again.close()
})

test('a repair without a range asks for the gaps, and what is filled already is not asked for', async () => {
  const store = AskedStore.open(join(folder, 'gaps'))
  const heads = new Map([['m-1', withGap]])
  const book = new ResendBook(
    store,
    (meter) => heads.get(meter) ?? filled,
    () => true,
  )
  book.takeRepairs(2, [record(0, { range: null }), record(1, { subject: 'm-2' }), record(2, { range: { from: 11, to: 20 } })])
  expect(book.size).toBe(1)
  expect(book.tell(['m-2', 'm-1'])).toEqual([
    { meter: 'm-1', from: 3, to: 5 },
    { meter: 'm-1', from: 11, to: 20 },
  ])
  await store.close()
})
