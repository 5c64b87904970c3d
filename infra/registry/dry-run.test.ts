import { describe, expect, test } from '@jest/globals'
import type { EventContent } from '../../schemas/records.js'
import { applyEvent, enrolTestMeters, testAuthorityKey, testKeyPair, testMeter, testRegistry } from '../testing/registry.js'
import { dryRun, quorumWeight, signersOf, tolerated } from './dry-run.js'
import { proposalOf } from './proposal-file.js'
import { eventSummary } from './readable-event.js'
import { type EventSigner, newBody, signBody } from './sign-event.js'

const registryOf = (weights: number[]) => testRegistry({ authorities: weights.length, weights, meters: 1 })
const run = ({ state, chainId }: ReturnType<typeof registryOf>, content: EventContent, signers: readonly EventSigner[]) => {
  const bodyBytes = newBody(content, state.size + 10)
  return dryRun(state, proposalOf(chainId, bodyBytes, signBody(bodyBytes, chainId, signers)))
}
const key = (n: number) => testAuthorityKey(`authority-${n}`)
const rules = (version: number): EventContent => ({ kind: 'SetRules', rules: version })

test.each([
  [1, 1, 0],
  [2, 2, 0],
  [3, 3, 0],
  [4, 3, 1],
  [6, 5, 1],
  [7, 5, 2],
  [999_999_999_999, 666_666_666_667, 333_333_333_332],
])('of weight %d, %d decide and %d may be false', (total, needed, mayBeFalse) => {
  expect(quorumWeight(total)).toBe(needed)
  const governance = {
    ...testRegistry().state.governanceAt(1),
    authorities: [{ ...key(1), key: Buffer.alloc(32), weight: total }],
  }
  expect(tolerated(governance)).toBe(mayBeFalse)
})

describe('signatures', () => {
  const registry = registryOf([5, 1, 1, 1])
  applyEvent(registry.state, { kind: 'SetStake', authority: 'authority-4', weight: 0 }, registry.authorityKeys)

  test('are weighed: one of much weight may do more than two of little', () => {
    expect(run(registry, rules(2), [key(2), key(3)]).tally).toMatchObject({ weight: 2, neededWeight: 5, isEnough: false })
    expect(run(registry, rules(2), [key(1)])).toMatchObject({
      counts: true,
      tally: { weight: 5, totalWeight: 7, isEnough: true },
    })
  })

  test('of strangers, of authorities without weight, and with another key do not hold, each with its reason', () => {
    const impostor = { ...key(2), secretKey: key(3).secretKey }
    const { tally, counts } = run(registry, rules(2), [impostor, key(4), testAuthorityKey('stranger'), { ...key(1), id: '' }])
    expect(counts).toBe(false)
    expect(tally.holding).toEqual([])
    expect(Object.fromEntries(tally.seen.map(({ signer, why }) => [signer, why]))).toEqual({
      '': 'no meter signs an event of this kind',
      'authority-2': expect.stringMatching(/altered, or the key has changed/),
      'authority-4': 'authority-4 has no weight',
      stranger: 'stranger is no authority',
    })
  })

  test('of a meter are enough for its own key, and of one authority for its usage point', () => {
    const own = { id: '', secretKey: testKeyPair('meter-1').secretKey }
    const rotate = (meter: string): EventContent => ({
      kind: 'RotateMeterKey',
      meter,
      fromSequence: 2,
      key: testKeyPair('b').publicKey,
    })
    expect(run(registry, rotate('meter-1'), [own])).toMatchObject({ counts: true, tally: { weight: 0, isEnough: true } })
    expect(run(registry, rotate('none'), [own])).toMatchObject({
      ...{ counts: false, refused: 'unknown-meter: "none"' },
      tally: { isEnough: false, seen: [{ why: 'meter none is not enrolled' }] },
    })
    const retire: EventContent = { kind: 'RetireMeter', meter: 'meter-1', fromSequence: 2 }
    expect(run(registry, retire, [key(3)])).toMatchObject({ counts: true, tally: { needs: 'one', neededWeight: 1 } })
    expect(run(registry, retire, [])).toMatchObject({ counts: false, refused: undefined })
  })
})

test('the rules are heard before anybody signs', () => {
  const registry = registryOf([1, 1])
  expect(run(registry, { kind: 'RemoveAuthority', authority: 'x' }, [])).toMatchObject({
    refused: 'unknown-authority: x',
    counts: false,
  })
  const expired = proposalOf(registry.chainId, newBody(rules(2), 1))
  expect(dryRun(registry.state, expired)).toMatchObject({ refused: 'expired: at size 1', counts: false })
})

test('nothing is written by a dry run', () => {
  const registry = registryOf([1])
  const { size, root } = registry.state
  const { changes } = run(registry, { kind: 'SetConsensus', consensus: 'pos' }, [key(1)])
  expect(changes?.governance).toMatchObject({ consensus: 'pos', since: size + 1 })
  expect(registry.state).toMatchObject({ size, root })
  expect(registry.state.governanceAt(size).consensus).toBe('poa')
})

test('who made an event count is told by the state before it', () => {
  const { state, authorityKeys } = testRegistry({ authorities: 3 })
  enrolTestMeters(state, authorityKeys.slice(1, 2), [testMeter('m')])
  const next = testKeyPair('m next')
  const own = { id: '', secretKey: testKeyPair('m').secretKey }
  const stranger = testAuthorityKey('stranger')
  applyEvent(state, { kind: 'RotateMeterKey', meter: 'm', fromSequence: 3, key: next.publicKey }, [own, stranger])
  applyEvent(state, { kind: 'RemoveAuthority', authority: 'authority-3' }, authorityKeys)
  expect([0, 1, 2, 3].map((index) => signersOf(state, index))).toEqual([
    ['authority-1', 'authority-2', 'authority-3'],
    ['authority-2'],
    [''],
    ['authority-1', 'authority-2', 'authority-3'],
  ])
  expect(() => signersOf(state, 4)).toThrow(/no event 4/)
})

test('every kind is told in a line, whatever its numbers', () => {
  const meter = 'm'
  const usagePoint = testMeter('m').usagePoint
  const told: [EventContent, string][] = [
    [
      { kind: 'ResetMeter', meter, sequence: 4, previous: Buffer.alloc(32) },
      'meter m begins anew at sequence 4, linked to 0000000000000000…',
    ],
    [
      { kind: 'AssignUsagePoint', meter, validFrom: 0, usagePoint },
      'meter m hangs at usage point point-of-m from 1970-01-01T00:00:00.000Z on',
    ],
    [{ kind: 'SetConsensus', consensus: 'poa' }, 'consensus is proof of authority'],
    [
      { kind: 'PublishTariff', plan: 'p', validFrom: 2 ** 52, document: '{}' },
      'tariff p is valid from second 4503599627370496 on (2 characters)',
    ],
    [{ kind: 'SetRules', rules: 3 }, 'entries are judged by version 3 of the rules'],
    [{ kind: 'RetireMeter', meter, fromSequence: 9 }, 'meter m is retired from sequence 9 on'],
  ]
  for (const [content, line] of told) expect(eventSummary(content)).toBe(line)
})
