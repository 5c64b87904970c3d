import { describe, expect, test } from '@jest/globals'
import { nobleSignatures } from '../ed25519.js'
import { sha256 } from '../hash.js'
import {
  checkpointMessage,
  checkpointText,
  keyHash,
  NOTE_KIND,
  noteLine,
  noteOf,
  originOf,
  parseNote,
  parseVerifierKey,
  signedBy,
  verifierKey,
} from './note.js'

const chainId = sha256(Buffer.from('chain'))
const head = { size: 41, root: sha256(Buffer.from('root')) }
const publicKey = sha256(Buffer.from('a key'))

describe('signed notes, as Go’s sumdb/note documents them', () => {
  const vkey = 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW'
  const text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
  const signature = 'x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM='

  test('the key and the signature hold', () => {
    const key = parseVerifierKey(vkey)
    if (key === undefined) throw new Error('the key is one')
    expect(key).toMatchObject({ name: 'PeterNeumann', kind: NOTE_KIND.log })
    expect(verifierKey(key.name, key.kind, key.publicKey)).toBe(vkey)
    const bytes = Buffer.from(signature, 'base64')
    expect(keyHash(key.name, key.kind, key.publicKey)).toEqual(bytes.subarray(0, 4))
    expect(nobleSignatures.verify(bytes.subarray(4), Buffer.from(text), key.publicKey)).toBe(true)
    const line = noteLine({ name: key.name, publicKey: key.publicKey, signature: bytes.subarray(4), timestamp: 0 })
    expect(line).toBe(`— PeterNeumann ${signature}`)
  })
  test.each([
    'PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'Peter Neumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
    'PeterNeumann',
  ])('%s is no key', (text) => {
    expect(parseVerifierKey(text)).toBeUndefined()
  })
})

test('the text is the log’s name, its size and its root', () => {
  expect(checkpointText(chainId, head)).toBe(`meterchain/${chainId.toString('hex')}\n41\n${head.root.toString('base64')}\n`)
  expect(String(checkpointMessage(chainId, head, 0))).toBe(checkpointText(chainId, head))
  expect(String(checkpointMessage(chainId, head, 1_700_000_000))).toBe(
    `cosignature/v1\ntime 1700000000\n${checkpointText(chainId, head)}`,
  )
})

test('a note is read again, and each line is that of its key alone', () => {
  const signature = Buffer.alloc(64, 7)
  const origin = originOf(chainId)
  const ours = { name: origin, publicKey, signature, timestamp: 0 }
  const witness = { name: 'witness.example', publicKey, signature, timestamp: 1_700_000_000 }
  const note = parseNote(noteOf(checkpointText(chainId, head), [noteLine(ours), noteLine(witness)]))
  if (note === undefined) throw new Error('it is a note')
  expect(note).toMatchObject({ origin, head, text: checkpointText(chainId, head) })
  const keys = [
    { name: origin, kind: NOTE_KIND.log, publicKey },
    { name: 'witness.example', kind: NOTE_KIND.cosignature, publicKey },
    { name: origin, kind: NOTE_KIND.log, publicKey: chainId },
  ]
  expect(note.lines.map((line) => keys.map((key) => signedBy(note, line, key)))).toEqual([
    [{ message: checkpointMessage(chainId, head, 0), signature, timestamp: 0 }, undefined, undefined],
    [undefined, { message: checkpointMessage(chainId, head, 1_700_000_000), signature, timestamp: 1_700_000_000 }, undefined],
  ])
})

test('a line of another length is of no key', () => {
  for (const kind of [NOTE_KIND.log, NOTE_KIND.cosignature]) {
    const payload = Buffer.concat([keyHash('w', kind, publicKey), Buffer.alloc(9)]).toString('base64')
    const note = parseNote(noteOf(checkpointText(chainId, head), [`— w ${payload}`]))
    const [line] = note?.lines ?? []
    if (note === undefined || line === undefined) throw new Error('it is a note')
    expect(signedBy(note, line, { name: 'w', kind, publicKey })).toBeUndefined()
  }
})

test.each([
  ['no empty line', 'a\n1\n\n'.slice(0, 4)],
  ['no end of line', `${checkpointText(chainId, head)}\n— a AAAAAAA=`],
  ['a size with a zero before it', `a\n01\n${head.root.toString('base64')}\n\n— a AAAAAAA=\n`],
  ['a root that is too short', 'a\n1\nAAAA\n\n— a AAAAAAA=\n'],
  ['another text of the same root', `a\n1\n${head.root.toString('base64').replace('=', '')}\n\n— a AAAAAAA=\n`],
  ['a line without a name', `${checkpointText(chainId, head)}\n—  AAAAAAA=\n`],
  ['a line without a signature', `${checkpointText(chainId, head)}\n— a AAAA\n`],
  [
    'too many lines',
    noteOf(
      checkpointText(chainId, head),
      Array.from({ length: 1_001 }, () => '— a AAAAAAA='),
    ),
  ],
])('%s: no note', (_what, text) => {
  expect(parseNote(text)).toBeUndefined()
})
