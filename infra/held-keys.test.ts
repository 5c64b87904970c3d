import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from '@jest/globals'
import { loadConfig } from './config.js'
import { foreignKeyWarning, loadHeldKeys, nextKeyFileOf, registeredKey } from './held-keys.js'
import { createKeyFile, KeyFileError } from './keys.js'
import { testAuthorityKey, testKeyPair } from './testing/registry.js'

const home = mkdtempSync(join(tmpdir(), 'held-keys-'))
const config = loadConfig({ METERCHAIN_HOME: home, METERCHAIN_AUTHORITY: 'north' })
afterAll(() => rmSync(home, { recursive: true }))

const key = testAuthorityKey('north')
const nextKey = { ...key, ...testKeyPair('north next') }
const registered = (publicKey: Buffer) => [
  { id: 'east', key: testKeyPair('east').publicKey, weight: 1 },
  { id: 'north', key: publicKey, weight: 1 },
]

test('the key that signs is the one that the registry names, the present or the next', () => {
  expect(registeredKey(registered(key.publicKey), { key, nextKey })).toBe(key)
  expect(registeredKey(registered(nextKey.publicKey), { key, nextKey })).toBe(nextKey)
  expect(registeredKey(registered(nextKey.publicKey), { key })).toBeUndefined()
  expect(registeredKey([], { key, nextKey })).toBeUndefined()
})

test('an operator is warned where the registry has a key that is not held, and only there', () => {
  expect(foreignKeyWarning(registered(nextKey.publicKey), { key })).toMatch(/another key for north/)
  expect(foreignKeyWarning(registered(key.publicKey), { key })).toBeUndefined()
  expect(foreignKeyWarning([], { key })).toBeUndefined()
})

test('the next key is found beside the present one, and must be of the same authority', async () => {
  const present = await createKeyFile(join(home, 'keys', 'north.json'), 'north')
  expect((await loadHeldKeys(config)).nextKey).toBeUndefined()
  const next = await createKeyFile(nextKeyFileOf(config), 'north')
  const held = await loadHeldKeys(config)
  expect([held.key, held.nextKey].map((each) => each?.publicKey.toString('hex'))).toEqual([present.publicKey, next.publicKey])
  rmSync(nextKeyFileOf(config))
  await createKeyFile(nextKeyFileOf(config), 'south')
  await expect(loadHeldKeys(config)).rejects.toThrow(KeyFileError)
})
