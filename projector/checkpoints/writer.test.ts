import { expect, test } from '@jest/globals'
import { partsOf } from './writer.js'

const MIB = 1024 * 1024
const record = (length: number) => ({ value: length === 0 ? null : Buffer.alloc(length) })

test('records of checkpoints go into transactions of 4 MiB, in their order, and a larger one into one of its own', () => {
  const records = [0, MIB, 3 * MIB, 1, 5 * MIB, 0, 4 * MIB].map(record)
  const parts = partsOf(records)
  expect(parts.map((part) => part.length)).toEqual([3, 1, 1, 2])
  expect(parts.flat()).toEqual(records)
  expect(partsOf([])).toEqual([])
})
