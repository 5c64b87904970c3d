import { expect, test } from '@jest/globals'
import { movedCursor } from './cursor-watch.js'

const [ours, other] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
const key = 'chain/0'
const placed = (written: bigint, taken: bigint) => new Map([[key, { written, taken, blockHash: ours }]])
const cursor = (height: bigint, blockHash = ours) => new Map([[key, { height, blockHash }]])

test('a cursor that is gone, behind, ahead or at another block was moved by somebody else', () => {
  const moved = (cursors: ReturnType<typeof cursor>) => movedCursor(placed(5n, 7n), cursors, placed(6n, 8n))
  expect(moved(new Map())).toMatch(/cursor of chain, lane 0, is gone, and 5 was reached/)
  expect(moved(cursor(4n))).toMatch(/is at 4, and 5 was reached/)
  expect(moved(cursor(9n))).toMatch(/is at 9/)
  expect(moved(cursor(5n, other))).toMatch(/names another block at 5/)
})

test('one that moved on while it was looked at was not', () => {
  for (const cursors of [cursor(5n), cursor(6n, other), cursor(8n, other)])
    expect(movedCursor(placed(5n, 7n), cursors, placed(6n, 8n))).toBeUndefined()
  expect(movedCursor(placed(5n, 7n), cursor(5n), new Map())).toBeUndefined()
})
