import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { cases } from '../../infra/testing/thorough.js'
import { hex } from '../bytes.js'
import { sha256 } from '../hash.js'
import { leafHash, MemoryNodeStore, merkleRoot, rootAt, treeOf } from '../merkle.js'
import { type Block, type CheckpointLeaf, encodeCheckpointLeaf, type Header } from '../records.js'
import { CheckpointLog, checkpointLane, isSameLeaf, leavesOf } from './log.js'
import { PeakStore } from './peaks.js'

const hash = (name: string) => sha256(Buffer.from(name))
const leaf = (lane: number, height: number): CheckpointLeaf => ({
  lane,
  height: BigInt(height),
  block: hash(`block ${lane} ${height}`),
  verdict: hash(`verdict ${lane} ${height}`),
})

function block(entries: readonly Buffer[], first: number, changes: Partial<Header> = {}): Block {
  const header = {
    ...{ sourceEpoch: 0, firstOffset: BigInt(first), lastOffset: BigInt(first + entries.length - 1) },
    ...changes,
  } as Header
  return { header, headerBytes: Buffer.alloc(0), seal: Buffer.alloc(64), entries: [...entries] }
}

describe('the leaves of a checkpoint', () => {
  const tips = new Map([[1, leaf(1, 4)]])
  const found = (leaves: readonly CheckpointLeaf[], changes: Partial<Header> = {}) =>
    leavesOf(block(leaves.map(encodeCheckpointLeaf), 7, changes), tips, 3)

  test('go on from each lane’s tip, by lane and height', () => {
    const leaves = [leaf(0, 1), leaf(0, 2), leaf(1, 5), leaf(2, 1)]
    expect(found(leaves)).toEqual({ ok: true, leaves })
  })
  test.each([
    ['none', [], {}, 'no leaf'],
    ['one that is in already', [leaf(1, 4)], {}, 'entry 0: lane 1 goes on at height 5, not 4'],
    ['a height left out', [leaf(0, 1), leaf(0, 3)], {}, 'entry 1: lane 0 goes on at height 2, not 3'],
    ['a lane after a later one', [leaf(1, 5), leaf(0, 1)], {}, 'entry 1 is of lane 0, after 1'],
    ['an unknown lane', [leaf(3, 1)], {}, 'entry 0 is no leaf of a lane'],
    ['another source epoch', [leaf(0, 1)], { sourceEpoch: 1 }, 'source epoch 1, not 0'],
    ['places that are not theirs', [leaf(0, 1)], { lastOffset: 9n }, '1 leaves in the places 7 to 9'],
  ])('%s: refused', (_what, leaves, changes, fault) => {
    expect(found(leaves, changes)).toEqual({ ok: false, fault })
  })
  test('bytes that are no leaf: refused; made final all the same, they are in the tree and move no tip', () => {
    const entries = [encodeCheckpointLeaf(leaf(0, 1)), Buffer.from('x'), encodeCheckpointLeaf(leaf(0, 3))]
    expect(leavesOf(block(entries, 7), tips, 3)).toEqual({ ok: false, fault: 'entry 1 is no leaf of a lane' })
    const log = new CheckpointLog(new MemoryNodeStore(), 3)
    const { head, leaves } = log.take(entries)
    expect(leaves).toEqual([leaf(0, 1)])
    expect([...log.tips.values()]).toEqual([leaf(0, 1)])
    expect({ size: head.size, root: hex(head.root) }).toEqual({ size: 3, root: hex(merkleRoot(entries.map(leafHash))) })
  })
  test('more than a block may hold: refused', () => {
    const many = Array.from({ length: 10_001 }, (_, at) => encodeCheckpointLeaf(leaf(0, at + 1)))
    expect(leavesOf(block(many, 7), tips, 3)).toEqual({ ok: false, fault: '10001 leaves' })
  })
})

test('the lane of checkpoints is none of the readings’', () => {
  expect(checkpointLane(4)).toBe(4)
})

test('a leaf is the same where block and verdict are', () => {
  expect(isSameLeaf(leaf(0, 1), leaf(0, 1))).toBe(true)
  expect(isSameLeaf(leaf(0, 1), { ...leaf(0, 1), verdict: hash('another') })).toBe(false)
  expect(isSameLeaf(leaf(0, 1), { ...leaf(0, 1), block: hash('another') })).toBe(false)
})

test('a log taken up again from its peaks has the root of the whole tree', () => {
  fc.assert(
    fc.property(fc.nat(200), fc.nat(200), (before, after) => {
      const entries = Array.from({ length: before + after }, (_, at) => encodeCheckpointLeaf(leaf(0, at + 1)))
      const nodes = new PeakStore()
      const log = new CheckpointLog(nodes, 1)
      log.take(entries.slice(0, before))
      const resumed = new CheckpointLog(new PeakStore(nodes.peaks), 1, { size: log.size, tips: log.tips })
      const { head } = resumed.take(entries.slice(before))
      expect(hex(head.root)).toBe(hex(rootAt(treeOf(entries.map(leafHash)), entries.length)))
      expect(resumed.tips.get(0)?.height ?? 0n).toBe(BigInt(entries.length))
    }),
    cases(100),
  )
})
