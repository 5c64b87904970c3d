import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cases } from '../infra/testing/thorough.js'
import { joinEntries } from '../schemas/records.js'
import { FRAME_BYTES, type Pack, type Packable, Packer } from './pack.js'

const limits = { maxAgeMillis: 10, maxCount: 5, maxBytes: 400 }
const step = fc.record({
  bytes: fc.integer({ min: 1, max: 380 }),
  meter: fc.constantFrom('a', 'b'),
  wait: fc.integer({ min: 0, max: 12 }),
  takes: fc.integer({ min: 0, max: 3 }),
})

test('nothing is lost, repeated or reordered; each pack is within its limits, and none is taken before its time', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const packer = new Packer<Packable & { at: number }>(limits)
      const packs: Pack<Packable & { at: number }>[] = []
      const added: Buffer[] = []
      let now = 1000
      for (const { bytes, meter, wait, takes } of steps) {
        const entry = Buffer.alloc(bytes, added.length)
        added.push(entry)
        packer.add({ entry, meter, at: now }, now)
        now += wait
        for (let i = 0; i < takes; i++) {
          const pack = packer.take(now)
          const oldest = pack?.items[0]
          if (pack === undefined || oldest === undefined) continue
          packs.push(pack)
          // One that was taken young was full: the entry after it had no room.
          const next = added[packs.flatMap(({ items }) => items).length]
          const bytes = FRAME_BYTES + pack.items.reduce((sum, { entry }) => sum + entry.length, 0)
          const isYoung = oldest.at + limits.maxAgeMillis > now
          if (isYoung && pack.items.length < limits.maxCount)
            expect(bytes + (next?.length ?? 0)).toBeGreaterThanOrEqual(limits.maxBytes)
        }
      }
      for (let pack = packer.take(now, true); pack !== undefined; pack = packer.take(now, true)) packs.push(pack)
      expect(packer.dueAt()).toBeUndefined()
      expect(packs.flatMap(({ items }) => items.map(({ entry }) => entry))).toEqual(added)
      for (const { items, key } of packs) {
        expect(items.length).toBeGreaterThan(0)
        expect(items.length).toBeLessThanOrEqual(limits.maxCount)
        expect(joinEntries(items.map(({ entry }) => entry)).length + 5).toBeLessThanOrEqual(limits.maxBytes)
        const meters = new Set(items.map(({ meter }) => meter))
        expect(key).toBe(meters.size === 1 ? items[0]?.meter : null)
      }
    }),
    cases(100),
  )
})

test('a pack is due when its oldest reading is old enough, when it is full, or when it is asked for', () => {
  const item = (bytes: number) => ({ entry: Buffer.alloc(bytes), meter: 'a' })
  const packer = new Packer<Packable>(limits)
  packer.add(item(10), 100)
  packer.add(item(10), 105)
  expect(packer.dueAt()).toBe(110)
  expect(packer.take(109)).toBeUndefined()
  expect(packer.take(110)?.items).toHaveLength(2)
  packer.add(item(limits.maxBytes - FRAME_BYTES), 200)
  expect(packer.dueAt()).toBe(0)
  expect(packer.take(200)?.items).toHaveLength(1)
  packer.add(item(10), 300)
  expect(packer.take(300, true)?.items).toHaveLength(1)
  expect(packer.take(300, true)).toBeUndefined()
})
