import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from '@jest/globals'
import { TransientError } from '../../schemas/errors.js'
import { blockHash } from '../../schemas/lane-fold.js'
import { encodeBlock } from '../../schemas/records.js'
import { type BlockRecord, TestLane } from '../testing/lane.js'
import { type HeldBlock, HeldBlocks } from './held-blocks.js'

const folder = mkdtempSync(join(tmpdir(), 'held-blocks-'))
afterAll(() => rmSync(folder, { recursive: true }))

const lane = new TestLane([1, 1, 1, 1])
/** Distinct blocks of this many bytes of entries. */
const blocksOf = (count: number, size: number): { hash: Buffer; held: HeldBlock }[] =>
  Array.from({ length: count }, (_, attempt) => {
    const record: BlockRecord = lane.block(lane.start.final, {
      attempt,
      entries: [Buffer.alloc(size, attempt), Buffer.from('x')],
    })
    const bytes = encodeBlock(record.headerBytes, record.seal, record.entries)
    return { hash: blockHash(record.headerBytes), held: { block: record, bytes, offset: BigInt(attempt), timestamp: attempt } }
  })

describe('blocks of candidates', () => {
  test('are given as they came, whether they wait in memory or in a file', () => {
    const blocks = blocksOf(6, 5_000)
    const all = new HeldBlocks(12_000, folder)
    for (const { hash, held } of blocks) all.add(hash, held)
    for (const { hash, held } of [...blocks, ...blocks.toReversed()]) expect(all.get(hash)).toEqual(held)
    expect(all.get(Buffer.alloc(32))).toBeUndefined()
    expect(blocks.map(({ hash, held }) => all.get(hash) === held)).toEqual([true, true, false, false, false, false])
    expect(readdirSync(folder)).toEqual([])
  })

  test('are gone when the height is decided, and there is room for those of the next', () => {
    const [first, second, third] = [blocksOf(4, 5_000), blocksOf(4, 6_000), blocksOf(1, 1)]
    const all = new HeldBlocks(12_000, folder)
    for (const blocks of [first, second, third]) {
      for (const { hash, held } of blocks) all.add(hash, held)
      for (const { hash, held } of blocks) expect(all.get(hash)).toEqual(held)
      all.clear()
      for (const { hash } of blocks) expect(all.get(hash)).toBeUndefined()
    }
  })

  test('that no disk takes are told', () => {
    const [block] = blocksOf(1, 5_000)
    if (block === undefined) throw new Error('no block')
    const all = new HeldBlocks(0, join(folder, 'nowhere'))
    expect(() => all.add(block.hash, block.held)).toThrow(TransientError)
  })
})
