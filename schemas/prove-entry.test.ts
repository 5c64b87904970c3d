import { expect, test } from '@jest/globals'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { TestLane } from '../infra/testing/final-blocks.js'
import { testRegistry } from '../infra/testing/registry.js'
import { SignedMeter } from '../infra/testing/signed-meters.js'
import { checkProof } from './proof.js'
import { proveEntry, ReplicaFault } from './prove-entry.js'

const registry = testRegistry({ authorities: 4, meters: 1, lanes: 1 })
const lane = new TestLane(registry, 0)
const meter = new SignedMeter('meter-1', registry.chainId)
const stranger = new SignedMeter('stranger', registry.chainId)
const { blockBytes: block, votes: finalVotes, hash } = lane.finalize([meter.next(), stranger.next()], [{ entry: 1, code: 3 }])
const votes = finalVotes.map(({ bytes }) => bytes)
const sources = { registry: registry.state, block, parent: undefined, votes }

test('the certificate of a replica is enough, and what is beyond it is left out', () => {
  const proof = proveEntry({ ...sources, votes: [...votes, ...votes] }, 0)
  expect(proof.block.votes).toHaveLength(3)
  expect(checkProof(proof, registry.genesis, sodiumSignatures)).toMatchObject({ ok: true, proved: { blockHash: hash } })
})

test('an entry that does not count is proved without its meter', () => {
  const proof = proveEntry(sources, 1)
  expect(proof.meter).toBeNull()
  expect(checkProof(proof, registry.genesis, sodiumSignatures)).toMatchObject({
    ok: true,
    proved: { counted: { counted: false, code: 3, fault: 'unknown-meter' }, reading: { meter: 'stranger', sequence: 1 } },
  })
})

test('a replica whose records do not belong together gives no proof', () => {
  const vote = votes.slice(0, 1)
  expect(() => proveEntry(sources, 2)).toThrow(ReplicaFault)
  expect(() => proveEntry({ ...sources, votes: vote }, 0)).toThrow('the votes that are held weigh 1 of 4')
  expect(() => proveEntry({ ...sources, votes: [block] }, 0)).toThrow('held as a vote is none')
  expect(() => proveEntry({ ...sources, block: Buffer.from('x') }, 0)).toThrow('held as a block is none')
  const other = testRegistry({ authorities: 4, lanes: 1 })
  expect(() => proveEntry({ ...sources, registry: other.state }, 0)).toThrow(
    "an entry of 'meter-1' counts, and it is not enrolled",
  )
})
