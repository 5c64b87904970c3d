import { describe, expect, test } from '@jest/globals'
import { deliver, linked } from '../infra/testing/linked-readings.js'
import { sha256, ZERO_HASH } from './hash.js'
import { LIMITS } from './limits.js'
import { advance, applyReset, NEW_METER, type Step } from './meter-chain.js'

const chain = linked(30)
const at = (...sequences: number[]) => sequences.map((sequence) => chain[sequence - 1])
const words = (steps: readonly Step[]) => steps.map((step) => (step.ok ? 'ok' : step.fault))
const leaf = (sequence: number) => chain[sequence - 1]?.leaf ?? ZERO_HASH

describe('a meter’s chain', () => {
  test('begins at 1 with a link of zeros, and takes each next that links to the last', () => {
    const { state, steps } = deliver(at(1, 2, 3))
    expect(words(steps)).toEqual(['ok', 'ok', 'ok'])
    expect(state).toEqual({ sequence: 3, hash: leaf(3), gaps: [], reset: 0 })
    expect(advance(NEW_METER, 1, leaf(9), leaf(1))).toEqual({ ok: false, fault: 'broken-link' })
    expect(advance(state, 4, leaf(2), leaf(4))).toEqual({ ok: false, fault: 'broken-link' })
  })

  test('takes a sequence once, even by the same message', () => {
    expect(words(deliver(at(1, 1, 2, 1)).steps)).toEqual(['ok', 'sequence-taken', 'ok', 'sequence-taken'])
    expect(advance(deliver(at(1)).state, 0, ZERO_HASH, leaf(2))).toEqual({ ok: false, fault: 'sequence-taken' })
  })
})

describe('a gap', () => {
  const gap = { from: 2, to: 4, lower: leaf(1), upper: leaf(4) }

  test('opens when a later reading counts, and remembers the hashes at both borders', () => {
    const { state, steps } = deliver(at(1, 5))
    expect(steps[1]).toEqual({ ok: true, opened: gap, state: { sequence: 5, hash: leaf(5), gaps: [gap], reset: 0 } })
    expect(deliver(at(3), state).steps).toEqual([{ ok: false, fault: 'out-of-order' }])
    expect(deliver(at(6), state).state.gaps).toEqual([gap])
  })

  test('opens before the first reading too', () => {
    expect(deliver(at(3)).state.gaps).toEqual([{ from: 1, to: 2, lower: ZERO_HASH, upper: leaf(2) }])
    expect(deliver(at(3, 1, 2, 4)).state).toEqual(deliver(at(1, 2, 3, 4)).state)
  })

  test('is filled from its lower border upward, and closes on both links', () => {
    const { state, steps } = deliver(at(1, 5, 2, 3, 4))
    expect(words(steps)).toEqual(['ok', 'ok', 'ok', 'ok', 'ok'])
    expect(steps[4]).toMatchObject({ closed: { from: 4, to: 4, lower: leaf(3), upper: leaf(4) } })
    expect(state).toEqual(deliver(at(1, 2, 3, 4, 5)).state)
  })

  test('of one reading takes only the one that both neighbours name', () => {
    const { state } = deliver(at(1, 3))
    const forged = sha256(Buffer.from('another'))
    expect(advance(state, 2, leaf(1), forged)).toEqual({ ok: false, fault: 'broken-link' })
    expect(advance(state, 2, forged, leaf(2))).toEqual({ ok: false, fault: 'broken-link' })
    expect(advance(state, 2, leaf(1), leaf(2))).toMatchObject({ ok: true, state: { gaps: [] } })
  })

  test('refuses another branch at its lower border, and at its end', () => {
    const { state } = deliver(at(1, 5))
    const forged = sha256(Buffer.from('another'))
    expect(advance(state, 2, forged, leaf(2))).toEqual({ ok: false, fault: 'broken-link' })
    const branch = advance(state, 2, leaf(1), forged)
    if (!branch.ok) throw new Error('a branch may begin')
    expect(advance(branch.state, 3, leaf(2), leaf(3))).toEqual({ ok: false, fault: 'broken-link' })
    const third = advance(branch.state, 3, forged, leaf(3))
    if (!third.ok) throw new Error('a branch may go on')
    expect(advance(third.state, 4, leaf(3), forged)).toEqual({ ok: false, fault: 'broken-link' })
  })

  test('beyond the eighth gives the oldest up, and says so; what was in it is taken', () => {
    const odd = Array.from({ length: LIMITS.gapsPerMeter + 1 }, (_, index) => 2 * index + 2)
    const { state, steps } = deliver(at(...odd))
    expect(steps.slice(0, -1).every((step) => step.ok && step.givenUp === undefined)).toBe(true)
    expect(steps.at(-1)).toMatchObject({ givenUp: { from: 1, to: 1 }, opened: { from: 17, to: 17 } })
    expect(state.gaps.map(({ from }) => from)).toEqual([3, 5, 7, 9, 11, 13, 15, 17])
    expect(words(deliver(at(1, 3), state).steps)).toEqual(['sequence-taken', 'ok'])
  })
})

describe('a reset', () => {
  const { state } = deliver(at(1, 2, 5))
  const previous = sha256(Buffer.from('after the repair'))

  test('lets the meter go on at its sequence with its link; open gaps are given up', () => {
    const reset = applyReset(state, { sequence: 100, previous, since: 7 })
    expect(reset).toEqual({ sequence: 99, hash: previous, gaps: [], reset: 7 })
    expect(advance(reset, 100, leaf(5), leaf(6))).toEqual({ ok: false, fault: 'broken-link' })
    expect(advance(reset, 100, previous, leaf(6))).toMatchObject({ ok: true, state: { sequence: 100, reset: 7 } })
    expect(advance(reset, 6, leaf(5), leaf(6))).toEqual({ ok: false, fault: 'sequence-taken' })
  })

  test('at the next sequence changes the link alone', () => {
    expect(applyReset(state, { sequence: 6, previous, since: 7 })).toEqual({ sequence: 5, hash: previous, gaps: [], reset: 7 })
  })

  test('that lies within what counts changes nothing, and none is applied twice', () => {
    expect(applyReset(state, { sequence: 5, previous, since: 7 })).toEqual({ ...state, reset: 7 })
    const once = applyReset(state, { sequence: 100, previous, since: 7 })
    const [on] = [advance(once, 100, previous, leaf(6))]
    if (!on.ok) throw new Error('it goes on')
    expect(applyReset(on.state, { sequence: 100, previous, since: 7 })).toBe(on.state)
    expect(applyReset(on.state, { sequence: 200, previous, since: 6 })).toBe(on.state)
    expect(applyReset(state, undefined)).toBe(state)
  })
})
