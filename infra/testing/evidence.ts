// What is found in the logs of a chain in memory, as a replica finds it.
import { PeakStore } from '../../schemas/checkpoint/peaks.js'
import type { Evidence } from '../../schemas/evidence.js'
import { LaneEvidence } from '../chain/lane-evidence.js'
import { type Finalized, LaneReader, laneRules } from '../chain/lane-reader.js'
import { CheckpointLane } from '../checkpoints/checkpoint-lane.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { TestChain } from './chain.js'
import type { TestCheckpointTopic } from './checkpoint-topic.js'
import { type TestRegistry, testAuthorityKey } from './registry.js'

/** Final blocks of a lane, with what was found up to each. */
export function finalsWithEvidence(chain: TestChain, lane: number): Finalized[] {
  const rules = laneRules(chain.registry.state, sodiumSignatures.verify)
  const reader = new LaneReader(lane, rules, undefined, new LaneEvidence(lane, rules))
  return chain.log.records('chain', lane).flatMap((record) => reader.take(record).finalized ?? [])
}

export const evidenceIn = (chain: TestChain, lane: number): Evidence[] =>
  finalsWithEvidence(chain, lane).flatMap(({ evidence }) => evidence)

/** Final checkpoints of a topic, with what was found up to each. */
export function checkpointsWithEvidence(
  { records }: TestCheckpointTopic,
  { state: registry }: Pick<TestRegistry, 'state'>,
): Finalized[] {
  const lane = new CheckpointLane({ registry, verify: sodiumSignatures.verify, witnesses: [] }, new PeakStore())
  return records.flatMap((record) => {
    const { finalized } = lane.take(record)
    if (finalized !== undefined) lane.settle(finalized)
    return finalized ?? []
  })
}

export const evidenceOf = (topic: TestCheckpointTopic, registry: Pick<TestRegistry, 'state'>): Evidence[] =>
  checkpointsWithEvidence(topic, registry).flatMap(({ evidence }) => evidence)

/** One lane, five authorities, of which the fifth came later. Authority 2 seals what was never sent and is rejected by three; 4 accepts
 *  that with two verdicts; 5 accepts the block that becomes final twice, the second time after its certificate. */
export function falseChain(): TestChain {
  const chain = new TestChain({ authorities: 4, lanes: 1, meters: 3 })
  chain.send(1)
  chain.finalize(0)
  const key = testAuthorityKey('authority-5').publicKey
  chain.submit({ kind: 'AddAuthority', authority: { id: 'authority-5', key, weight: 1 } })
  chain.finalize(0)
  chain.send(1)
  const invented = chain.seal(0, { proposer: 'authority-2', entries: [Buffer.from('never sent')] })
  chain.vote(invented, 'authority-4')
  for (const id of ['authority-3', 'authority-1', 'authority-5'])
    chain.vote(invented, id, { kind: 'reject', fault: 32, detail: 'its entries are others' })
  chain.vote(invented, 'authority-4', chain.accept(invented, []))
  const right = chain.seal(0, { proposer: 'authority-3' })
  for (const id of ['authority-5', 'authority-1', 'authority-2', 'authority-3']) chain.vote(right, id)
  chain.settle(right)
  chain.vote(right, 'authority-4')
  chain.vote(right, 'authority-5', chain.accept(right, [{ entry: 0, code: 5 }]))
  chain.send(1)
  chain.finalize(0)
  return chain
}
