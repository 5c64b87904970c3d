import { expect, test } from '@jest/globals'
import { BLOCK_FAULTS, DOOR_FAULTS, ENTRY_FAULTS, faultCode, faultInfo, faultOfCode } from './faults.js'

test('each fault has a number of its own, within the range of its kind, and a name of its own', () => {
  const ranges = [
    [ENTRY_FAULTS, 1, 31],
    [BLOCK_FAULTS, 32, 63],
    [DOOR_FAULTS, 64, 95],
  ] as const
  for (const [faults, low, high] of ranges) {
    for (const { code } of faults) expect(code >= low && code <= high).toBe(true)
  }
  const all = ranges.flatMap(([faults]) => [...faults])
  expect(new Set(all.map(({ code }) => code)).size).toBe(all.length)
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length)
  for (const info of all) expect(faultOfCode(faultCode(info.name))).toBe(info)
})

test('each says what it means and what the sender can do', () => {
  for (const { meaning, remedy } of [...ENTRY_FAULTS, ...BLOCK_FAULTS, ...DOOR_FAULTS]) expect(meaning && remedy).not.toBe('')
})

test('a number of a later version is unknown, a name that is none is a mistake', () => {
  expect(faultOfCode(0)).toBeUndefined()
  expect(faultOfCode(31)).toBeUndefined()
  expect(() => faultInfo('no-such-fault' as never)).toThrow("no fault is called 'no-such-fault'")
})
