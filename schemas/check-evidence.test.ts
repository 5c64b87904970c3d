import { describe, expect, test } from '@jest/globals'
import { sign, sodiumSignatures } from '../infra/crypto/sodium.js'
import { evidenceIn, falseChain } from '../infra/testing/evidence.js'
import { testAuthorityKey, testGenesis } from '../infra/testing/registry.js'
import { fromHex, hex } from './bytes.js'
import { checkEvidence } from './check-evidence.js'
import { evidenceHash, isThird } from './evidence.js'
import { type EvidenceFile, evidenceFile } from './evidence-format.js'
import { voteMessage } from './lane-fold.js'
import { encodeSignedVote, encodeVote, type Judgement } from './records.js'

const chain = falseChain()
const files = evidenceIn(chain, 0).map((each) => evidenceFile(chain.registry.state, each))
const fileOf = (kind: EvidenceFile['kind'], authority: string): EvidenceFile => {
  const file = files.find((each) => each.kind === kind && each.authority === authority)
  if (file === undefined) throw new Error(`no ${kind} of ${authority}`)
  return JSON.parse(JSON.stringify(file))
}
const twice = fileOf('contradiction', 'authority-4')
const late = fileOf('contradiction', 'authority-5')
const invented = fileOf('void-block', 'authority-2')

const check = (value: unknown, genesis = chain.registry.genesis) => checkEvidence(value, genesis, sodiumSignatures)
const reason = (value: unknown, genesis?: Buffer) => {
  const checked = check(value, genesis)
  return checked.ok ? 'it holds' : checked.reason
}
/** Of other originals, with the hash of these. */
const withOriginals = (file: EvidenceFile, originals: readonly string[]): EvidenceFile => ({
  ...file,
  originals: [...originals],
  hash: hex(evidenceHash(originals.map((each) => fromHex(each)))),
})
function voteOf(authority: string, changes: Partial<Parameters<typeof encodeVote>[0]> = {}): string {
  const { lane, height, block } = invented
  const judgement = { kind: 'reject', fault: 200, detail: 'of another time' } as const
  const bytes = encodeVote({ lane, height: BigInt(height), block: fromHex(block), authority, judgement, ...changes })
  return hex(encodeSignedVote(bytes, sign(voteMessage(chain.chainId, bytes), testAuthorityKey(authority).secretKey)))
}

describe('evidence that holds', () => {
  test('of two accepts of one block proves itself', () => {
    for (const [file, authority] of [
      [twice, 'authority-4'],
      [late, 'authority-5'],
    ] as const) {
      const checked = check(file)
      if (!checked.ok) throw new Error(checked.reason)
      const { shown } = checked
      expect(shown).toMatchObject({ kind: 'contradiction', authority, isProof: true, network: 'test', weight: 1, totalWeight: 5 })
      expect(shown.key).toEqual(testAuthorityKey(authority).publicKey)
      expect(hex(shown.hash)).toBe(file.hash)
      expect(shown.verdicts).toHaveLength(2)
      expect(shown.verdicts[0]).not.toEqual(shown.verdicts[1])
    }
    expect(late.governance).toHaveLength(1)
  })

  test('of a false block says who sealed it, and what was said of it', () => {
    const checked = check(invented)
    if (!checked.ok) throw new Error(checked.reason)
    expect(checked.shown).toMatchObject({ kind: 'void-block', authority: 'authority-2', isProof: false, lane: 0, height: 3n })
    expect(checked.shown.rejects).toEqual(
      ['authority-1', 'authority-3', 'authority-5'].map((authority) => ({
        ...{ authority, fault: 'wrong-entries', detail: 'its entries are others' },
      })),
    )
  })

  test('with a fault that this version does not know gives its number', () => {
    const [block = ''] = invented.originals
    const checked = check(withOriginals(invented, [block, voteOf('authority-1'), voteOf('authority-3')]))
    expect(checked).toMatchObject({ ok: true, shown: { rejects: [{ fault: 'code 200' }, { fault: 'code 200' }] } })
  })

  test('a third is enough, and no less', () => {
    expect([isThird(1, 4), isThird(2, 4), isThird(1, 3), isThird(0, 1)]).toEqual([false, true, true, false])
  })
})

describe('evidence that does not hold', () => {
  const [block = '', first = '', second = '', third = ''] = invented.originals
  const [accept = '', other = ''] = twice.originals
  const accepted: Judgement = { kind: 'accept', verdictHash: Buffer.alloc(32, 1), notCounted: [] }

  test.each<[string, unknown, string]>([
    ['no JSON of this form', {}, 'not of the form of evidence: version'],
    ['null', null, 'the whole'],
    ['a field too many', { ...twice, more: 1 }, 'not of the form'],
    ['another chain', { ...twice, chainId: '00'.repeat(32) }, 'it is of chain 00'],
    ['a lane that there is not', { ...twice, lane: 2 }, 'there is no lane 2'],
    ['somebody who was no authority', { ...twice, authority: 'authority-9' }, 'authority-9 was no authority then'],
    ['an authority of later', { ...late, registrySize: 2, governance: [] }, 'authority-5 was no authority then'],
    ['before the genesis', { ...twice, registrySize: 0, governance: [] }, 'before the genesis'],
    ['events beyond the registry size', { ...twice, registrySize: 2 }, 'is not among the 2'],
    ['another hash', { ...twice, hash: '00'.repeat(32) }, 'its hash is not that of its originals'],
    ['one original that is a record of nothing', withOriginals(twice, [accept, '0102']), 'original 1 is neither'],
    ['an original with a prefix', withOriginals(twice, [`0000000001${accept}`, other]), 'original 0 is neither'],
    ['the same vote twice', withOriginals(twice, [accept, accept]), 'both votes are the same'],
    ['three votes', withOriginals(twice, [accept, other, accept]), 'is of two votes'],
    ['a block in place of a vote', withOriginals(twice, [block, other]), 'that must be a vote is none'],
    ['a vote in place of the block', withOriginals(invented, [first, second, third]), 'its first original is no block'],
    ['a vote of somebody else', { ...twice, authority: 'authority-3' }, 'a vote is of authority-4'],
    ['a reject beside an accept', withOriginals(twice, [accept, voteOf('authority-4')]), 'a vote is no accept'],
    ['another block', { ...twice, block: '00'.repeat(32) }, 'is on another block'],
    ['another height', { ...twice, height: 4 }, 'is on another block'],
    ['a block of another hash', { ...invented, block: '00'.repeat(32) }, 'the block is another one'],
    ['a block of another height', { ...invented, height: 9 }, 'of another lane or height'],
    ['a block of somebody else', { ...invented, authority: 'authority-1' }, 'the block names authority-2, not authority-1'],
    ['too few rejects', withOriginals(invented, [block, first]), 'its rejects weigh 1 of 5'],
    ['a reject twice', withOriginals(invented, [block, first, first, second]), 'each once'],
    ['rejects out of order', withOriginals(invented, [block, second, first]), 'order of their authorities'],
    ['a reject of nobody', withOriginals(invented, [block, first, voteOf('authority-8')]), 'authority-8 was no authority then'],
    [
      'an accept among rejects',
      withOriginals(invented, [block, first, voteOf('authority-4', { judgement: accepted }), third]),
      'the vote of authority-4 is no reject',
    ],
    [
      'a reject of another block',
      withOriginals(invented, [block, voteOf('authority-1', { height: 9n }), second]),
      'another block',
    ],
  ])('%s', (_what, value, why) => {
    expect(reason(value)).toContain(why)
  })

  test('signatures, seals, entries and events of governance that were altered', () => {
    const altered = (text: string, at: number) =>
      text.slice(0, at) + (Number.parseInt(text.slice(at, at + 1), 16) ^ 1).toString(16) + text.slice(at + 1)
    expect(reason(withOriginals(twice, [accept, altered(other, other.length - 1)]))).toContain('is not signed by the key')
    const sealAt = block.indexOf(hex(Buffer.from('never sent'))) - 6
    expect(reason(withOriginals(invented, [altered(block, sealAt), first, second]))).toContain('the seal is not one')
    expect(reason(withOriginals(invented, [altered(block, block.length - 4), first, second]))).toContain('its entries are not')
    const [event] = late.governance
    if (event === undefined) throw new Error('no event')
    expect(reason({ ...late, governance: [{ ...event, signatures: event.signatures.slice(0, 2) }] })).toContain('does not count')
    expect(reason({ ...late, governance: [{ ...event, body: '00' }] })).toContain('is not a canonical body')
    expect(reason({ ...late, governance: [event, event] })).toContain('out of order')
    expect(reason({ ...late, governance: [{ ...event, index: 0 }] })).toContain('out of order')
  })

  test('under the genesis of another chain, or one that does not hold', () => {
    expect(reason(twice, testGenesis({ authorities: 2 }))).toContain('it is of chain')
    expect(reason(twice, Buffer.from('no genesis'))).toContain('the genesis itself does not hold')
  })
})
