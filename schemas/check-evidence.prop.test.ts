import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { TestCheckpointTopic } from '../infra/testing/checkpoint-topic.js'
import { evidenceIn, evidenceOf, falseChain } from '../infra/testing/evidence.js'
import { type TestRegistry, testRegistry } from '../infra/testing/registry.js'
import { cases, isThorough } from '../infra/testing/thorough.js'
import { checkEvidence } from './check-evidence.js'
import { nobleSignatures } from './ed25519.js'
import type { Evidence } from './evidence.js'
import { evidenceFile } from './evidence-format.js'

type Json = null | string | number | boolean | Json[] | { [name: string]: Json }

const chain = falseChain()
const registry = testRegistry({ authorities: 4, lanes: 2 })
const topic = new TestCheckpointTopic(registry)
topic.addFalse()
const samples = [
  ...evidenceIn(chain, 0).map((each) => sampleOf(each, chain.registry)),
  ...evidenceOf(topic, registry).map((each) => sampleOf(each, registry)),
]

function sampleOf(evidence: Evidence, { state, genesis }: Pick<TestRegistry, 'state' | 'genesis'>) {
  const file: Json = JSON.parse(JSON.stringify(evidenceFile(state, evidence)))
  const checked = checkEvidence(file, genesis, sodiumSignatures)
  if (!checked.ok) throw new Error(checked.reason)
  return { file, shown: checked.shown, genesis }
}

/** Every place of a text or a number, as the names that lead to it. */
function placesOf(value: Json, place: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [place]
  return Object.entries(value).flatMap(([name, each]) => placesOf(each, [...place, name]))
}

function replaceAt(value: Json, [name, ...rest]: string[], change: (old: Json) => Json): Json {
  if (name === undefined) return change(value)
  if (Array.isArray(value)) return value.map((each, i) => (String(i) === name ? replaceAt(each, rest, change) : each))
  if (typeof value !== 'object' || value === null) throw new Error(`nothing at ${name}`)
  return { ...value, [name]: replaceAt(value[name] ?? null, rest, change) }
}

/** A digit of a text is another, a number is another. */
function mutate(value: Json, seed: number): Json {
  if (typeof value === 'number') return value + ((seed % 5) - 2 || 3)
  if (typeof value !== 'string') return null
  const at = seed % value.length
  const digit = Number.parseInt(value[at] ?? '0', 16)
  return value.slice(0, at) + ((Number.isNaN(digit) ? 0 : digit) ^ (1 + (seed % 15))).toString(16) + value.slice(at + 1)
}

test('whatever is changed in evidence, it fails or shows the same', () => {
  let refused = 0
  let runs = 0
  const sample = fc.constantFrom(...samples).chain((each) => fc.tuple(fc.constant(each), fc.constantFrom(...placesOf(each.file))))
  fc.assert(
    fc.property(sample, fc.nat(), ([{ file, shown, genesis }, place], seed) => {
      const checked = checkEvidence(
        replaceAt(file, place, (value) => mutate(value, seed)),
        genesis,
        sodiumSignatures,
      )
      runs++
      // the registry size is the file’s word: another of the same authorities shows the same
      if (checked.ok) expect({ ...checked.shown, registrySize: shown.registrySize }).toEqual(shown)
      else refused++
    }),
    cases(600),
  )
  // what may differ: of four signatures of an event one, and a registry size of no other authorities; a third of all places
  if (isThorough) expect(refused / runs).toBeGreaterThan(0.45)
})

test('both implementations of the signatures agree on evidence', () => {
  for (const { file, shown, genesis } of samples)
    expect(checkEvidence(file, genesis, nobleSignatures)).toEqual({ ok: true, shown })
})

test('no value at all makes the check throw', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => checkEvidence(value, registry.genesis, sodiumSignatures).ok === false),
    cases(100),
  )
})
