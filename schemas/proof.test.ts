import { describe, expect, test } from '@jest/globals'
import { sign, sodiumSignatures } from '../infra/crypto/sodium.js'
import { TestChain, variedChain } from '../infra/testing/chain.js'
import { entriesOf, proofOf } from '../infra/testing/proofs.js'
import { testAuthorityKey, testGenesis, testKeyPair } from '../infra/testing/registry.js'
import { fromHex, hex } from './bytes.js'
import { faultCode } from './faults.js'
import { sealMessage, voteMessage } from './lane-fold.js'
import { leafHash } from './merkle.js'
import { type Checked, checkProof, type Proved } from './proof.js'
import type { EntryProof } from './proof-format.js'
import { decodeHeader, encodeHeader, encodeVote } from './records.js'

const check = (chain: TestChain, proof: unknown) => checkProof(proof, chain.registry.genesis, sodiumSignatures)
function proved(checked: Checked): Proved {
  if (!checked.ok) throw new Error(checked.reason)
  return checked.proved
}
const reason = (checked: Checked) => (checked.ok ? 'it holds' : checked.reason)

/** One meter of four authorities; its second block comes after a change of authorities, its third after a change of its key. */
function changedChain() {
  const chain = new TestChain({ authorities: 4, lanes: 1, meters: 3 })
  const ids = ['meter-1', 'meter-2', 'meter-3']
  chain.send(2, ids)
  const first = chain.finalize(0)
  const key = testAuthorityKey('authority-5').publicKey
  chain.submit({ kind: 'AddAuthority', authority: { id: 'authority-5', key, weight: 3 } })
  chain.submit({ kind: 'RemoveAuthority', authority: 'authority-1' })
  chain.finalize(0)
  chain.send(1)
  const second = chain.finalize(0)
  const meter = chain.meter('meter-1')
  chain.submit({ kind: 'RotateMeterKey', meter: 'meter-1', fromSequence: 4, key: testKeyPair('new').publicKey })
  Object.assign(meter, { keys: testKeyPair('new') })
  chain.send(1)
  const third = chain.finalize(0)
  return { chain, first, second, third }
}
const changed = changedChain()

describe('a proof that holds', () => {
  test('shows a reading of a lane’s first block, by the authorities of the genesis', () => {
    const { chain, first } = changed
    const proof = proofOf(chain, 0, 1n, 0)
    expect(proof).toMatchObject({ parent: null, governance: [] })
    const result = proved(check(chain, proof))
    expect(result).toMatchObject({ lane: 0, height: 1n, entry: 0, counted: { counted: true }, network: 'test' })
    expect(result.blockHash).toEqual(first.hash)
    expect(result.leafHash).toEqual(leafHash(first.entries[0] ?? Buffer.alloc(0)))
    expect(result.reading).toMatchObject({ meter: 'meter-1', sequence: 1 })
    expect(result.voters).toEqual(['authority-1', 'authority-2', 'authority-3'])
    expect(result.weight).toEqual({ accepted: 3, total: 4 })
  })

  test('carries the changes of authorities, and goes by them', () => {
    const { chain } = changed
    const proof = proofOf(chain, 0, 3n, 0)
    expect(proof.governance).toHaveLength(2)
    const { voters, weight } = proved(check(chain, proof))
    expect(voters).toEqual(['authority-2', 'authority-3', 'authority-4', 'authority-5'])
    expect(weight).toEqual({ accepted: 6, total: 6 })
  })

  test('carries the change of a meter’s key, which holds from its sequence on', () => {
    const { chain, third } = changed
    const at = third.entries.findIndex((_, i) => proved(check(chain, proofOf(chain, 0, 4n, i))).reading?.meter === 'meter-1')
    const proof = proofOf(chain, 0, 4n, at)
    expect(proof.meter?.rotations).toHaveLength(1)
    const result = proved(check(chain, proof))
    expect(result.reading?.sequence).toBe(4)
    expect(result.key).toEqual(testKeyPair('new').publicKey)
    const without = { ...proof, meter: { ...proof.meter, rotations: [] } }
    expect(reason(check(chain, without))).toBe('the meter’s signature does not hold')
  })

  test('says of every entry of a chain with faults whether it counts, and why not', () => {
    const chain = variedChain()
    const codes = new Set<string>()
    let counted = 0
    for (let lane = 0; lane < chain.lanes; lane++)
      for (let height = 1n; height <= chain.final(lane).height; height++) {
        const { length } = entriesOf(chain, lane, height)
        for (let entry = 0; entry < length; entry++) {
          const result = proved(check(chain, proofOf(chain, lane, height, entry)))
          if (result.counted.counted) counted++
          else codes.add(result.counted.fault)
        }
      }
    expect(counted).toBeGreaterThan(10)
    expect([...codes]).toEqual(expect.arrayContaining(['malformed', 'bad-signature', 'unknown-meter', 'sequence-taken']))
  })
})

describe('a proof that does not hold', () => {
  const { chain } = changed
  const good = proofOf(chain, 0, 3n, 1)
  const broken = (changes: Partial<EntryProof>) => reason(check(chain, { ...good, ...changes }))

  test('says what is wrong with its form', () => {
    expect(reason(check(chain, 'text'))).toMatch(/^not of the form of a proof: the whole/)
    expect(broken({ version: 2 as 1 })).toMatch(/not of the form of a proof: version/)
    expect(broken({ extra: 1 } as object)).toMatch(/not of the form/)
    expect(broken({ entry: { ...good.entry, bytes: 'abc' } })).toMatch(/not of the form of a proof: entry.bytes/)
  })

  test('is of another chain, or comes with a genesis that is none', () => {
    const other = testGenesis({ authorities: 2 })
    expect(reason(checkProof(good, other, sodiumSignatures))).toMatch(/^it is of chain .*, and the genesis of chain/)
    expect(reason(checkProof(good, Buffer.from('x'), sodiumSignatures))).toMatch(/^the genesis itself does not hold/)
  })

  test('leaves out, or reorders, what decides', () => {
    expect(broken({ parent: null })).toBe('the block before height 3 is missing')
    expect(broken({ governance: [] })).toMatch(/was no authority then|unknown-voter/)
    expect(broken({ governance: good.governance.toReversed() })).toMatch(/out of order/)
    expect(broken({ meter: null })).toBe('the entry counts, and its meter’s key is missing')
    expect(broken({ block: { ...good.block, votes: good.block.votes.slice(0, -1) } })).toBe(
      'its votes do not weigh more than 2/3',
    )
    expect(broken({ block: { ...good.block, votes: [...good.block.votes, ...good.block.votes] } })).toMatch(/does not count/)
  })

  test('has the block of another place, or a registry that says something else', () => {
    const first = proofOf(chain, 0, 1n, 0)
    const last = proofOf(chain, 0, 4n, 0)
    expect(broken({ parent: last.parent })).toBe('the block does not follow the block before')
    expect(reason(check(chain, { ...first, governance: good.governance }))).toBe('governance events stand beside a first block')
    expect(broken({ entry: first.entry })).toBe('the entry is not in the block')
    expect(broken({ entry: { ...good.entry, index: 0 } })).toBe('the entry is not in the block')
    expect(broken({ meter: first.meter })).toMatch(/is not in the registry of height 3/)
    const { meter } = good
    if (meter === null) throw new Error('no meter')
    const enrolment = { ...meter.enrolment, leafIndex: 0 }
    expect(broken({ meter: { ...meter, enrolment } })).toMatch(/is not in the event of its enrolment/)
    const event = good.governance[0]
    if (event === undefined) throw new Error('no event')
    const { signatures, ...leaf } = event
    expect(broken({ meter: { ...meter, rotations: [{ ...leaf, path: [] }] } })).toMatch(/is not in the registry/)
    expect(broken({ governance: [{ ...event, signatures: signatures.slice(0, 2) }, ...good.governance.slice(1)] })).toMatch(
      /does not count: not-signed/,
    )
    expect(broken({ governance: [event, { ...event, index: event.index + 1 }] })).toMatch(/is not in the registry/)
  })

  test('was made by less than the weight that decides', () => {
    const header = decodeHeader(fromHex(good.block.header))
    if (header === undefined) throw new Error('no header')
    const { proposer } = header
    const { chainId } = chain
    const forged = encodeHeader({ ...header, sealedAt: 1 })
    const key = testAuthorityKey(proposer).secretKey
    const seal = hex(sign(sealMessage(chainId, forged), key))
    const block = { ...good.block, header: hex(forged) }
    expect(broken({ block })).toBe(`the seal of ${proposer} does not hold`)
    expect(broken({ block: { ...block, seal } })).toMatch(/no-such-candidate/)
    const reject = encodeVote({
      ...{ lane: 0, height: 3n, block: chain.final(0).hash, authority: proposer },
      judgement: { kind: 'reject', fault: faultCode('early'), detail: '' },
    })
    const vote = hex(Buffer.concat([reject, sign(voteMessage(chainId, reject), key)]))
    expect(broken({ block: { ...good.block, votes: [vote] } })).toMatch(/is no accept/)
    expect(broken({ block: { ...good.block, votes: ['00'] } })).toBe('vote 0 is not a canonical vote')
  })

  test('puts a key beside an entry that does not count', () => {
    const faulty = variedChain()
    const at = (entry: number) => proofOf(faulty, 0, 2n, entry)
    const uncounted = at(0)
    expect(proved(check(faulty, uncounted)).counted).toEqual({ counted: false, code: 1, fault: 'malformed' })
    expect(reason(check(faulty, { ...uncounted, meter: good.meter }))).toMatch(/beside an entry that does not count/)
  })
})
