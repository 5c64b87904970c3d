import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { TestChain } from '../../infra/testing/chain.js'
import { TestCheckpoints } from '../../infra/testing/checkpoint-proofs.js'
import { type Json, mutate, placesOf, replaceAt } from '../../infra/testing/json-mutation.js'
import { testAuthorityKey, testKeyPair } from '../../infra/testing/registry.js'
import { cases, isThorough } from '../../infra/testing/thorough.js'
import { checkProof } from '../proof.js'
import { checkConsistency, checkInclusion, checkMeterKey } from './check-proofs.js'
import { proveConsistency, proveInclusion } from './prove.js'

const chain = new TestChain({ authorities: 4, lanes: 2, meters: 3 })
const checkpoints = new TestCheckpoints(chain)
chain.send(1)
chain.finalizeAll()
const older = checkpoints.cover()
chain.submit({
  kind: 'AddAuthority',
  authority: { id: 'authority-5', key: testAuthorityKey('authority-5').publicKey, weight: 3 },
})
chain.submit({ kind: 'RotateMeterKey', meter: 'meter-2', fromSequence: 5, key: testKeyPair('new').publicKey })
for (let i = 0; i < 3; i++) chain.finalizeAll()
const newer = checkpoints.cover()
const { state, genesis } = chain.registry
const [leaf] = checkpoints.leaves
if (leaf === undefined) throw new Error('no leaf')

type Check = (value: unknown) => { ok: true; proved: unknown } | { ok: false; reason: string }
const of =
  <T>(check: (value: unknown, genesis: Buffer, signatures: typeof sodiumSignatures) => T) =>
  (value: unknown) =>
    check(value, genesis, sodiumSignatures)
const SAMPLES = (
  [
    [of(checkProof), checkpoints.entry(newer, 0, 1n, 0)],
    [of(checkConsistency), proveConsistency(state, older, newer, checkpoints.nodes)],
    [of(checkInclusion), proveInclusion(state, newer, checkpoints.nodes, { index: 0, leaf })],
    [of(checkMeterKey), checkpoints.meterKey(newer, 'meter-2', 1, 4n)],
  ] as [Check, unknown][]
).map(([check, proof]) => {
  const checked = check(proof)
  if (!checked.ok) throw new Error(checked.reason)
  return { check, proof: proof as Json, proved: checked.proved }
})

/** What may be left out: votes and signatures beyond those needed, the checkpoint, and a change of a meter's key, of which no proof can
 *  show that it was not. (Nor of an event of governance; but here those who had the weight before have too little of it.) */
function expectSame(proved: unknown, expected: unknown): void {
  const { keys = [], checkpoint, ...rest } = proved as { keys?: unknown[]; checkpoint?: unknown }
  const { keys: all = [], checkpoint: known, ...expectedRest } = expected as { keys?: unknown[]; checkpoint?: unknown }
  expect(withoutSigners(rest)).toEqual(withoutSigners(expectedRest))
  if (checkpoint !== undefined) expect(withoutSigners(checkpoint)).toEqual(withoutSigners(known))
  expect(all).toEqual(expect.arrayContaining(keys))
}

function withoutSigners(proved: unknown): unknown {
  if (typeof proved !== 'object' || proved === null || Buffer.isBuffer(proved)) return proved
  const { voters: _voters, signers: _signers, weight: _weight, ...rest } = proved as Record<string, unknown>
  return Object.fromEntries(Object.entries(rest).map(([name, each]) => [name, withoutSigners(each)]))
}

test('whatever is changed in a proof of a checkpoint, it fails or proves the same', () => {
  let refused = 0
  let runs = 0
  const sample = fc
    .constantFrom(...SAMPLES)
    .chain((each) => fc.tuple(fc.constant(each), fc.constantFrom(...placesOf(each.proof))))
  fc.assert(
    fc.property(sample, fc.nat(), ([{ check, proof, proved }, place], seed) => {
      const checked = check(replaceAt(proof, place, (value) => mutate(value, seed)))
      runs++
      if (checked.ok) expectSame(checked.proved, proved)
      else refused++
    }),
    cases(1000),
  )
  if (isThorough) expect(refused / runs).toBeGreaterThan(0.75)
})

test('no bit of a note can change', () => {
  const sample = fc.constantFrom(...SAMPLES.slice(1, 3))
  fc.assert(
    fc.property(sample, fc.nat(), fc.integer({ min: 0, max: 6 }), ({ check, proof }, position, bit) => {
      const places = placesOf(proof).filter((place) => place.at(-1) === 'note')
      for (const place of places) {
        const changed = replaceAt(proof, place, (note) => {
          const text = String(note)
          const at = position % text.length
          return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << bit)) + text.slice(at + 1)
        })
        expect(check(changed)).toMatchObject({ ok: false })
      }
    }),
    cases(300),
  )
})

test('no value at all makes a check throw', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => SAMPLES.every(({ check }) => !check(value).ok)),
    cases(100),
  )
})
