import { expect, test } from '@jest/globals'
import { type ChaosResult, healings, healingTable, isRight, resultJson } from './report.js'

const healed = [
  { kind: 'garbage', millis: 300 },
  { kind: 'garbage', millis: 100 },
  { kind: 'stage-killed', millis: 4_049 },
  { kind: 'garbage', millis: 200 },
]
const right: ChaosResult = {
  ...{ seed: 5, seconds: 61.26, healed, acknowledged: 90, final: 100, visible: 100, lost: 0, twice: 0, contradicted: 0 },
}

test('of each kind: how often, the middle and the longest time until it was healed', () => {
  expect(Object.fromEntries(healings(healed))).toEqual({
    garbage: { count: 3, medianHealedMillis: 200, maxHealedMillis: 300 },
    'stage-killed': { count: 1, medianHealedMillis: 4_049, maxHealedMillis: 4_049 },
  })
})

test('the closing line is one JSON object', () => {
  const line = resultJson(right)
  expect(line).not.toContain('\n')
  expect(JSON.parse(line)).toMatchObject({
    ...{ seed: 5, seconds: 61.3, injected: 4, repaired: 4, acknowledged: 90, final: 100, visible: 100, lost: 0, twice: 0 },
    ...{ verified: true, faults: { garbage: { count: 3 } } },
  })
})

test.each([{ lost: 1 }, { twice: 2 }, { contradicted: 1 }, { visible: 99 }])('%j is not right', (wrong) => {
  expect(isRight({ ...right, ...wrong })).toBe(false)
  expect(JSON.parse(resultJson({ ...right, ...wrong })).verified).toBe(false)
})

test('the table has a row for each kind that was injected, and none for others', () => {
  const lines = healingTable(healed).split('\n')
  expect(lines.length).toBe(4)
  expect(lines).toContainEqual('| a stage is killed (SIGKILL) | 1 | 4.0 s | 4.0 s |')
})
