import { expect, test } from '@jest/globals'
import { laneGenesis } from '../schemas/lane-fold.js'
import { withinLog } from './recover.js'

test('a place outside the log, which was made again, becomes its start; others stay', () => {
  const { final } = laneGenesis(Buffer.alloc(32), 0)
  const at = (nextOffset: bigint) => ({ final, nextOffset })
  const positions = new Map([7n, 8n, 2n, 1n].map((offset, lane) => [lane, at(offset)]))
  const ends = new Map([0, 1, 2].map((lane) => [lane, { low: 3n, high: 7n }]))
  expect([...withinLog(positions, ends).values()].map((each) => each.nextOffset)).toEqual([7n, 3n, 3n, 0n])
})
