import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { testGenesis, testRegistry } from '../../infra/testing/registry.js'
import { eventOf, everythingOf, type Step, step } from '../../infra/testing/registry-arbitraries.js'
import { cases } from '../../infra/testing/thorough.js'
import { nobleSignatures } from '../ed25519.js'
import { decodeRegistryEvent, encodeRegistryEvent, type RegistryEvent } from '../records.js'
import { MemoryRegistryStore } from './memory-store.js'
import { RegistryState } from './state.js'

const genesis = decodeRegistryEvent(testGenesis({ authorities: 4 }))
const fresh = (signatures = sodiumSignatures) => new RegistryState(new MemoryRegistryStore(), signatures)

/** The log that writers of these steps leave behind, those refused included. */
function logOf(steps: readonly Step[]): (RegistryEvent | undefined)[] {
  const { state } = testRegistry({ authorities: 4 })
  const events = steps.map((each) => {
    const event = eventOf(state, each)
    state.apply(event)
    return event
  })
  return [genesis, ...events]
}

test('what is skipped, wherever it stands, changes nothing', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.infiniteStream(fc.nat()), (steps, random) => {
      const log = logOf(steps)
      const clean = fresh()
      const counted = log.filter((event) => clean.apply(event).counted)
      const garbage = [undefined, ...log]
      const littered = fresh()
      for (const event of counted) {
        expect(littered.apply(event)).toMatchObject({ counted: true })
        const stray = garbage[(random.next().value ?? 0) % garbage.length]
        if (stray === undefined || stray.sizeBefore !== littered.size)
          expect(littered.apply(stray)).toMatchObject({ counted: false })
      }
      expect(everythingOf(littered)).toEqual(everythingOf(clean))
    }),
    cases(60),
  )
})

test('facts as of a size are the same, whatever came after', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const state = fresh()
      const seen: string[] = []
      const factsAt = (size: number) =>
        JSON.stringify(
          ['m1', 'm2', 'm3', 'm4'].map((id) => {
            const view = state.meterAt(id, size)
            const keys = [1, 5, 12].map((sequence) => [view?.keyFor(sequence)?.toString('hex'), view?.isRetired(sequence)])
            return [view?.ordinal, view?.reset, view?.assignments, keys, state.governanceAt(size), state.rootAt(size)]
          }),
        )
      for (const event of logOf(steps)) if (state.apply(event).counted) seen.push(factsAt(state.size))
      expect(seen.map((_, index) => factsAt(index + 1))).toEqual(seen)
    }),
    cases(40),
  )
})

test('weights stay within the limits, and somebody always has some', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const state = fresh()
      for (const event of logOf(steps)) state.apply(event)
      for (const { authorities } of state.store.governance()) {
        expect(authorities.every(({ weight }) => weight >= 0)).toBe(true)
        expect(authorities.reduce((sum, { weight }) => sum + weight, 0)).toBeGreaterThan(0)
        expect(authorities.map(({ id }) => id)).toEqual(authorities.map(({ id }) => id).sort())
      }
    }),
    cases(40),
  )
})

test('an independent implementation of the signatures folds to the same state', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 6 }), (steps) => {
      const native = fresh()
      const noble = fresh(nobleSignatures)
      for (const event of logOf(steps)) expect(noble.apply(event)).toEqual(native.apply(event))
      expect(everythingOf(noble)).toEqual(everythingOf(native))
    }),
    cases(8),
  )
})

test('a record with any byte changed never throws, and never counts as another event', () => {
  const { state, authorityKeys } = testRegistry({ authorities: 1, meters: 2 })
  const good = eventOf(state, { content: { kind: 'SetRules', rules: 2 }, meters: [], signers: [1], isSignedByMeter: false })
  expect(authorityKeys).toHaveLength(1)
  const bytes = encodeRegistryEvent(good)
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(state.apply(decodeRegistryEvent(changed))).toMatchObject({ counted: false })
  }
  expect(state.apply(decodeRegistryEvent(bytes))).toMatchObject({ counted: true })
})
