import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { Authorities } from '../infra/testing/authorities.js'
import { until } from '../infra/testing/until.js'

let all: Authorities
beforeAll(async () => {
  all = await Authorities.open({ lanes: 1, authorities: 4, meters: 1 }, { METERCHAIN_WIGGLE_MILLIS: '100' })
}, 60_000)
afterAll(() => all.close(), 60_000)

test('a lane without enough voters: its candidate and the votes on it are appended again, and it goes on when another comes', async () => {
  await Promise.all([all.start('chainer', 2), all.start('validator', 1), all.start('validator', 2)])
  const offset = await all.send(0, [all.meter('meter-1').next()])
  const { outcomes } = await until('the candidate and a vote again', 30_000, async () => {
    const read = await all.read(0)
    return read.outcomes.includes('known') && read.outcomes.includes('vote-repeated') && read
  })
  expect(outcomes).not.toContain('final')
  await all.start('validator', 3)
  const finals = await all.untilCovered(0, offset)
  expect(finals.map(({ votes }) => votes.map(({ vote }) => vote.authority).sort())).toEqual([
    ['authority-1', 'authority-2', 'authority-3'],
  ])
  expect(all.fatal).toEqual([])
}, 60_000)
