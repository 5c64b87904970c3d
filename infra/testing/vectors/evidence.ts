// Evidence files that hold, and such as do not by one rule each, with the genesis that they are checked with.
import { checkEvidence } from '../../../schemas/check-evidence.js'
import type { Evidence } from '../../../schemas/evidence.js'
import { type EvidenceFile, evidenceFile } from '../../../schemas/evidence-format.js'
import { type Hash, sha256, ZERO_HASH } from '../../../schemas/hash.js'
import { verdictHash } from '../../../schemas/lane-fold.js'
import { leafHash, merkleRoot } from '../../../schemas/merkle.js'
import type { Header, Judgement } from '../../../schemas/records.js'
import { sodiumSignatures } from '../../crypto/sodium.js'
import { testKeyPair } from '../registry.js'
import { A, genesisOf, VectorRegistry } from './registry.js'
import { prefixed, sealedBlock, signedVote } from './sealed.js'

export const LANES = 2
const LANE = 1
const HEIGHT = 3n
export const reject: Judgement = { kind: 'reject', fault: 32, detail: 'its entries are others' }
export const accept = (code: number): Judgement => {
  const notCounted = code === 0 ? [] : [{ entry: 0, code }]
  return { kind: 'accept', verdictHash: verdictHash(ZERO_HASH, notCounted), notCounted }
}

/** Four authorities, then a fifth, and proof of stake. */
export function grown(): VectorRegistry {
  const registry = new VectorRegistry()
  const authority = { id: 'authority-5', key: testKeyPair('authority-5').publicKey, weight: 1 }
  registry.add('the genesis', genesisOf(LANES), A)
  registry.add('a tariff', { kind: 'PublishTariff', plan: 'flat', validFrom: 0, document: '{}' }, A)
  registry.add('another authority', { kind: 'AddAuthority', authority }, A)
  registry.add('proof of stake', { kind: 'SetConsensus', consensus: 'pos' }, A)
  return registry
}

export function evidenceVectors() {
  const { state, records } = grown()
  const { chainId, size: registrySize, root: registryRoot } = state
  const entries = [Buffer.from('never sent')]
  const header: Header = {
    ...{ lane: LANE, height: HEIGHT, previous: sha256(), root: merkleRoot(entries.map(leafHash)), count: 1, sourceEpoch: 0 },
    ...{ firstOffset: 0n, lastOffset: 0n, registrySize, registryRoot, sealedAt: 1_770_000_000_000, attempt: 0 },
    proposer: 'authority-2',
  }
  const sealed = sealedBlock(chainId, header, entries)
  const vote = (authority: string, judgement = reject, signer = authority, block: Hash = sealed.hash) =>
    signedVote(chainId, { lane: LANE, height: HEIGHT, block, authority, judgement }, signer)
  const file = (kind: Evidence['kind'], authority: string, originals: readonly Buffer[], size = registrySize): EvidenceFile =>
    evidenceFile(state, {
      ...{ kind, authority, lane: LANE, height: HEIGHT, block: sealed.hash, registrySize: size },
      originals: originals.map((record) => ({ record, place: null })),
    })
  const voidOf = (...rest: Buffer[]) => file('void-block', 'authority-2', [sealed.record, ...rest])
  const twiceOf = (...votes: Buffer[]) => file('contradiction', 'authority-4', votes)
  const good = voidOf(vote('authority-1'), vote('authority-5'))
  const twice = twiceOf(vote('authority-4', accept(0)), vote('authority-4', accept(5)))
  const [added, staked] = good.governance
  if (added === undefined || staked === undefined) throw new Error('two events of governance')
  const otherSeal = sealedBlock(chainId, header, entries, 'outsider').record
  const otherEntries = sealedBlock(chainId, header, [Buffer.from('another')]).record
  const cases: [string, EvidenceFile | object][] = [
    ['a void block', good],
    ['rejected by four', voidOf(...['authority-1', 'authority-3', 'authority-4', 'authority-5'].map((who) => vote(who)))],
    ['a contradiction', twice],
    ['with the second vote first', twiceOf(vote('authority-4', accept(5)), vote('authority-4', accept(0)))],
    ['a field too many', { ...good, more: 1 }],
    ['another version', { ...good, version: 2 }],
    ['another kind', { ...good, kind: 'other' }],
    ['another chain', { ...good, chainId: 'ab'.repeat(32) }],
    ['a lane that is none', { ...good, lane: 2 }],
    ['another hash', { ...good, hash: 'ab'.repeat(32) }],
    ['another block', { ...good, block: 'ab'.repeat(32) }],
    ['another height', { ...good, height: 4 }],
    ['another authority', { ...good, authority: 'authority-3' }],
    ['a registry size of nothing', { ...good, registrySize: 0, governance: [] }],
    ['an event beyond the registry size', { ...good, registrySize: 3 }],
    ['without the event that made an authority', { ...good, governance: [] }],
    ['events out of order', { ...good, governance: [staked, added] }],
    ['an event twice', { ...good, governance: [added, added, staked] }],
    [
      'an event with too few signatures',
      { ...good, governance: [{ ...added, signatures: added.signatures.slice(0, 2) }, staked] },
    ],
    ['an event that is cut off', { ...good, governance: [{ ...added, body: added.body.slice(0, -2) }, staked] }],
    ['rejects of less than 1/3', voidOf(vote('authority-1'))],
    ['a reject twice', voidOf(vote('authority-1'), vote('authority-1'))],
    ['rejects out of order', voidOf(vote('authority-5'), vote('authority-1'))],
    ['an accept among the rejects', voidOf(vote('authority-1'), vote('authority-3', accept(0)), vote('authority-5'))],
    ['a reject of a stranger', voidOf(vote('authority-1'), vote('authority-5'), vote('outsider'))],
    ['a reject signed by another', voidOf(vote('authority-1'), vote('authority-5', reject, 'outsider'))],
    ['a reject of another block', voidOf(vote('authority-1'), vote('authority-5', reject, 'authority-5', sha256()))],
    ['a seal by another key', file('void-block', 'authority-2', [otherSeal, vote('authority-1'), vote('authority-5')])],
    ['entries that were not sealed', file('void-block', 'authority-2', [otherEntries, vote('authority-1'), vote('authority-5')])],
    ['an original with a prefix', voidOf(prefixed(2, vote('authority-1')), vote('authority-5'))],
    ['an original that is no record', voidOf(vote('authority-1'), vote('authority-5'), Buffer.from('x'))],
    ['a block where a vote must be', voidOf(sealed.record, vote('authority-1'), vote('authority-5'))],
    ['one vote twice', twiceOf(vote('authority-4', accept(0)), vote('authority-4', accept(0)))],
    ['three votes', twiceOf(...[0, 5, 6].map((code) => vote('authority-4', accept(code))))],
    ['a reject and an accept', twiceOf(vote('authority-4'), vote('authority-4', accept(0)))],
    ['votes of two', twiceOf(vote('authority-4', accept(0)), vote('authority-3', accept(5)))],
  ]
  const genesis = records[0]?.value ?? Buffer.alloc(0)
  return {
    genesis,
    cases: cases.map(([name, each]) => ({ name, file: each, holds: checkEvidence(each, genesis, sodiumSignatures).ok })),
  }
}
