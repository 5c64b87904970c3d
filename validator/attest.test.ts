import { describe, expect, test } from '@jest/globals'
import { type Attestation, attest } from './attest.js'
import type { Check } from './check.js'

const right: Check = { kind: 'right' }
const early: Check = { kind: 'timing', fault: 'early', detail: 'd' }
const unseen: Check = { kind: 'unseen', fault: 'records-not-seen', detail: 'd' }
const wrong: Check = { kind: 'wrong', fault: 'wrong-entries', detail: 'd' }
const say = (check: Check, changes: Partial<Attestation> = {}) =>
  attest({ check, said: 'nothing', waitedMillis: 0, patienceMillis: 2_000, isStuck: false, ...changes })

describe('an authority', () => {
  test('accepts what is right, also after it rejected it', () => {
    expect(say(right)).toEqual({ kind: 'accept' })
    expect(say(right, { said: 'reject' })).toEqual({ kind: 'accept' })
  })

  test('rejects what is wrong at once, once, and also when the lane is stuck', () => {
    expect(say(wrong)).toEqual({ kind: 'reject', fault: 'wrong-entries', detail: 'd' })
    expect(say(wrong, { said: 'reject' })).toEqual({ kind: 'wait' })
    expect(say(wrong, { isStuck: true })).toEqual({ kind: 'reject', fault: 'wrong-entries', detail: 'd' })
  })

  test('waits for what it has not seen, then rejects it, and takes that back when it has come', () => {
    expect(say(unseen, { waitedMillis: 1_999 })).toEqual({ kind: 'wait' })
    expect(say(unseen, { waitedMillis: 2_000 })).toEqual({ kind: 'reject', fault: 'records-not-seen', detail: 'd' })
    expect(say(unseen, { waitedMillis: 9_000, said: 'reject' })).toEqual({ kind: 'wait' })
    expect(say(unseen, { waitedMillis: 9_000, isStuck: true }).kind).toBe('reject')
  })

  test('holds timing against a block only while the lane moves', () => {
    expect(say(early)).toEqual({ kind: 'reject', fault: 'early', detail: 'd' })
    expect(say(early, { said: 'reject' })).toEqual({ kind: 'wait' })
    expect(say(early, { said: 'reject', isStuck: true })).toEqual({ kind: 'accept' })
  })
})
