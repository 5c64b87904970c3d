import { describe, expect, test } from '@jest/globals'
import { TestLane, wordOf } from '../infra/testing/lane.js'
import { hex } from './bytes.js'
import { sha256 } from './hash.js'
import {
  type Applied,
  apply,
  blockHash,
  isOrdinarySkip,
  type LaneState,
  laneGenesis,
  type SkipReason,
  verdictHash,
} from './lane-fold.js'
import { LIMITS } from './limits.js'
import type { ChainRecord } from './records.js'

const lane = new TestLane([1, 1, 1, 1])
const { start } = lane
const genesis = start.final
const entries = [Buffer.from('one'), Buffer.from('two')]
const block = lane.block(genesis, { entries })
const other = lane.block(genesis, { proposer: 'b' })
const accept = (who: string) => lane.accept(genesis, block, who)
const words = (records: readonly ChainRecord[], from: LaneState = start) => lane.fold(records, from).outcomes.map(wordOf)

test('a lane begins below height 1, under the genesis, with nothing of readings covered', () => {
  expect(start).toMatchObject({
    lane: 3,
    candidates: [],
    final: { height: 0n, registrySize: 1, sourceEpoch: 0, lastOffset: -1n },
  })
  expect(laneGenesis(lane.chainId, 4).final.hash).not.toEqual(genesis.hash)
  expect(laneGenesis(sha256(), 3).final.hash).not.toEqual(genesis.hash)
})

describe('a block', () => {
  test('that follows is a candidate without votes', () => {
    const { state, outcomes } = lane.fold([block])
    expect(state.candidates).toEqual([
      { header: block.header, hash: blockHash(block.headerBytes), ballots: new Map(), isVoid: false },
    ])
    expect(outcomes).toEqual([{ kind: 'candidate', candidate: state.candidates[0] }])
  })

  const skipped: [SkipReason, string, ChainRecord][] = [
    ['other-lane', 'of another lane', lane.block(genesis, { lane: 2 })],
    ['not-next', 'of a later height', lane.block(genesis, { height: 2n })],
    ['not-next', 'of an earlier height', lane.block(genesis, { height: 0n })],
    ['other-parent', 'of another parent', lane.block(genesis, { previous: sha256() })],
    ['registry-shrinks', 'under a smaller registry than its parent', lane.block(genesis, { registrySize: 0 })],
    ['offsets-do-not-follow', 'that leaves an offset out', lane.block(genesis, { firstOffset: 1n, lastOffset: 1n })],
    ['offsets-do-not-follow', 'that takes an offset twice', lane.block(genesis, { firstOffset: -1n })],
    ['offsets-do-not-follow', 'whose range ends before it begins', lane.block(genesis, { lastOffset: -2n })],
    ['offsets-do-not-follow', 'two source epochs on', lane.block(genesis, { sourceEpoch: 2, firstOffset: 0n })],
    ['offsets-do-not-follow', 'one source epoch back', lane.block(genesis, { sourceEpoch: -1, firstOffset: 0n })],
    ['offsets-do-not-follow', 'of a negative attempt', lane.block(genesis, { attempt: -1 })],
    ['unknown-proposer', 'of somebody who is no authority', lane.block(genesis, { proposer: 'stranger' })],
    ['bad-seal', 'that another authority sealed', lane.block(genesis, { sealer: 'b' })],
    ['bad-root', 'with another root', lane.block(genesis, { entries, root: sha256() })],
    ['bad-root', 'with another count', lane.block(genesis, { entries, count: 1 })],
  ]
  test.each(skipped)('is skipped as %s: one %s', (reason, _, record) => {
    const applied = apply(start, record, lane.rules)
    expect(applied).toEqual({ state: start, outcome: { kind: 'skipped', reason } })
  })

  test('is known the second time, votes or not', () => {
    expect(words([block, block, accept('a'), block])).toEqual(['candidate', 'known', 'counted', 'known'])
  })

  test('of an authority without weight is skipped', () => {
    const weightless = new TestLane([0, 1])
    expect(wordOf(apply(weightless.start, weightless.block(weightless.start.final), weightless.rules).outcome)).toBe(
      'unknown-proposer',
    )
  })

  test('beyond its proposer’s share of what a reader keeps is skipped; votes and the others’ blocks go on', () => {
    const [candidate] = lane.fold([block]).state.candidates
    if (candidate === undefined) throw new Error('no candidate')
    const another = lane.block(genesis, { sealedAt: 1 })
    const full = { ...start, candidates: Array.from({ length: LIMITS.candidates / 4 }, () => candidate) }
    expect(words([another, accept('a'), other], full)).toEqual(['too-many-candidates', 'counted', 'candidate'])
    expect(words([another], { ...start, candidates: full.candidates.slice(1) })).toEqual(['candidate'])
  })

  test('may begin the next source epoch, at offset 0', () => {
    const first = lane.fold(lane.finalizing(genesis, block)).state
    const anew = { sourceEpoch: 1, firstOffset: 0n, lastOffset: -1n, entries: [] }
    expect(words([lane.block(first.final, anew)], first)).toEqual(['candidate'])
    expect(words([lane.block(first.final, { ...anew, firstOffset: 2n, lastOffset: 2n })], first)).toEqual([
      'offsets-do-not-follow',
    ])
    const second = lane.fold(lane.finalizing(first.final, lane.block(first.final, anew)), first).state
    expect(second.final).toMatchObject({ height: 2n, sourceEpoch: 1, lastOffset: -1n })
  })
})

describe('a vote', () => {
  const verdict = (entry: number, code: number) => lane.accept(genesis, block, 'a', [{ entry, code }])
  const wrongHash = lane.vote(block, 'a', { kind: 'accept', verdictHash: sha256(), notCounted: [] })
  const twice = lane.accept(genesis, block, 'a', [
    { entry: 1, code: 1 },
    { entry: 1, code: 2 },
  ])
  const skipped: [SkipReason, string, ChainRecord][] = [
    ['other-lane', 'of another lane', lane.vote(block, 'a', { kind: 'reject', fault: 32, detail: '' }, { lane: 2 })],
    ['no-such-candidate', 'on a block that never came', lane.reject(other, 'a')],
    [
      'no-such-candidate',
      'that names another height',
      lane.vote(block, 'a', { kind: 'reject', fault: 32, detail: '' }, { height: 2n }),
    ],
    ['unknown-voter', 'of somebody who is no authority', lane.reject(block, 'stranger')],
    [
      'bad-vote-signature',
      'that another authority signed',
      lane.vote(block, 'a', { kind: 'reject', fault: 32, detail: '' }, { signer: 'b' }),
    ],
    ['bad-verdict', 'with a hash that is not of its verdict', wrongHash],
    ['bad-verdict', 'that names an entry which the block does not hold', verdict(2, 1)],
    ['bad-verdict', 'that names a negative entry', verdict(-1, 1)],
    ['bad-verdict', 'without a code', verdict(0, 0)],
    ['bad-verdict', 'that names an entry twice', twice],
  ]
  test.each(skipped)('is skipped as %s: one %s', (reason, _, record) => {
    const { state } = lane.fold([block])
    expect(apply(state, record, lane.rules)).toEqual({ state, outcome: { kind: 'skipped', reason } })
  })

  test('counts once, however often it comes', () => {
    expect(words([block, accept('a'), accept('a'), accept('b'), accept('a'), accept('b')])).toEqual([
      'candidate',
      'counted',
      'vote-repeated',
      'counted',
      'vote-repeated',
      'vote-repeated',
    ])
  })

  test('before its block is skipped, and counts when it comes again', () => {
    expect(words([accept('a'), block, accept('a')])).toEqual(['no-such-candidate', 'candidate', 'counted'])
  })

  test('of an authority without weight is skipped', () => {
    const uneven = new TestLane([1, 0])
    const one = uneven.block(uneven.start.final)
    expect(uneven.fold([one, uneven.reject(one, 'b')]).outcomes.map(wordOf)).toEqual(['candidate', 'unknown-voter'])
  })

  test('rejected then accepted: the accept counts; accepted then rejected: it stays accepted', () => {
    const after = lane.fold([block, lane.reject(block, 'a'), lane.reject(block, 'a', 33), accept('a'), lane.reject(block, 'a')])
    expect(after.outcomes.map(wordOf)).toEqual(['candidate', 'counted', 'counted', 'counted', 'vote-repeated'])
    expect(after.state.candidates[0]?.ballots.get('a')?.vote.vote.judgement.kind).toBe('accept')
  })

  test('that accepts a block with a second verdict is evidence, and the first one stands', () => {
    const first = accept('a')
    const second = verdict(1, 5)
    const { state, outcomes } = lane.fold([block, first, second])
    expect(outcomes[2]).toEqual({
      kind: 'contradiction',
      candidate: state.candidates[0],
      first: expect.objectContaining({ voteBytes: first.voteBytes }),
      second: expect.objectContaining({ voteBytes: second.voteBytes }),
    })
    expect(state.candidates[0]?.ballots.get('a')?.vote.voteBytes).toEqual(first.voteBytes)
  })
})

describe('a certificate', () => {
  test('of more than 2/3 of the weight under one verdict makes the block final and clears the others', () => {
    const { state, outcomes } = lane.fold([block, other, accept('a'), accept('b'), accept('c')])
    expect(outcomes.map(wordOf)).toEqual(['candidate', 'candidate', 'counted', 'counted', 'final'])
    expect(outcomes[4]).toMatchObject({
      verdictHash: verdictHash(genesis.verdictHash, []),
      notCounted: [],
      certificate: [{ vote: { authority: 'a' } }, { vote: { authority: 'b' } }, { vote: { authority: 'c' } }],
    })
    expect(state).toEqual({
      lane: 3,
      candidates: [],
      final: {
        ...{ height: 1n, hash: blockHash(block.headerBytes), verdictHash: verdictHash(genesis.verdictHash, []) },
        ...{ registrySize: 1, sourceEpoch: 0, lastOffset: 1n },
      },
    })
  })

  test('is none at exactly 2/3, nor with different verdicts', () => {
    const three = new TestLane([1, 1, 1])
    const one = three.block(three.start.final)
    const votes = ['a', 'b', 'c'].map((who) => three.accept(three.start.final, one, who))
    expect(three.fold([one, ...votes]).outcomes.map(wordOf)).toEqual(['candidate', 'counted', 'counted', 'final'])
    const differs = lane.accept(genesis, block, 'c', [{ entry: 0, code: 5 }])
    expect(words([block, accept('a'), accept('b'), differs, accept('d')])).toEqual([
      'candidate',
      'counted',
      'counted',
      'counted',
      'final',
    ])
  })

  test('goes by weight, not by heads', () => {
    const heavy = new TestLane([7, 1, 1, 1])
    const one = heavy.block(heavy.start.final)
    expect(heavy.fold([one, heavy.accept(heavy.start.final, one, 'a')]).outcomes.map(wordOf)).toEqual(['candidate', 'final'])
    expect(heavy.fold([one, heavy.reject(one, 'b'), heavy.reject(one, 'a')]).outcomes.map(wordOf)).toEqual([
      'candidate',
      'counted',
      'void',
    ])
  })

  test('names what does not count, and the next verdict hash goes on from it', () => {
    const notCounted = [
      { entry: 0, code: 1 },
      { entry: 1, code: 7 },
    ]
    const votes = ['b', 'c', 'd'].map((who) => lane.accept(genesis, block, who, notCounted))
    const { state, outcomes } = lane.fold([block, ...votes])
    expect(outcomes[3]).toMatchObject({ kind: 'final', notCounted })
    expect(hex(state.final.verdictHash)).toBe(hex(verdictHash(genesis.verdictHash, notCounted)))
    const child = lane.block(state.final)
    expect(
      words(
        [child, lane.vote(child, 'a', { kind: 'accept', verdictHash: verdictHash(genesis.verdictHash, []), notCounted: [] })],
        state,
      ),
    ).toEqual(['candidate', 'bad-verdict'])
    expect(words([child, lane.accept(state.final, child, 'a')], state)).toEqual(['candidate', 'counted'])
  })

  test('once there, late records of its height are skipped', () => {
    const { state } = lane.fold(lane.finalizing(genesis, block))
    expect(words([block, other, accept('d'), lane.reject(other, 'a')], state)).toEqual([
      'not-next',
      'not-next',
      'no-such-candidate',
      'no-such-candidate',
    ])
  })

  test('a child before its parent is final is skipped, and is taken when it comes again', () => {
    const { state } = lane.fold(lane.finalizing(genesis, block))
    const child = lane.block(state.final)
    const records = [block, child, accept('a'), accept('b'), accept('c'), child]
    expect(words(records)).toEqual(['candidate', 'not-next', 'counted', 'counted', 'final', 'candidate'])
  })
})

describe('a candidate is void', () => {
  test('when no verdict can reach a certificate, stays so, and only a certificate overrides', () => {
    const records = [block, lane.reject(block, 'a'), lane.reject(block, 'b'), accept('a'), accept('c'), accept('d')]
    const { outcomes } = lane.fold(records)
    expect(outcomes.map(wordOf)).toEqual(['candidate', 'counted', 'void', 'counted', 'counted', 'final'])
    expect(outcomes[3]).toMatchObject({ candidate: { isVoid: true } })
  })

  test('when accepts split over verdicts', () => {
    const split = lane.accept(genesis, block, 'c', [{ entry: 0, code: 5 }])
    const again = lane.accept(genesis, block, 'd', [{ entry: 0, code: 5 }])
    expect(words([block, accept('a'), split, accept('b'), again])).toEqual(['candidate', 'counted', 'counted', 'counted', 'void'])
  })
})

test('records that are appended twice, block and votes, lead to the same state', () => {
  const once = lane.finalizing(genesis, block)
  const { state } = lane.fold(once)
  const next = lane.finalizing(state.final, lane.block(state.final, { proposer: 'c' }))
  const straight = lane.fold([...once, ...next]).state
  expect(lane.fold([...once, ...once, ...next, ...next]).state).toEqual(straight)
  expect(lane.fold([...once, ...next].flatMap((record) => [record, record])).state).toEqual(straight)
})

test('a block whose weight changes hands is decided by the authorities of its parent’s registry state', () => {
  const asked: number[] = []
  const authoritiesAt = (size: number) => {
    asked.push(size)
    return lane.set
  }
  const rules = { ...lane.rules, authoritiesAt }
  const later = lane.block(genesis, { registrySize: 9 })
  let state: LaneState = start
  for (const record of lane.finalizing(genesis, later)) state = apply(state, record, rules).state
  expect(new Set(asked)).toEqual(new Set([1]))
  apply(state, lane.block(state.final), rules)
  expect(asked.at(-1)).toBe(9)
})

test('honest writers cause some skips by racing; the others name a damaged or a false record', () => {
  const all: SkipReason[] = [
    'not-next',
    'other-parent',
    'known',
    'no-such-candidate',
    'vote-repeated',
    'bad-seal',
    'bad-verdict',
    'other-lane',
  ]
  expect(all.map(isOrdinarySkip)).toEqual([true, true, true, true, true, false, false, false])
})

test('a fold never changes the state that it was given', () => {
  const states: [LaneState, string][] = []
  const shown = (state: LaneState) =>
    JSON.stringify(state, (_, value) => (typeof value === 'bigint' ? `${value}` : value instanceof Map ? [...value] : value))
  let applied: Applied = { state: start, outcome: { kind: 'skipped', reason: 'known' } }
  for (const record of [block, other, lane.reject(block, 'a'), accept('a'), accept('b'), accept('c')]) {
    states.push([applied.state, shown(applied.state)])
    applied = apply(applied.state, record, lane.rules)
  }
  for (const [state, before] of states) expect(shown(state)).toBe(before)
})
