import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals'
import { Authorities } from '../infra/testing/authorities.js'
import { testAuthorityKey } from '../infra/testing/registry.js'
import { laneOf } from '../schemas/murmur2.js'

const NUMBERS = [1, 2, 3, 4]
const METERS = Array.from({ length: 8 }, (_, index) => `meter-${index + 1}`)
const LANES = [0, 1]
let all: Authorities
const meters = new Map<string, ReturnType<Authorities['meter']>>()
const validating = NUMBERS

beforeAll(async () => {
  all = await Authorities.open({ authorities: 4, lanes: LANES.length, meters: METERS.length })
  for (const id of METERS) meters.set(id, all.meter(id))
  await Promise.all(NUMBERS.flatMap((n) => [all.start('chainer', n), all.start('validator', n)]))
}, 90_000)
afterAll(() => all.close(), 90_000)
afterEach(() => {
  expect(all.fatal).toEqual([])
})

/** Every meter sends once; resolves when all of that is final and counts. */
async function round(): Promise<void> {
  for (const lane of LANES) {
    const entries = METERS.filter((id) => laneOf(id, LANES.length) === lane).flatMap((id) => meters.get(id)?.next() ?? [])
    const finals = await all.untilCovered(lane, await all.send(lane, entries))
    expect(finals.flatMap(({ notCounted }) => notCounted)).toEqual([])
  }
}

/** Stops the validators when each has taken what is final; they have kept the same. */
async function expectAgreement(): Promise<void> {
  const tips = await Promise.all(LANES.map(async (lane) => (await all.read(lane)).state.final))
  const taken = async (n: number) => {
    await all.untilReady('validator', n)
    await all.stop('validator', n)
    return all.kept(n, METERS)
  }
  const kept = await Promise.all(validating.map(taken))
  for (const each of kept) {
    expect(each.positions.map((position) => position?.final)).toEqual(tips)
    expect(each).toEqual(kept[0])
  }
  await Promise.all(validating.map((n) => all.start('validator', n)))
}

test('four authorities take turns, and their validators keep the same', async () => {
  for (let n = 0; n < 4; n++) await round()
  await expectAgreement()
  const { finals } = await all.read(0)
  expect(new Set(finals.map(({ header }) => header.proposer)).size).toBe(4)
  for (const { votes } of finals) expect(votes.length).toBe(3)
}, 90_000)

test('with the in-turn chainer away the next rank seals', async () => {
  await all.stop('chainer', 2)
  for (let n = 0; n < 4; n++) await round()
  const { finals } = await all.read(0)
  expect(finals.slice(-4).map(({ header }) => header.proposer)).not.toContain('authority-2')
  await all.start('chainer', 2)
  await round()
}, 90_000)

test('one validator away: blocks become final; it catches up when it is back', async () => {
  await all.stop('validator', 3)
  for (let n = 0; n < 3; n++) await round()
  await all.start('validator', 3)
  await round()
  await expectAgreement()
}, 90_000)

test('a false block goes void, and another authority seals the same offsets', async () => {
  const { state } = await all.read(0)
  const inTurn = Number(state.final.height + 1n) % NUMBERS.length
  const hash = await all.seal(0, inTurn + 1, { entries: [Buffer.from('never sent')] })
  await round()
  const { finals, outcomes } = await all.read(0)
  expect(outcomes).toContain('void')
  const next = finals.find(({ header }) => header.height === state.final.height + 1n)
  expect(next?.hash).not.toEqual(hash)
  expect(next?.header.proposer).not.toBe(`authority-${inTurn + 1}`)
  await expectAgreement()
}, 90_000)

test('an authority that is removed seals no more once each lane has a block of the new state', async () => {
  await all.submit({ kind: 'RemoveAuthority', authority: testAuthorityKey('authority-4').id })
  const { size } = all.ledger.state
  for (const lane of LANES) await all.untilFinal(lane, 'a block of the new state', ({ registrySize }) => registrySize === size)
  const before = (await all.read(0)).finals.length
  for (let n = 0; n < 4; n++) await round()
  const { finals } = await all.read(0)
  const later = finals.slice(before)
  expect(later.map(({ header }) => header.proposer)).not.toContain('authority-4')
  expect(later.flatMap(({ votes }) => votes.map(({ vote }) => vote.authority))).not.toContain('authority-4')
  await expectAgreement()
}, 90_000)

test('a block that came before its turn is rejected while the lane moves; when nobody else seals, its content decides', async () => {
  await round() // whoever has just started does not know when the parent became final
  await Promise.all([1, 2, 3].map((n) => all.stop('chainer', n)))
  const { state } = await all.read(0)
  const entries = METERS.filter((id) => laneOf(id, LANES.length) === 0).flatMap((id) => meters.get(id)?.next() ?? [])
  const last = (Number(state.final.height + 1n) + 2) % 3
  const hash = await all.seal(0, last + 1, { entries, lastOffset: state.final.lastOffset + 1n })
  const finals = await all.untilCovered(0, await all.send(0, entries))
  expect(finals.at(-1)?.hash).toEqual(hash)
  expect(finals.at(-1)?.notCounted).toEqual([])
  expect((await all.read(0)).outcomes.filter((outcome) => outcome === 'void').length).toBe(2)
  await expectAgreement()
}, 90_000)
