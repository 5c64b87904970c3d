import { expect, test } from '@jest/globals'
import { applyEvent, enrolTestMeters, testMeter, testRegistry } from '../infra/testing/registry.js'
import { laneGenesis } from '../schemas/lane-fold.js'
import { nextEpoch } from './source-epoch.js'

test('source epochs that no block has taken up are passed over one by one, each under the last registry state of its own', () => {
  const { state, chainId, authorityKeys } = testRegistry()
  const begin = (lane: number, epoch: number) =>
    expect(applyEvent(state, { kind: 'SetSourceEpoch', lane, epoch }, authorityKeys).counted).toBe(true)
  const { final } = laneGenesis(chainId, 2)
  const next = (sourceEpoch: number) => nextEpoch(state, { ...final, sourceEpoch }, 2)
  expect(next(0)).toEqual({ registrySize: 1, sourceEpoch: 0 })
  begin(2, 1)
  enrolTestMeters(state, authorityKeys, [testMeter('one')])
  expect(next(0)).toEqual({ registrySize: 3, sourceEpoch: 1 })
  begin(1, 1)
  begin(2, 2)
  begin(2, 3)
  enrolTestMeters(state, authorityKeys, [testMeter('two')])
  expect([0, 1, 2, 3].map(next)).toEqual([
    { registrySize: 4, sourceEpoch: 1 },
    { registrySize: 5, sourceEpoch: 2 },
    { registrySize: 7, sourceEpoch: 3 },
    { registrySize: 7, sourceEpoch: 3 },
  ])
})
