import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Authorities } from '../infra/testing/authorities.js'

let all: Authorities
beforeAll(async () => {
  all = await Authorities.open({ lanes: 1, meters: 1 })
}, 60_000)
afterAll(() => all.close(), 60_000)

test('two source epochs began before any block: the lane passes over the first with an empty block, and goes on', async () => {
  for (const epoch of [1, 2]) await all.submit({ kind: 'SetSourceEpoch', lane: 0, epoch })
  await Promise.all([all.start('chainer'), all.start('validator')])
  await all.send(0, [all.meter('meter-1').next()])
  const covered = ({ sourceEpoch, lastOffset }: { sourceEpoch: number; lastOffset: bigint }) =>
    sourceEpoch === 2 && lastOffset === 0n
  const finals = await all.untilFinal(0, 'the reading in a block of epoch 2', covered)
  expect(finals[0]?.header).toMatchObject({ sourceEpoch: 1, count: 0, registrySize: all.ledger.state.size - 1 })
  expect(finals.flatMap(({ block }) => block.entries)).toHaveLength(1)
  expect((await all.read(0)).outcomes).not.toContain('void')
  expect(all.fatal).toEqual([])
}, 60_000)
