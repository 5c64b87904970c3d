import { expect, test } from '@jest/globals'
import { sha256, ZERO_HASH } from '../schemas/hash.js'
import { decodeRepair, encodeRepair } from '../schemas/records.js'
import { resendEvents } from './resend.js'

const gap = (from: number, to: number) => ({ from, to, lower: ZERO_HASH, upper: sha256() })
const none = { notCounted: [], states: new Map(), opened: [], closed: [], givenUp: [] }

test('a gap asks for what is missing, and tells when it is closed or given up, under one id', () => {
  const judgement = {
    ...none,
    opened: [{ meter: 'm1', gap: gap(3, 5) }],
    closed: [{ meter: 'm1', gap: gap(5, 5) }],
    givenUp: [{ meter: 'm2', gap: gap(1, 9) }],
  }
  const events = resendEvents(judgement, 2, 1_000, 'alpha')
  expect(events.map(({ id, subject, status, range }) => [id, subject, status, range])).toEqual([
    ['resend/m1/5', 'm1', 'requested', { from: 3, to: 5 }],
    ['resend/m1/5', 'm1', 'completed', { from: 5, to: 5 }],
    ['resend/m2/9', 'm2', 'failed', { from: 1, to: 9 }],
  ])
  for (const event of events) {
    expect(event).toMatchObject({ kind: 'resend', lane: 2, at: 1_000, by: 'alpha', fault: 'gap', tookMillis: null })
    expect(decodeRepair(encodeRepair(event))).toEqual(event)
  }
})

test('a block without gaps asks for nothing', () => expect(resendEvents(none, 0, 0, 'a')).toEqual([]))
