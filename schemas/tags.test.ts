import { readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { fromHex, hex } from './bytes.js'
import { messageBuilder, signedMessage, TAGS } from './tags.js'

interface Vectors {
  tags: Record<string, string>
  signedMessage: { chainId: string; bytes: string; message: string }
}

const vectors: Vectors = JSON.parse(readFileSync(new URL('vectors/tags.json', import.meta.url), 'utf8'))
const chainId = fromHex(vectors.signedMessage.chainId)

test('the tags are the frozen ones', () => {
  expect(Object.fromEntries(Object.entries(TAGS).map(([name, tag]) => [name, hex(tag)]))).toEqual(vectors.tags)
})

test('no tag is the beginning of another', () => {
  const tags = Object.values(TAGS)
  for (const tag of tags) expect(tags.filter((other) => other.subarray(0, tag.length).equals(tag))).toEqual([tag])
})

test('a signature is over tag, chain id and bytes', () => {
  const { bytes, message } = vectors.signedMessage
  expect(hex(signedMessage(TAGS.reading, chainId, fromHex(bytes)))).toBe(message)
})

test('the reused buffer gives the same message for any lengths in any order', () => {
  const build = messageBuilder(TAGS.vote, chainId)
  for (const length of [3, 0, 1000, 2, 5000, 100_000, 1]) {
    const bytes = Buffer.alloc(length, length)
    expect(hex(build(bytes))).toBe(hex(signedMessage(TAGS.vote, chainId, bytes)))
  }
})
