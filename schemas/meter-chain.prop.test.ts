import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { deliver, linked } from '../infra/testing/linked-readings.js'
import { cases } from '../infra/testing/thorough.js'
import { LIMITS } from './limits.js'
import { advance, type MeterState, NEW_METER } from './meter-chain.js'

const order = fc.integer({ min: 1, max: 24 }).chain((count) =>
  fc.tuple(
    fc.constant(linked(count)),
    fc.shuffledSubarray(
      Array.from({ length: count }, (_, index) => index + 1),
      { minLength: count },
    ),
  ),
)

/** What the door asks for and the meter sends: each open gap from its lower border upward. */
function resend(state: MeterState, links: ReturnType<typeof linked>): MeterState {
  let now = state
  for (const { from, to } of state.gaps) now = deliver(links.slice(from - 1, to), now).state
  return now
}

test('any order of delivery ends, with resends from the lower border, in the state of the order in which they were made', () => {
  fc.assert(
    fc.property(order, ([links, sequences]) => {
      let state = NEW_METER
      for (const sequence of sequences) state = deliver([links[sequence - 1]], state).state
      expect(resend(state, links)).toEqual(deliver(links).state)
    }),
    cases(100),
  )
})

test('a reading counts once: whatever comes, in whatever order and however often, no sequence is taken twice', () => {
  const message = fc.record({
    sequence: fc.integer({ min: 1, max: 20 }),
    branch: fc.constantFrom('', ' forged'),
    from: fc.constantFrom('', ' forged'),
  })
  const [right, forged] = [linked(21), linked(21, ' forged')]
  fc.assert(
    fc.property(fc.array(message, { maxLength: 80 }), (messages) => {
      let state = NEW_METER
      const counted: number[] = []
      for (const { sequence, branch, from } of messages) {
        const own = (branch === '' ? right : forged)[sequence - 1]
        const link = (from === '' ? right : forged)[sequence - 1]
        if (own === undefined || link === undefined) throw new Error('no such message')
        const step = advance(state, sequence, link.previous, own.leaf)
        if (!step.ok) continue
        counted.push(sequence)
        state = step.state
      }
      expect(new Set(counted).size).toBe(counted.length)
      expect(state.sequence).toBe(Math.max(0, ...counted))
    }),
    cases(100),
  )
})

test('gaps rise, do not touch, hold only what does not count, and are at most eight', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 60 }), (sequences) => {
      const links = linked(60)
      const counted = new Set<number>()
      let state = NEW_METER
      for (const sequence of sequences) {
        const { steps, state: next } = deliver([links[sequence - 1]], state)
        if (steps[0]?.ok) counted.add(sequence)
        state = next
        let below = 0
        for (const { from, to } of state.gaps) {
          expect(from).toBeGreaterThan(below === 0 ? 0 : below + 1)
          expect(to).toBeGreaterThanOrEqual(from)
          for (let missing = from; missing <= to; missing++) expect(counted.has(missing)).toBe(false)
          below = to
        }
        expect(below).toBeLessThan(Math.max(1, state.sequence))
        expect(state.gaps.length).toBeLessThanOrEqual(LIMITS.gapsPerMeter)
      }
    }),
    cases(100),
  )
})
