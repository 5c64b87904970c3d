import { expect, test } from '@jest/globals'
import { newKeyPair, SEED_BYTES, sign, sodiumSignatures } from './sodium.js'

test('a key pair without a seed is a new one each time, and sound', () => {
  const [first, second] = [newKeyPair(), newKeyPair()]
  expect(first.publicKey.equals(second.publicKey)).toBe(false)
  expect(sodiumSignatures.isValidKey(first.publicKey)).toBe(true)
})

test('RFC 8032 section 7.1, test 1: the empty message', () => {
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex')
  const { publicKey, secretKey } = newKeyPair(seed)
  expect(seed).toHaveLength(SEED_BYTES)
  expect(publicKey.toString('hex')).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a')
  expect(sign(Buffer.alloc(0), secretKey).toString('hex')).toBe(
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  )
})

test('plain arrays and parts of larger buffers are judged like buffers of their own', () => {
  const { publicKey, secretKey } = newKeyPair()
  const message = Buffer.from('a reading')
  const all = Buffer.concat([Buffer.alloc(3), publicKey, sign(message, secretKey), message])
  const [key, signature, text] = [all.subarray(3, 35), all.subarray(35, 99), all.subarray(99)]
  expect(sodiumSignatures.verify(signature, text, key)).toBe(true)
  expect(sodiumSignatures.verify(Uint8Array.from(signature), Uint8Array.from(text), Uint8Array.from(key))).toBe(true)
  expect(sodiumSignatures.isValidKey(key)).toBe(true)
  expect(sodiumSignatures.isValidKey(Uint8Array.from(key))).toBe(true)
})
