import { rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { isSignedBy } from '../../infra/checkpoints/checkpoint-feed.js'
import { sodiumSignatures } from '../../infra/crypto/sodium.js'
import { Authorities } from '../../infra/testing/authorities.js'
import { type ReadCheckpoints, readCheckpoints, sealCheckpoint } from '../../infra/testing/checkpoints.js'
import { until } from '../../infra/testing/until.js'
import { hex } from '../../schemas/bytes.js'
import { leafHash, merkleRoot } from '../../schemas/merkle.js'
import { laneOf } from '../../schemas/murmur2.js'
import { type CheckpointLeaf, encodeCheckpointLeaf } from '../../schemas/records.js'

const MINUTE = 60_000
let all: Authorities
beforeAll(async () => {
  const settings = { METERCHAIN_WIGGLE_MILLIS: '200', METERCHAIN_CHECKPOINT_MILLIS: '300' }
  all = await Authorities.open({ lanes: 2, authorities: 4, meters: 8 }, settings)
  await all.start('chainer', 1)
  await Promise.all([1, 2, 3, 4].map((authority) => all.start('validator', authority)))
}, MINUTE)
afterAll(() => all.close(), MINUTE)

const readable = ({ lane, height, block, verdict }: CheckpointLeaf) => [lane, Number(height), hex(block), hex(verdict)].join(' ')

/** What the lanes' own logs make final, as leaves. */
async function finalsOfLanes(): Promise<string[]> {
  const lanes = await Promise.all([0, 1].map((lane) => all.read(lane)))
  return lanes.flatMap(({ finals }) =>
    finals.map(({ lane, header, hash, verdictHash }) =>
      readable({ lane, height: header.height, block: hash, verdict: verdictHash }),
    ),
  )
}

const untilCovered = async (): Promise<ReadCheckpoints> => {
  const due = await finalsOfLanes()
  const look = async () => {
    const read = await readCheckpoints(all)
    const covered = read.leaves.map(readable)
    return due.every((leaf) => covered.includes(leaf)) && read
  }
  return until('a checkpoint over all that is final', MINUTE, look, async () => [
    all.fatal,
    (await readCheckpoints(all)).outcomes,
  ])
}

const meters = new Map<string, ReturnType<Authorities['meter']>>()
async function load(): Promise<void> {
  for (const id of Array.from({ length: 8 }, (_, index) => `meter-${index + 1}`)) {
    const lane = laneOf(id, 2)
    const meter = meters.get(id) ?? all.meter(id)
    meters.set(id, meter)
    await all.untilCovered(lane, await all.send(lane, [meter.next()]))
  }
}

test('what becomes final is in a checkpoint soon after, once, with the signature of each authority', async () => {
  await load()
  const { leaves, log, finals } = await untilCovered()
  expect(leaves.map(readable).sort()).toEqual((await finalsOfLanes()).sort())
  expect(log.size).toBe(leaves.length)
  expect(hex(log.head.root)).toBe(hex(merkleRoot(leaves.map((leaf) => leafHash(encodeCheckpointLeaf(leaf))))))
  const { head } = finals.at(-1) ?? { head: log.head }
  const { authorities } = all.ledger.state.governanceAt(all.ledger.state.size)
  const signers = await until('four signatures', MINUTE, async () => {
    const { cosignatures } = await readCheckpoints(all)
    const { chainId } = all.ledger
    const holding = cosignatures.filter((each) => isSignedBy(each, { head, authorities, chainId }, sodiumSignatures.verify))
    return holding.length >= 4 && holding.map(({ authority }) => authority).sort()
  })
  expect(signers).toEqual(authorities.map(({ id }) => id).sort())
}, 90_000)

test('a false checkpoint goes void, and the next one covers the same blocks', async () => {
  const tip = (await readCheckpoints(all)).log.tips.get(0)
  if (tip === undefined) throw new Error('lane 0 has a checkpoint')
  const hash = await sealCheckpoint(all, 3, [{ ...tip, height: tip.height + 1n, block: tip.verdict }])
  await load()
  const { finals, leaves } = await untilCovered()
  expect(finals.map(({ finalized }) => hex(finalized.hash))).not.toContain(hex(hash))
  expect(new Set(leaves.map(readable)).size).toBe(leaves.length)
}, 90_000)

test('a validator that lost its disk takes part again', async () => {
  await all.stop('validator', 2)
  rmSync(all.statesOf(2), { recursive: true })
  await all.start('validator', 2)
  await all.stop('validator', 4)
  await load()
  const { leaves } = await untilCovered()
  expect(leaves.map(readable).sort()).toEqual((await finalsOfLanes()).sort())
  expect(all.fatal).toEqual([])
}, 90_000)
