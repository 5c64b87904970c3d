import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { TestChain, variedChain } from '../infra/testing/chain.js'
import { proofOf } from '../infra/testing/proofs.js'
import { testAuthorityKey, testKeyPair } from '../infra/testing/registry.js'
import { nobleSignatures } from './ed25519.js'
import { checkProof } from './proof.js'

type Json = null | string | number | boolean | Json[] | { [name: string]: Json }

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

/** Every place in the JSON, as the names that lead to it. */
function placesOf(value: Json, place: string[] = []): string[][] {
  const inside = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return [place, ...inside.flatMap(([name, each]) => placesOf(each, [...place, name]))]
}

function replaceAt(value: Json, [name, ...rest]: string[], change: (old: Json) => Json): Json {
  if (name === undefined) return change(value)
  if (Array.isArray(value)) return value.map((each, i) => (String(i) === name ? replaceAt(each, rest, change) : each))
  if (typeof value !== 'object' || value === null) throw new Error(`nothing at ${name}`)
  return { ...value, [name]: replaceAt(value[name] ?? null, rest, change) }
}

/** Another value in place of this one, drawn by `seed`. */
function mutate(value: Json, seed: number): Json {
  if (typeof value === 'boolean') return !value
  if (typeof value === 'number') return [value + 1, value - 1, value * 2 + 1, -1 - value, null, String(value)][seed % 6] ?? null
  if (typeof value === 'string') return mutateText(value, seed)
  if (Array.isArray(value)) {
    const at = Math.floor(seed / 5) % Math.max(1, value.length)
    return [value.toSpliced(at, 1), [...value, ...value.slice(at, at + 1)], value.toReversed(), [], null][seed % 5] ?? null
  }
  if (value === null) return [{}, [], '', 0][seed % 4] ?? null
  const names = Object.keys(value)
  const without = Object.fromEntries(
    Object.entries(value).filter(([name]) => name !== names[Math.floor(seed / 3) % names.length]),
  )
  return [null, { ...value, more: 1 }, without][seed % 3] ?? null
}

function mutateText(text: string, seed: number): Json {
  const at = Math.floor(seed / 8) % Math.max(1, text.length)
  const digit = Number.parseInt(text[at] ?? '0', 16)
  const flipped = text.slice(0, at) + ((Number.isNaN(digit) ? 0 : digit) ^ (1 << (seed % 4))).toString(16) + text.slice(at + 1)
  return [flipped, flipped, flipped, flipped, text.slice(2), `${text}00`, '', null][seed % 8] ?? null
}

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
    { numRuns: 1500 },
  )
  // what may differ: signatures beyond those needed, an empty list turned round, the case of hexadecimal digits
  expect(refused / runs).toBeGreaterThan(0.85)
})

test('both implementations of the signatures agree on proofs', () => {
  for (const { chain, proof, proved } of SAMPLES)
    expect(checkProof(proof, chain.registry.genesis, nobleSignatures)).toEqual({ ok: true, proved })
})

test('no value at all makes the check throw', () => {
  const { genesis } = changes.registry
  fc.assert(fc.property(fc.jsonValue(), (value) => checkProof(value, genesis, sodiumSignatures).ok === false))
})
