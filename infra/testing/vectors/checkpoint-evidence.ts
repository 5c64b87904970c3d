// Evidence files of topic checkpoints: those that hold, and such as do not by one rule each, with the genesis that they are checked with.
import { checkEvidence } from '../../../schemas/check-evidence.js'
import { checkpointLane } from '../../../schemas/checkpoint/log.js'
import { checkpointMessage } from '../../../schemas/checkpoint/note.js'
import type { Evidence } from '../../../schemas/evidence.js'
import { type EvidenceFile, evidenceFile } from '../../../schemas/evidence-format.js'
import { sha256, ZERO_HASH } from '../../../schemas/hash.js'
import { leafHash, merkleRoot } from '../../../schemas/merkle.js'
import { encodeCheckpointLeaf, encodeCosignature, type Header } from '../../../schemas/records.js'
import { sign, sodiumSignatures } from '../../crypto/sodium.js'
import { testKeyPair } from '../registry.js'
import { accept, grown, LANES, reject } from './evidence.js'
import { prefixed, sealedBlock, signedVote } from './sealed.js'

const LANE = checkpointLane(LANES)
const HEIGHT = 4n
const SIZE = 480
const root = (name: string) => sha256(Buffer.from(name))

export function checkpointEvidenceVectors() {
  const { state, records } = grown()
  const { chainId, size: registrySize, root: registryRoot } = state
  const entries = [encodeCheckpointLeaf({ lane: 0, height: 1n, block: root('no block'), verdict: ZERO_HASH })]
  const header: Header = {
    ...{ lane: LANE, height: HEIGHT, previous: sha256(), root: merkleRoot(entries.map(leafHash)), count: 1, sourceEpoch: 0 },
    ...{ firstOffset: 0n, lastOffset: 0n, registrySize, registryRoot, sealedAt: 1_770_000_000_000, attempt: 0 },
    proposer: 'authority-2',
  }
  const sealed = sealedBlock(chainId, header, entries)
  const vote = (authority: string, judgement = reject, lane = LANE) =>
    signedVote(chainId, { lane, height: HEIGHT, block: sealed.hash, authority, judgement })
  const head = (name: string, changes: { size?: number; timestamp?: number; signer?: string; authority?: string } = {}) => {
    const { size = SIZE, timestamp = 0, authority = 'authority-5', signer = authority } = changes
    const message = checkpointMessage(chainId, { size, root: root(name) }, timestamp)
    const signature = sign(message, testKeyPair(signer).secretKey)
    return encodeCosignature({ size, root: root(name), authority, timestamp, signature })
  }
  const file = (changes: Pick<Evidence, 'kind' | 'authority'> & Partial<Evidence>, originals: readonly Buffer[]): EvidenceFile =>
    evidenceFile(state, {
      ...{ lane: LANE, height: HEIGHT, block: sealed.hash, registrySize, ...changes },
      originals: originals.map((record) => ({ record, place: null })),
    })
  const ofHeads = (originals: readonly Buffer[], changes: Partial<Evidence> = {}) =>
    file({ kind: 'split-view', authority: 'authority-5', height: BigInt(SIZE), block: root('one'), ...changes }, originals)
  const ofBlock = (originals: readonly Buffer[]) => file({ kind: 'void-block', authority: 'authority-2' }, originals)
  const twice = (originals: readonly Buffer[]) => file({ kind: 'contradiction', authority: 'authority-4' }, originals)
  const split = ofHeads([head('one'), head('two')])
  const cases: [string, EvidenceFile | object][] = [
    ['a void block', ofBlock([sealed.record, vote('authority-1'), vote('authority-5')])],
    ['a contradiction', twice([vote('authority-4', accept(0)), vote('authority-4', accept(1))])],
    ['a split view', split],
    ['with the second head first', ofHeads([head('two'), head('one')], { block: root('two') })],
    ['a field too many', { ...split, size: SIZE }],
    ['another kind', { ...split, kind: 'contradiction' }],
    ['a split view as a void block', { ...split, kind: 'void-block' }],
    [
      'a contradiction as a split view',
      { ...twice([vote('authority-4', accept(0)), vote('authority-4', accept(1))]), kind: 'split-view' },
    ],
    ['a lane of readings', { ...split, lane: 1 }],
    ['a lane that is none', { ...split, lane: LANE + 1 }],
    ['a vote of another lane', twice([vote('authority-4', accept(0)), vote('authority-4', accept(1), 1)])],
    ['another chain', { ...split, chainId: 'ab'.repeat(32) }],
    ['another hash', { ...split, hash: 'ab'.repeat(32) }],
    ['another size', { ...split, height: SIZE + 1 }],
    ['the root of neither', { ...split, block: 'ab'.repeat(32) }],
    ['the root of the second', ofHeads([head('one'), head('two')], { block: root('two') })],
    ['another authority', { ...split, authority: 'authority-4' }],
    ['without the event that made an authority', { ...split, governance: split.governance.slice(1) }],
    ['one head twice', ofHeads([head('one'), head('one')])],
    ['three heads', ofHeads([head('one'), head('two'), head('three')])],
    ['heads of two sizes', ofHeads([head('one'), head('two', { size: SIZE + 1 })])],
    ['heads of two authorities', ofHeads([head('one'), head('two', { authority: 'authority-4' })])],
    ['a head signed by another', ofHeads([head('one'), head('two', { signer: 'outsider' })])],
    ['a head signed as a witness does', ofHeads([head('one'), head('two', { timestamp: 1_770_000_000 })])],
    ['a signature with a prefix', ofHeads([prefixed(5, head('one')), head('two')])],
    ['a signature with a byte after it', ofHeads([head('one'), Buffer.concat([head('two'), Buffer.alloc(1)])])],
    ['a vote beside a signature', ofHeads([head('one'), vote('authority-5')])],
  ]
  const genesis = records[0]?.value ?? Buffer.alloc(0)
  return {
    genesis,
    cases: cases.map(([name, each]) => ({ name, file: each, holds: checkEvidence(each, genesis, sodiumSignatures).ok })),
  }
}
