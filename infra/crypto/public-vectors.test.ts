// Public vectors, not kept in this repository: each test says where it skips.
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { fromHex } from '../../schemas/bytes.js'
import { nobleSignatures } from '../../schemas/ed25519.js'
import { sodiumSignatures } from './sodium.js'

interface SpeccheckCase {
  message: string
  pub_key: string
  signature: string
}
interface Wycheproof {
  numberOfTests: number
  testGroups: { publicKey: { pk: string }; tests: { tcId: number; msg: string; sig: string; result: string }[] }[]
}

const folder = new URL('../../../shared/data/vectors/', import.meta.url)
const path = (name: string) => new URL(name, folder)
const read = <T>(name: string): T => JSON.parse(readFileSync(path(name), 'utf8'))
const libraries = [sodiumSignatures, nobleSignatures]

function testOn(name: string, promise: string, run: () => void): void {
  if (existsSync(path(name))) test(promise, run)
  else test.skip(`${promise} (skipped: ../shared/data/vectors/${name} is not there)`, run)
}

testOn('ed25519-speccheck-cases.json', 'of the twelve edge cases of "Taming the many EdDSAs" only number 3 is accepted', () => {
  const cases = read<SpeccheckCase[]>('ed25519-speccheck-cases.json')
  expect(cases).toHaveLength(12)
  for (const library of libraries) {
    const accepted = cases.flatMap((c, number) =>
      library.verify(fromHex(c.signature), fromHex(c.message), fromHex(c.pub_key)) ? [number] : [],
    )
    expect(accepted).toEqual([3])
  }
})

testOn('ed25519-speccheck-cases.json', 'both implementations say the same of the keys of those cases', () => {
  for (const c of read<SpeccheckCase[]>('ed25519-speccheck-cases.json')) {
    const key = fromHex(c.pub_key)
    expect(sodiumSignatures.isValidKey(key)).toBe(nobleSignatures.isValidKey(key))
  }
})

testOn('wycheproof-ed25519.json', 'all of Wycheproof’s results are ours', () => {
  const { numberOfTests, testGroups } = read<Wycheproof>('wycheproof-ed25519.json')
  const tests = testGroups.flatMap((group) => group.tests.map((one) => ({ ...one, key: fromHex(group.publicKey.pk) })))
  expect(tests).toHaveLength(numberOfTests)
  for (const { tcId, msg, sig, result, key } of tests) {
    const verdicts = libraries.map((library) => library.verify(fromHex(sig), fromHex(msg), key))
    expect({ tcId, verdicts }).toEqual({ tcId, verdicts: [result === 'valid', result === 'valid'] })
  }
})
