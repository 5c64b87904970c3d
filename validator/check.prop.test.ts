import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { PendingRecord } from '../infra/chain/lane-feeds.js'
import { TestLane } from '../infra/testing/lane.js'
import { cases } from '../infra/testing/thorough.js'
import { waitMillis } from '../schemas/consensus/timing.js'
import { sha256 } from '../schemas/hash.js'
import { openAttempt, proposers } from '../schemas/lane-candidates.js'
import { LIMITS } from '../schemas/limits.js'
import type { Header } from '../schemas/records.js'
import { checkCandidate, rankOf, type Sight } from './check.js'

const lane = new TestLane([1, 1, 1, 1])
const { start, set, chainId } = lane
const policy = { wiggleMillis: 500, staleMillis: 10_000 }
const NOW = 1_770_000_000_000
const ROOT = sha256(Buffer.from('registry'))
const record = (offset: number, ...texts: string[]): PendingRecord => {
  const entries = texts.map((text) => Buffer.from(text))
  return { offset: BigInt(offset), timestamp: NOW - 1_000, entries, bytes: 10 * entries.length }
}
const pending = [record(0, 'a', 'b'), record(3, 'c')]
const entries = pending.flatMap((each) => each.entries)
const block = (changes: Partial<Header> & { entries?: Buffer[] } = {}) =>
  lane.block(start.final, { entries, lastOffset: 3n, sealedAt: NOW, ...changes })
const sight: Sight = {
  pending,
  readingsNext: 4n,
  registrySize: 2,
  rootAt: (size) => (size <= 2 ? ROOT : undefined),
  sourceEpoch: 0,
  sourceEpochAt: () => 0,
  outgrownAt: () => undefined,
  parentAt: NOW - 5_000,
  rank: 0,
  now: NOW,
  appendedAt: NOW,
}
const check = (made: ReturnType<typeof block>, changes: Partial<Sight> = {}, bytes = 1_000) =>
  checkCandidate(made, bytes, { ...sight, ...changes }, policy)
const found = (result: ReturnType<typeof check>) => (result.kind === 'right' ? 'right' : `${result.kind} ${result.fault}`)

describe('a candidate', () => {
  test('of the records in its range is right', () => {
    expect(check(block())).toEqual({ kind: 'right' })
    expect(found(check(block({ entries: entries.slice(0, 2), lastOffset: 0n })))).toBe('right')
    expect(found(check(block({ entries: entries.slice(0, 2), lastOffset: 2n })))).toBe('right')
    expect(found(check(block({ entries: [], lastOffset: -1n })))).toBe('right')
  })

  test.each<[string, string, Partial<Header> & { entries?: Buffer[] }, Partial<Sight>]>([
    ['with an entry altered', 'wrong wrong-entries', { entries: [...entries.slice(0, 2), Buffer.from('x')] }, {}],
    ['with an entry left out', 'wrong wrong-entries', { entries: entries.slice(0, 2) }, {}],
    ['with an entry invented', 'wrong wrong-entries', { entries: [...entries, Buffer.from('d')] }, {}],
    ['with entries in another order', 'wrong wrong-entries', { entries: entries.toReversed() }, {}],
    ['without the records of its range', 'wrong wrong-entries', { entries: [] }, {}],
    ['of records that have not come', 'unseen records-not-seen', { lastOffset: 4n }, {}],
    ['of records of another source epoch', 'unseen records-not-seen', {}, { sourceEpoch: 1 }],
    ['under a registry state that has not come', 'unseen registry-not-reached', { registrySize: 3 }, {}],
    ['under another registry root', 'wrong registry-root', { registryRoot: sha256() }, {}],
    ['of another source epoch than the registry’s', 'wrong wrong-epoch', {}, { sourceEpochAt: () => 1 }],
    ['with a date ahead of the clock', 'timing future-date', { sealedAt: NOW + LIMITS.sealedAheadMillis + 1 }, {}],
    ['under an old registry state', 'timing registry-stale', {}, { outgrownAt: () => NOW - 10_001 }],
    ['that came before its turn', 'timing early', {}, { rank: 5, appendedAt: NOW }],
  ])('%s', (_, expected, changes, other) => expect(found(check(block(changes), other))).toBe(expected))

  test('at the borders of time', () => {
    expect(found(check(block({ sealedAt: NOW + LIMITS.sealedAheadMillis })))).toBe('right')
    expect(found(check(block(), { outgrownAt: () => NOW - 10_000 }))).toBe('right')
    expect(found(check(block(), { rank: 4 }))).toBe('right')
    expect(found(check(block(), { rank: 5, parentAt: 0 }))).toBe('right')
  })

  test('cannot hide an old registry state behind a date of its own', () => {
    const outgrownAt = () => NOW - 60_000
    expect(found(check(block({ sealedAt: NOW - 60_000 }), { outgrownAt }))).toBe('timing registry-stale')
  })

  test('may name an old registry state if it is empty and passes over a source epoch that others have followed', () => {
    const left = { outgrownAt: () => NOW - 60_000, sourceEpoch: 2, sourceEpochAt: (size: number) => size, registrySize: 2 }
    const empty = { entries: [], registrySize: 1, firstOffset: 0n, lastOffset: -1n }
    expect(found(check(block({ ...empty, sourceEpoch: 1 }), left))).toBe('right')
    const newest = { ...left, sourceEpochAt: () => 1 }
    expect(found(check(block({ ...empty, sourceEpoch: 1 }), newest))).toBe('timing registry-stale')
    const first = { ...left, sourceEpochAt: (size: number) => size - 1 }
    expect(found(check(block({ ...empty, sourceEpoch: 0 }), first))).toBe('timing registry-stale')
  })

  test('that is empty is not early because a reading came after it', () => {
    const late = [{ ...record(0, 'a'), timestamp: NOW + 10 }]
    expect(found(check(block({ entries: [], lastOffset: -1n }), { pending: late, rank: 2 }))).toBe('right')
  })

  test('beyond the limits is oversized', () => {
    expect(found(check(block(), {}, LIMITS.blockBytes))).toBe('right')
    expect(found(check(block(), {}, LIMITS.blockBytes + 1))).toBe('wrong oversized')
    expect(found(check(block({ count: LIMITS.entriesPerBlock + 1 })))).toBe('wrong oversized')
  })
})

test('who seals when its wait is over is never early, whatever went void before', () => {
  const who = fc.constantFrom('a', 'b', 'c', 'd')
  fc.assert(
    fc.property(fc.array(fc.tuple(who, fc.nat(1)), { maxLength: 6 }), who, (failed, me) => {
      const voids = failed.flatMap(([proposer, attempt]) => {
        const made = lane.block(start.final, { proposer, attempt })
        return [made, lane.reject(made, 'a'), lane.reject(made, 'b')]
      })
      const before = lane.fold(voids).state
      const attempt = openAttempt(before, set)
      const since = NOW - 1_000
      const sealedAt = since + waitMillis(proposers(before, set, chainId).indexOf(me), attempt, policy.wiggleMillis)
      const made = block({ proposer: me, attempt, sealedAt })
      const { state } = lane.fold([made], before)
      const rank = rankOf(me, state, set, chainId)
      expect(found(check(made, { rank, parentAt: since, now: sealedAt, appendedAt: sealedAt }))).toBe('right')
    }),
    cases(100),
  )
})
