import { describe, expect, test } from '@jest/globals'
import { EVIDENCE_EACH } from '../../schemas/evidence.js'
import { decodeChainRecord, encodeBlock } from '../../schemas/records.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { TestChain } from '../testing/chain.js'
import { evidenceIn, falseChain, finalsWithEvidence } from '../testing/evidence.js'
import { type Certified, LaneEvidence } from './lane-evidence.js'
import { LaneReader, laneRules } from './lane-reader.js'

const newChain = () => new TestChain({ authorities: 4, lanes: 1, meters: 2 })
const reject = { kind: 'reject', fault: 32, detail: 'its entries are others' } as const

describe('what a lane’s log holds as evidence', () => {
  test('a false block with its rejects, and accepts that contradict each other, before and after the certificate', () => {
    const chain = falseChain()
    const finals = finalsWithEvidence(chain, 0)
    const told = finals.map(({ evidence }) => evidence.map(({ kind, height, authority }) => [kind, height, authority]))
    expect(told).toEqual([
      [],
      [],
      [
        ['contradiction', 3n, 'authority-4'],
        ['void-block', 3n, 'authority-2'],
      ],
      [['contradiction', 3n, 'authority-5']],
    ])
    const [early, invented, late] = evidenceIn(chain, 0)
    const log = chain.log.records('chain', 0)
    for (const { originals } of [early, invented, late].filter((each) => each !== undefined))
      for (const { record, place } of originals) {
        const at = log.find(({ offset }) => offset === place?.offset)
        if (place !== null) expect([at?.value?.subarray(5), at?.timestamp]).toEqual([record, place.timestamp])
        expect(decodeChainRecord(record)).toBeDefined()
      }
    expect(early?.originals.map(({ place }) => place !== null)).toEqual([true, true])
    expect(late?.originals.map(({ place }) => place !== null)).toEqual([false, true])
    const signers = invented?.originals.map(({ record }) => {
      const decoded = decodeChainRecord(record)
      return decoded?.kind === 'vote' ? decoded.vote.authority : decoded?.header.proposer
    })
    expect(signers).toEqual(['authority-2', 'authority-1', 'authority-3', 'authority-5'])
  })

  test('nothing where less than a third rejects, where who rejected comes round, or where the rejected block becomes final', () => {
    const chain = newChain()
    chain.send(1)
    const one = chain.seal(0)
    chain.vote(one, 'authority-4', reject)
    for (const id of ['authority-1', 'authority-2', 'authority-3']) chain.vote(one, id)
    chain.settle(one)
    const seen = chain.seal(0)
    const other = chain.seal(0, { proposer: 'authority-3' })
    for (const id of ['authority-1', 'authority-2']) chain.vote(seen, id, { kind: 'reject', fault: 40, detail: 'not seen yet' })
    for (const id of ['authority-1', 'authority-2']) chain.vote(other, id, { kind: 'reject', fault: 40, detail: 'not seen yet' })
    chain.vote(other, 'authority-2')
    for (const id of ['authority-1', 'authority-2', 'authority-3']) chain.vote(seen, id)
    chain.settle(seen)
    expect(finalsWithEvidence(chain, 0)).toHaveLength(2)
    expect(evidenceIn(chain, 0)).toEqual([])
  })

  test('the same vote again, a reject after an accept, forged votes and votes on other blocks are no contradiction', () => {
    const chain = newChain()
    const first = chain.finalize(0)
    chain.vote(first, 'authority-1')
    chain.vote(first, 'authority-1', reject)
    chain.vote({ ...first, hash: Buffer.alloc(32, 1) }, 'authority-1', chain.accept(first, [{ entry: 0, code: 5 }]))
    chain.vote(first, 'authority-1', { kind: 'accept', verdictHash: Buffer.alloc(32), notCounted: [] })
    const forged = Buffer.from(chain.vote(first, 'stranger'))
    forged.writeUInt8(forged.readUInt8(forged.length - 1) ^ 1, forged.length - 1)
    chain.log.append('chain', 0, forged)
    chain.finalize(0)
    expect(evidenceIn(chain, 0)).toEqual([])
  })

  test('an accept after the certificate, then another: both are kept', () => {
    const chain = newChain()
    chain.send(1)
    const block = chain.seal(0)
    for (const id of ['authority-1', 'authority-2', 'authority-3']) chain.vote(block, id)
    chain.settle(block)
    chain.vote(block, 'authority-4', chain.accept(block, [{ entry: 0, code: 5 }]))
    chain.vote(block, 'authority-4')
    chain.vote(block, 'authority-4')
    chain.finalize(0)
    const [found, ...more] = evidenceIn(chain, 0)
    expect(more).toEqual([])
    expect(found).toMatchObject({ kind: 'contradiction', height: 1n, authority: 'authority-4' })
    expect(found?.originals.map(({ place }) => place !== null)).toEqual([true, true])
  })

  test('of one that floods a height, the first blocks and votes are kept, and the others’ all the same', () => {
    const chain = newChain()
    chain.send(1)
    const flood = Array.from({ length: EVIDENCE_EACH + 2 }, (_, attempt) => chain.seal(0, { proposer: 'authority-4', attempt }))
    const honest = chain.seal(0, { proposer: 'authority-3' })
    for (const block of [...flood, honest]) {
      for (const id of ['authority-1', 'authority-3']) chain.vote(block, id, reject)
      chain.vote(block, 'authority-4')
      chain.vote(block, 'authority-4', chain.accept(block, [{ entry: 0, code: 5 }]))
    }
    const right = chain.finalize(0)
    const found = evidenceIn(chain, 0)
    const blocksOf = (kind: string, authority: string) =>
      found.filter((each) => each.kind === kind && each.authority === authority).map(({ block }) => block)
    const first = flood.slice(0, EVIDENCE_EACH).map(({ hash }) => hash)
    expect(blocksOf('void-block', 'authority-4')).toEqual(first)
    expect(blocksOf('contradiction', 'authority-4')).toEqual(first)
    expect(blocksOf('void-block', 'authority-3')).toEqual([honest.hash])
    expect(found.every(({ block }) => !block.equals(right.hash))).toBe(true)
  })

  test('the block’s own bytes are kept', () => {
    const chain = falseChain()
    const kept = evidenceIn(chain, 0).find(({ kind }) => kind === 'void-block')?.originals[0]?.record
    const block = kept && decodeChainRecord(kept)
    if (block?.kind !== 'block') throw new Error('no block')
    expect(encodeBlock(block.headerBytes, block.seal, block.entries)).toEqual(kept)
    expect(block.entries).toEqual([Buffer.from('never sent')])
  })
})

test('a reader that begins at any final block finds what one from the genesis finds after it', () => {
  const chain = falseChain()
  const whole = finalsWithEvidence(chain, 0)
  const rules = laneRules(chain.registry.state, sodiumSignatures.verify)
  const log = chain.log.records('chain', 0)
  for (const [i, { header, hash, verdictHash, votes, nextOffset, certificateOffset }] of whole.entries()) {
    const from = new LaneReader(0, rules, undefined)
    for (const record of log.filter(({ offset }) => offset < certificateOffset)) from.take(record)
    const certified: Certified = {
      ...{ parent: from.state.final, header, hash },
      accepts: votes.flatMap(({ bytes }) => {
        const decoded = decodeChainRecord(bytes)
        return decoded?.kind === 'vote' ? [decoded] : []
      }),
    }
    const { height, registrySize, sourceEpoch, lastOffset } = header
    const final = { height, hash, verdictHash, registrySize, sourceEpoch, lastOffset }
    const reader = new LaneReader(0, rules, { final, nextOffset }, new LaneEvidence(0, rules, certified))
    const rest = log.filter(({ offset }) => offset >= nextOffset).flatMap((record) => reader.take(record).finalized ?? [])
    expect(rest).toEqual(whole.slice(i + 1))
  }
})
