import { readFileSync } from 'node:fs'
import { describe, expect, test } from '@jest/globals'
import { selfTest, sodiumSignatures } from '../infra/crypto/sodium.js'
import { ed25519Vectors } from '../infra/testing/ed25519-recipe.js'
import { nobleSignatures, type Signatures } from './ed25519.js'
import { ED25519_VECTORS } from './ed25519-vectors.js'

const frozen = JSON.parse(readFileSync(new URL('vectors/ed25519.json', import.meta.url), 'utf8'))

test('the embedded vectors, the frozen file and their recipe are the same', () => {
  expect(ED25519_VECTORS).toEqual(frozen)
  expect(ed25519Vectors()).toEqual(frozen)
})

describe.each<[string, Signatures]>([
  ['libsodium', sodiumSignatures],
  ['noble', nobleSignatures],
])('%s keeps the profile', (_, signatures) => {
  const judged = ED25519_VECTORS.map((vector) => {
    const key = Buffer.from(vector.publicKey, 'hex')
    const valid = signatures.verify(Buffer.from(vector.signature, 'hex'), Buffer.from(vector.message, 'hex'), key)
    return { ...vector, valid, validKey: signatures.isValidKey(key) }
  })

  test.each(judged.map((vector, index) => ({ vector, index })))('$vector.name', ({ vector, index }) => {
    expect(vector).toEqual(ED25519_VECTORS[index])
  })
})

describe('the self-test', () => {
  test('passes both implementations', () => {
    selfTest(sodiumSignatures)
    selfTest(nobleSignatures)
  })

  const verdicts = (valid: boolean, validKey: boolean): Signatures => ({ verify: () => valid, isValidKey: () => validKey })
  const [good] = ED25519_VECTORS.filter((vector) => vector.valid)
  const [bad] = ED25519_VECTORS.filter((vector) => !vector.valid && !vector.validKey)

  test('stops a library that judges otherwise, with the vector’s name', () => {
    if (good === undefined || bad === undefined) throw new Error('no such vectors')
    expect(() => selfTest(verdicts(false, true), [good])).toThrow(`rejects the signature of vector "${good.name}"`)
    expect(() => selfTest(verdicts(true, false), [good])).toThrow(`rejects the key of vector "${good.name}"`)
    expect(() => selfTest(verdicts(true, false), [bad])).toThrow(`accepts the signature of vector "${bad.name}"`)
    expect(() => selfTest(verdicts(false, true), [bad])).toThrow(`accepts the key of vector "${bad.name}"`)
  })
})
