import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type BlockRecord, TestLane } from '../infra/testing/lane.js'
import { cases, isThorough } from '../infra/testing/thorough.js'
import { hex } from './bytes.js'
import { openAttempt, proposers } from './lane-candidates.js'
import { type Applied, apply, type FinalBlock, type LaneState } from './lane-fold.js'
import type { ChainRecord } from './records.js'

// Random schedules of one lane: false authorities vote and seal at random, honest ones accept one block of a height, and everything is
// appended late, twice or in another order. (A validator may accept another block once its first choice is void: then the order of the
// log alone decides between the two, see SPEC.md section 13.)

interface Plan {
  readonly weights: readonly number[]
  /** Ids of the false ones: together less than 1/3 of the weight. */
  readonly isFalse: ReadonlySet<string>
}

const plan: fc.Arbitrary<Plan> = fc
  .tuple(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 7 }), fc.array(fc.boolean(), { maxLength: 7 }))
  .map(([weights, wanted]) => {
    const total = weights.reduce((sum, each) => sum + each, 0)
    let taken = 0
    const isFalse = new Set<string>()
    weights.forEach((weight, index) => {
      if (!wanted[index] || 3 * (taken + weight) >= total) return
      taken += weight
      isFalse.add(String.fromCharCode(97 + index))
    })
    return { weights, isFalse }
  })

const numbers = fc.array(fc.nat(2 ** 30), { minLength: 40, maxLength: 120 })

/** A log that such authorities could have written: each number drives one step. */
function logOf({ weights, isFalse }: Plan, steps: readonly number[]): { lane: TestLane; log: ChainRecord[] } {
  const lane = new TestLane(weights)
  const ids = lane.set.authorities.map(({ id }) => id)
  const log: ChainRecord[] = []
  const blocks: { block: BlockRecord; parent: FinalBlock }[] = []
  /** What an honest authority accepted: `authority height`. */
  const accepted = new Set<string>()
  let state = lane.start
  const append = (record: ChainRecord) => {
    log.push(record)
    state = apply(state, record, lane.rules).state
  }
  steps.forEach((step, index) => {
    const who = ids[step % ids.length] ?? 'a'
    const choice = (step >> 8) % 10
    const target = blocks[blocks.length - 1 - ((step >> 16) % Math.min(blocks.length, 4))]
    if (target === undefined || choice === 0) {
      const [inTurn = who] = proposers(state, lane.set, lane.chainId)
      const attempt = openAttempt(state, lane.set)
      const block = lane.block(state.final, { proposer: isFalse.has(who) ? who : inTurn, attempt, sealedAt: index })
      blocks.push({ block, parent: state.final })
      append(block)
    } else if (choice === 1) {
      append(log[step % log.length] ?? target.block)
    } else if (isFalse.has(who)) {
      const notCounted = (step >> 20) % 2 === 0 ? [] : [{ entry: 0, code: 1 }]
      append(choice < 4 ? lane.reject(target.block, who) : lane.accept(target.parent, target.block, who, notCounted))
    } else {
      const slot = `${who} ${target.block.header.height}`
      if (choice < 4 || accepted.has(slot)) append(lane.reject(target.block, who))
      else {
        accepted.add(slot)
        append(lane.accept(target.parent, target.block, who))
      }
    }
  })
  return { lane, log }
}

const shown = (state: LaneState) =>
  JSON.stringify(state, (_, value) => (typeof value === 'bigint' ? `${value}` : value instanceof Map ? [...value] : value))

test('the fold is a pure function of the log: the same prefix gives the same state, outcome by outcome', () => {
  fc.assert(
    fc.property(plan, numbers, (who, steps) => {
      const { lane, log } = logOf(who, steps)
      const whole = lane.fold(log)
      const cut = Math.floor(log.length / 2)
      const first = lane.fold(log.slice(0, cut))
      const second = lane.fold(log.slice(cut), first.state)
      expect(shown(second.state)).toBe(shown(whole.state))
      expect([...first.outcomes, ...second.outcomes].map(({ kind }) => kind)).toEqual(whole.outcomes.map(({ kind }) => kind))
    }),
    cases(30),
  )
})

test('who starts from any final block and the offset of its certificate reaches the state of who starts from the genesis', () => {
  fc.assert(
    fc.property(plan, numbers, (who, steps) => {
      const { lane, log } = logOf(who, steps)
      const whole = shown(lane.fold(log).state)
      let state = lane.start
      log.forEach((record, offset) => {
        const applied = apply(state, record, lane.rules)
        state = applied.state
        if (applied.outcome.kind !== 'final') return
        const bare: LaneState = { lane: lane.lane, final: state.final, candidates: [] }
        expect(shown(lane.fold(log.slice(offset + 1), bare).state)).toBe(whole)
      })
    }),
    cases(30),
  )
})

/** All certificates that the votes of a log hold, whatever their order: block and verdict by height. */
function certified(lane: TestLane, log: readonly ChainRecord[]): Map<bigint, Set<string>> {
  const total = lane.set.authorities.reduce((sum, { weight }) => sum + weight, 0)
  const supporters = new Map<string, Set<string>>()
  const heights = new Map<bigint, Set<string>>()
  for (const record of log) {
    if (record.kind === 'block' || record.vote.judgement.kind === 'reject') continue
    const key = `${hex(record.vote.block)} ${hex(record.vote.judgement.verdictHash)}`
    const who = (supporters.get(key) ?? new Set()).add(record.vote.authority)
    supporters.set(key, who)
    const weight = lane.set.authorities.reduce((sum, each) => sum + (who.has(each.id) ? each.weight : 0), 0)
    if (3 * weight > 2 * total) heights.set(record.vote.height, (heights.get(record.vote.height) ?? new Set()).add(key))
  }
  return heights
}

test('fewer than a third false, the honest accepting one block of a height: no interleaving makes two blocks or verdicts final there', () => {
  let finals = 0
  fc.assert(
    fc.property(plan, numbers, fc.infiniteStream(fc.nat(2 ** 30)), (who, steps, order) => {
      const { lane, log } = logOf(who, steps)
      for (const each of certified(lane, log).values()) expect(each.size).toBe(1)
      const byHeight = new Map<bigint, string>()
      const note = (outcomes: readonly Applied['outcome'][]) => {
        for (const outcome of outcomes) {
          if (outcome.kind !== 'final') continue
          finals++
          const name = `${hex(outcome.candidate.hash)} ${hex(outcome.verdictHash)}`
          expect(byHeight.get(outcome.candidate.header.height) ?? name).toBe(name)
          byHeight.set(outcome.candidate.header.height, name)
        }
      }
      note(lane.fold(log).outcomes)
      const shuffled = log.map((record) => ({ record, at: order.next().value ?? 0 })).sort((a, b) => a.at - b.at)
      // Appended again until nothing more becomes final: what came before its parent counts then.
      note(lane.fold([...shuffled, ...shuffled, ...shuffled].map(({ record }) => record)).outcomes)
    }),
    cases(40),
  )
  if (isThorough) expect(finals).toBeGreaterThan(50)
})

test('appending again whatever a log holds, after its end, never takes a final block back', () => {
  fc.assert(
    fc.property(plan, numbers, (who, steps) => {
      const { lane, log } = logOf(who, steps)
      const { state } = lane.fold(log)
      const again = lane.fold(log, state)
      expect(again.state.final.height).toBeGreaterThanOrEqual(state.final.height)
      if (again.state.final.height === state.final.height)
        expect(shown(again.state.final as never)).toBe(shown(state.final as never))
    }),
    cases(20),
  )
})
