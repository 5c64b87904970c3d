import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { TestChain, variedChain } from '../infra/testing/chain.js'
import { type Json, mutate, placesOf, replaceAt } from '../infra/testing/json-mutation.js'
import { proofOf } from '../infra/testing/proofs.js'
import { testAuthorityKey, testKeyPair } from '../infra/testing/registry.js'
import { cases, isThorough } from '../infra/testing/thorough.js'
import { nobleSignatures } from './ed25519.js'
import { checkProof } from './proof.js'

/** Four authorities, of which one came later, and meters of which one has a new key. */
function chainOfChanges(): TestChain {
  const chain = new TestChain({ authorities: 3, lanes: 1, meters: 3 })
  chain.send(1, ['meter-1', 'meter-2', 'meter-3'])
  chain.finalize(0)
  chain.submit({
    kind: 'AddAuthority',
    authority: { id: 'authority-4', key: testAuthorityKey('authority-4').publicKey, weight: 1 },
  })
  chain.submit({ kind: 'RotateMeterKey', meter: 'meter-2', fromSequence: 2, key: testKeyPair('new').publicKey })
  chain.finalize(0)
  Object.assign(chain.meter('meter-2'), { keys: testKeyPair('new') })
  chain.send(1, ['meter-1', 'meter-2', 'meter-3'])
  chain.finalize(0)
  return chain
}

const changes = chainOfChanges()
const varied = variedChain()
const SAMPLES = [
  { chain: changes, lane: 0, height: 1n, entry: 2 },
  { chain: changes, lane: 0, height: 3n, entry: 0 },
  { chain: changes, lane: 0, height: 3n, entry: 1 },
  { chain: varied, lane: 0, height: 2n, entry: 0 },
  { chain: varied, lane: 1, height: 2n, entry: 3 },
].map(({ chain, lane, height, entry }) => {
  const proof = proofOf(chain, lane, height, entry) as unknown as Json
  const checked = checkProof(proof, chain.registry.genesis, sodiumSignatures)
  if (!checked.ok) throw new Error(checked.reason)
  return { chain, proof, proved: checked.proved }
})

test('whatever is changed in a proof, it fails or proves the same', () => {
  let refused = 0
  let runs = 0
  const sample = fc
    .constantFrom(...SAMPLES)
    .chain((each) => fc.tuple(fc.constant(each), fc.constantFrom(...placesOf(each.proof))))
  fc.assert(
    fc.property(sample, fc.nat(), ([{ chain, proof, proved }, place], seed) => {
      const checked = checkProof(
        replaceAt(proof, place, (value) => mutate(value, seed)),
        chain.registry.genesis,
        sodiumSignatures,
      )
      runs++
      if (checked.ok) expect(checked.proved).toEqual(proved)
      else refused++
    }),
    cases(1500, 150),
  )
  // what may differ: signatures beyond those needed, an empty list turned round, the case of hexadecimal digits
  if (isThorough) expect(refused / runs).toBeGreaterThan(0.85)
})

test('both implementations of the signatures agree on proofs', () => {
  for (const { chain, proof, proved } of SAMPLES)
    expect(checkProof(proof, chain.registry.genesis, nobleSignatures)).toEqual({ ok: true, proved })
})

test('no value at all makes the check throw', () => {
  const { genesis } = changes.registry
  fc.assert(
    fc.property(fc.jsonValue(), (value) => checkProof(value, genesis, sodiumSignatures).ok === false),
    cases(100),
  )
})
