import { describe, expect, test } from '@jest/globals'
import type { PendingRecord } from '../infra/chain/lane-feeds.js'
import { TestLane } from '../infra/testing/lane.js'
import { blockHash, type LaneState } from '../schemas/lane-fold.js'
import { decodeChainRecord, encodeBlock, encodeHeader } from '../schemas/records.js'
import { cut, decideSeal, draft, type Moment, type SealPolicy } from './seal.js'

const lane = new TestLane([1, 1, 1, 1])
const { start, set, chainId } = lane
const { final } = start
const policy: SealPolicy = { ageMillis: 200, maxEntries: 10, maxBytes: 1_000, wiggleMillis: 500 }

/** A record of `count` entries, of 10 bytes each as a block counts them. */
const record = (offset: number, timestamp = 1_000, count = 1, bytes = 10 * count): PendingRecord => {
  return { offset: BigInt(offset), timestamp, bytes, entries: Array.from({ length: count }, (_, i) => Buffer.from([offset, i])) }
}
const at = (now: number, changes: Partial<Moment> = {}): Moment => {
  return { me: 'a', chainId, now, parentAt: 900, voidAt: 0, changedAt: undefined, ...changes }
}
const decide = (pending: PendingRecord[], moment: Moment, state: LaneState = start) =>
  decideSeal(state, set, pending, policy, moment)

/** A candidate of `proposer` that three reject. */
const voided = (proposer: string, attempt = 0) => {
  const block = lane.block(final, { proposer, attempt })
  return [block, ...['b', 'c', 'd'].map((who) => lane.reject(block, who))]
}

describe('a lane in turn', () => {
  test('rests without readings', () => expect(decide([], at(5_000))).toEqual({ kind: 'rest' }))

  test('waits until its first reading is old enough', () => {
    expect(decide([record(0)], at(1_199))).toEqual({ kind: 'wait', until: 1_200 })
    expect(decide([record(0), record(1, 1_150)], at(1_200))).toEqual({ kind: 'seal', count: 2, attempt: 0 })
  })

  test('seals at once what fills a block by entries or by bytes', () => {
    expect(decide([record(0, 1_000, 10)], at(1_000))).toEqual({ kind: 'seal', count: 1, attempt: 0 })
    expect(decide([record(0, 1_000, 1, 1_000)], at(1_000))).toEqual({ kind: 'seal', count: 1, attempt: 0 })
  })

  test('seals an empty block at once when governance has changed', () => {
    expect(decide([], at(900, { changedAt: 0 }))).toEqual({ kind: 'seal', count: 0, attempt: 0 })
    expect(decide([], at(5_000, { changedAt: 5_000 }))).toEqual({ kind: 'seal', count: 0, attempt: 0 })
  })

  test('rests while a candidate waits for votes', () => {
    expect(decide([record(0)], at(9_000), lane.fold([lane.block(final, { proposer: 'b' })]).state)).toEqual({ kind: 'rest' })
  })
})

describe('those behind', () => {
  test.each([
    ['b', 1_500],
    ['c', 2_000],
    ['d', 2_500],
  ])('%s waits for those before it', (me, due) => {
    expect(decide([record(0, 1_000, 10)], at(due - 1, { me }))).toEqual({ kind: 'wait', until: due })
    expect(decide([record(0, 1_000, 10)], at(due, { me })).kind).toBe('seal')
  })

  test('wait from the parent’s certificate, where that came after the reading', () => {
    expect(decide([record(0, 1_000, 10)], at(5_000, { me: 'b', parentAt: 5_000 }))).toEqual({ kind: 'wait', until: 5_500 })
  })

  test('wait from the change of governance on an idle lane, so that not all seal at once', () => {
    expect(decide([], at(5_000, { me: 'b', changedAt: 5_000 }))).toEqual({ kind: 'wait', until: 5_500 })
  })

  test('a stranger rests', () => expect(decide([record(0)], at(90_000, { me: 'x' }))).toEqual({ kind: 'rest' }))
})

describe('after a void candidate', () => {
  test('the next in turn seals without waiting for age; who failed goes to the end', () => {
    const { state } = lane.fold(voided('a'))
    expect(decide([record(0)], at(1_000, { me: 'b' }), state)).toEqual({ kind: 'seal', count: 1, attempt: 0 })
    expect(decide([record(0)], at(1_000, { me: 'c' }), state)).toEqual({ kind: 'wait', until: 1_500 })
    expect(decide([record(0)], at(90_000, { me: 'a' }), state)).toEqual({ kind: 'rest' })
  })

  test('those behind wait their turn from then on, so that not all seal at once', () => {
    const { state } = lane.fold(voided('a'))
    const late = (now: number, me: string) => decide([record(0)], at(now, { me, voidAt: 9_000 }), state)
    expect(late(9_000, 'b')).toEqual({ kind: 'seal', count: 1, attempt: 0 })
    expect(late(9_000, 'c')).toEqual({ kind: 'wait', until: 9_500 })
    expect(late(9_999, 'd')).toEqual({ kind: 'wait', until: 10_000 })
    expect(late(10_000, 'd')).toEqual({ kind: 'seal', count: 1, attempt: 0 })
  })

  test('another attempt opens when proposers of more than 2/3 failed, and waits longer', () => {
    const { state } = lane.fold(['a', 'b', 'c'].flatMap((who) => voided(who)))
    expect(decide([record(0)], at(1_499, { me: 'd' }), state)).toEqual({ kind: 'wait', until: 1_500 })
    expect(decide([record(0)], at(1_500, { me: 'd' }), state)).toEqual({ kind: 'seal', count: 1, attempt: 1 })
  })
})

describe('a cut', () => {
  test('takes whole records up to the limits', () => {
    expect(cut([record(0, 0, 6), record(1, 0, 4), record(2)], policy)).toEqual({ count: 2, full: true })
    expect(cut([record(0, 0, 6), record(1, 0, 5)], policy)).toEqual({ count: 1, full: true })
    expect(cut([record(0, 0, 1, 600), record(1, 0, 1, 401)], policy)).toEqual({ count: 1, full: true })
    expect(cut([record(0, 0, 1, 600), record(1, 0, 1, 300)], policy)).toEqual({ count: 2, full: false })
    expect(cut([], policy)).toEqual({ count: 0, full: false })
  })
  test('takes one record whatever its size', () => {
    expect(cut([record(0, 0, 50), record(1)], policy)).toEqual({ count: 1, full: true })
  })
})

describe('a draft', () => {
  const stamp = { registrySize: 1, registryRoot: final.hash, sealedAt: 5, proposer: 'a', attempt: 0 }

  test('covers its records, and the fold takes it as a candidate', () => {
    const { header, entries } = draft(3, final, [record(0, 0, 2), record(4)], { ...stamp, sourceEpoch: 0 })
    expect(header).toMatchObject({ lane: 3, height: 1n, count: 3, firstOffset: 0n, lastOffset: 4n, previous: final.hash })
    const block = decodeChainRecord(encodeBlock(encodeHeader(header), Buffer.alloc(64), entries))
    expect(block).toMatchObject({ kind: 'block', header })
    const sealed = lane.block(final, header)
    expect(blockHash(sealed.headerBytes)).toEqual(blockHash(encodeHeader(header)))
  })

  test('without records covers none, and goes on after its parent', () => {
    const { state } = lane.fold(lane.finalizing(final, lane.block(final, { entries: [Buffer.from('x')] })))
    const empty = draft(3, state.final, [], { ...stamp, sourceEpoch: 0 })
    expect(empty.header).toMatchObject({ height: 2n, count: 0, firstOffset: 1n, lastOffset: 0n })
    expect(lane.fold([lane.block(state.final, empty.header)], state).outcomes[0]?.kind).toBe('candidate')
  })

  test('of a new source epoch begins at 0', () => {
    const { state } = lane.fold(lane.finalizing(final, lane.block(final, { entries: [Buffer.from('x')] })))
    const made = draft(3, state.final, [record(2)], { ...stamp, sourceEpoch: 1 })
    expect(made.header).toMatchObject({ firstOffset: 0n, lastOffset: 2n, sourceEpoch: 1 })
    const empty = draft(3, state.final, [], { ...stamp, sourceEpoch: 1 })
    expect(empty.header).toMatchObject({ firstOffset: 0n, lastOffset: -1n })
    expect(lane.fold([lane.block(state.final, empty.header)], state).outcomes[0]?.kind).toBe('candidate')
  })
})
