import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { LIMITS } from '../../schemas/limits.js'
import { decodeRegistryEvent, type EventContent } from '../../schemas/records.js'
import { testAuthorityKey, testRegistry } from '../testing/registry.js'
import {
  assertUsable,
  createProposal,
  formatProposal,
  mergeProposals,
  type Proposal,
  parseProposal,
  proposalOf,
  readProposal,
  replaceProposal,
  withSignatures,
} from './proposal-file.js'
import { newBody, placeEvent, signBody } from './sign-event.js'

const folder = mkdtempSync(join(tmpdir(), 'proposals-'))
afterAll(() => rmSync(folder, { recursive: true }))

const { state, chainId, authorityKeys } = testRegistry({ authorities: 4 })
const west = testAuthorityKey('west')
const content: EventContent = { kind: 'AddAuthority', authority: { id: west.id, key: west.publicKey, weight: 3 } }
const proposal = (expiresAtSize = 100, what: EventContent = content): Proposal => {
  const bodyBytes = newBody(what, expiresAtSize)
  return proposalOf(chainId, bodyBytes, signBody(bodyBytes, chainId, authorityKeys.slice(0, 2)))
}

describe('a file', () => {
  test('can be read by a person, and says who signed', () => {
    const given = proposal()
    expect(JSON.parse(formatProposal(given))).toEqual({
      ...{ version: 1, chainId: chainId.toString('hex'), eventId: given.body.id.toString('hex'), expiresAtSize: 100 },
      content: { kind: 'AddAuthority', authority: { id: 'west', key: west.publicKey.toString('hex'), weight: 3 } },
      body: given.bodyBytes.toString('hex'),
      signatures: given.signatures.map((each) => ({ signer: each.signer, signature: each.signature.toString('hex') })),
    })
  })

  test.each([
    ['no JSON', (text: string) => text.slice(1), /not a proposal/],
    ['a field too many', (text: string) => text.replace('{', '{ "note": "sign this",'), /not a proposal/],
    ['another version', (text: string) => text.replace('"version": 1', '"version": 2'), /not a proposal/],
    ['another weight to be read than to be signed', (text: string) => text.replace('"weight": 3', '"weight": 1'), /altered/],
    ['another expiry', (text: string) => text.replace('"expiresAtSize": 100', '"expiresAtSize": 900'), /altered/],
    ['a field that stands twice', (text: string) => text.replace('"version"', '"expiresAtSize": 7, "version"'), /altered/],
    ['a body that is cut short', (text: string) => text.replace(/("body": "[0-9a-f]+)[0-9a-f]{2}"/, '$1"'), /canonical form/],
  ])('with %s is refused', (_, alter, reason) => {
    expect(() => parseProposal(alter(formatProposal(proposal())))).toThrow(reason)
  })

  test('of a kind that has a way of its own is refused', () => {
    const enrolment = newBody({ kind: 'EnrolMeters', count: 1, root: Buffer.alloc(32) }, 100)
    expect(() => proposalOf(chainId, enrolment)).toThrow('EnrolMeters is not proposed in a file')
  })

  test('is made once, replaced as a whole, and read with its path in every complaint', async () => {
    const path = join(folder, 'west.json')
    const given = proposal()
    await createProposal(path, given)
    await expect(createProposal(path, given)).rejects.toThrow(`${path} exists already`)
    const signed = withSignatures(given, signBody(given.bodyBytes, chainId, authorityKeys))
    await replaceProposal(path, signed)
    expect(await readProposal(path)).toEqual(signed)
    expect(signed.signatures.map(({ signer }) => signer)).toEqual(authorityKeys.map(({ id }) => id))
    expect(readdirSync(folder)).toEqual(['west.json'])
    writeFileSync(path, readFileSync(path, 'utf8').replace('west', 'East'))
    await expect(readProposal(path)).rejects.toThrow(`${path}: it was altered`)
    await expect(readProposal(join(folder, 'none.json'))).rejects.toThrow(/none.json: .*no such file/)
    await expect(createProposal(join(folder, 'no', 'folder'), given)).rejects.toThrow(/ENOENT/)
  })

  test('holds no more signatures than its bound', () => {
    const many = Array.from({ length: 4 * LIMITS.authorities + 1 }, (_, n) => {
      const signature = Buffer.alloc(64)
      signature.writeUInt32BE(n)
      return { signer: 'x', signature }
    })
    expect(() => withSignatures(proposal(), many)).toThrow(/signatures, a file holds at most 400/)
  })
})

test('different proposals are not merged', () => {
  expect(() => mergeProposals(proposal(), proposal())).toThrow(/different proposals/)
  const { bodyBytes } = proposal()
  expect(() => mergeProposals(proposalOf(chainId, bodyBytes), proposalOf(Buffer.alloc(32), bodyBytes))).toThrow(/different/)
})

test('what is of another chain, expired, or counts already is of no use, and says so', () => {
  const given = proposal()
  expect(() => assertUsable(given, state)).not.toThrow()
  expect(() => assertUsable(proposalOf(Buffer.alloc(32, 5), given.bodyBytes), state)).toThrow(/it is of chain 050505050505…/)
  expect(() => assertUsable(proposal(1), state)).toThrow('it expired when the registry reached 1 events, and it holds 1')
  const other = testRegistry({ authorities: 4 })
  const signed = { ...given, meters: [], signatures: signBody(given.bodyBytes, chainId, authorityKeys) }
  other.state.apply(decodeRegistryEvent(placeEvent(other.state, signed)))
  expect(() => assertUsable(given, other.state)).toThrow(/counts already/)
})
