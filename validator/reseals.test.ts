import { expect, test } from '@jest/globals'
import type { Finalized } from '../infra/chain/lane-reader.js'
import type { AuthoritySet } from '../schemas/consensus/turns.js'
import { faultCode } from '../schemas/faults.js'
import { sha256, ZERO_HASH } from '../schemas/hash.js'
import type { Candidate } from '../schemas/lane-fold.js'
import type { Header, Judgement } from '../schemas/records.js'
import { Reseals } from './reseals.js'

const set: AuthoritySet = {
  consensus: 'poa',
  authorities: ['a', 'b', 'c', 'd'].map((id) => ({ id, weight: 1, key: ZERO_HASH })),
  hash: ZERO_HASH,
}
const reseals = () => new Reseals(0, sha256(), 'd')

/** In turn at height h of lane 0 is the h-th, from b at height 1 on. */
const final = (height: number, proposer: string, timestamp = height * 1_000): Finalized =>
  ({ lane: 0, header: { height: BigInt(height), proposer, attempt: 0 } as Header, timestamp }) as Finalized

function candidate(height: number, proposer: string, judgements: readonly Judgement[]): Candidate {
  const ballots = judgements.map((judgement, index) => [String(index), { vote: { vote: { judgement } }, weight: 1 }] as const)
  return {
    ...{ header: { height: BigInt(height), proposer } as Header, hash: ZERO_HASH, isVoid: true },
    ballots: new Map(ballots) as unknown as Candidate['ballots'],
  }
}

const reject = (fault: Parameters<typeof faultCode>[0]): Judgement => ({ kind: 'reject', fault: faultCode(fault), detail: '' })
const readable = ({ id, subject, fault, status, at, tookMillis, detail }: ReturnType<Reseals['voided']>[number]) => ({
  ...{ id, subject, fault, status, at, tookMillis, detail },
})

test('a block that went void is told once, and that another took its place', () => {
  const lane = reseals()
  const judgements: Judgement[] = [
    reject('wrong-entries'),
    reject('wrong-entries'),
    { kind: 'accept', verdictHash: ZERO_HASH, notCounted: [] },
    { kind: 'reject', fault: 9_999, detail: '' },
  ]
  expect(lane.voided(candidate(1, 'b', judgements), 700).map(readable)).toEqual([
    {
      ...{ id: 'reseal/0/1', subject: 'b', fault: 'void-block', status: 'requested', at: 700, tookMillis: null },
      detail: 'its block of height 1 was rejected: wrong-entries 2, accepted 1, fault 9999 1',
    },
  ])
  expect(lane.voided(candidate(1, 'c', judgements), 800)).toEqual([])
  expect(lane.settled(final(1, 'd'), set).map(readable)).toEqual([
    {
      ...{ id: 'reseal/0/1', subject: 'b', fault: 'void-block', status: 'completed', at: 1_000, tookMillis: 300 },
      detail: 'd sealed height 1, attempt 0',
    },
  ])
  expect(lane.settled(final(2, 'c'), set)).toEqual([])
})

test('whose turn another took is silent, told once, until it seals again', () => {
  const lane = reseals()
  expect(lane.settled(final(1, 'd'), set).map(readable)).toEqual(
    ['b', 'c'].map((id) => ({
      ...{ id: `reseal/0/1/${id}`, subject: id, fault: 'silent', status: 'requested', at: 1_000, tookMillis: null },
      detail: 'd sealed height 1 in its place',
    })),
  )
  expect(lane.settled(final(2, 'c'), set).map(readable)).toEqual([
    {
      ...{ id: 'reseal/0/1/c', subject: 'c', fault: 'silent', status: 'completed', at: 2_000, tookMillis: 1_000 },
      detail: 'it sealed height 2',
    },
  ])
  expect(lane.settled(final(5, 'c'), set)).toEqual([])
})

test('who is in turn seals: nothing is told; nor of one that is in no order', () => {
  const lane = reseals()
  for (const [height, id] of [
    [1, 'b'],
    [2, 'c'],
    [3, 'd'],
    [4, 'a'],
  ] as const)
    expect(lane.settled(final(height, id), set)).toEqual([])
  expect(lane.settled(final(5, 'stranger'), set)).toEqual([])
})
