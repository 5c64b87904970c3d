// One lane's records by hand, for tests of its fold: blocks and votes of authorities whose keys are always the same, right unless told.
import { type AuthoritySet, isQuorum } from '../../schemas/consensus/turns.js'
import { type Hash, sha256 } from '../../schemas/hash.js'
import {
  type Applied,
  apply,
  blockHash,
  type FinalBlock,
  type LaneAuthority,
  type LaneRules,
  type LaneState,
  laneGenesis,
  sealMessage,
  verdictHash,
  voteMessage,
} from '../../schemas/lane-fold.js'
import { leafHash, merkleRoot } from '../../schemas/merkle.js'
import {
  type ChainRecord,
  decodeChainRecord,
  encodeBlock,
  encodeHeader,
  encodeSignedVote,
  encodeVote,
  type Header,
  type Judgement,
  type NotCounted,
  type Vote,
} from '../../schemas/records.js'
import { sign, sodiumSignatures } from '../crypto/sodium.js'
import { testKeyPair } from './registry.js'

export type BlockRecord = Extract<ChainRecord, { kind: 'block' }>
export type VoteRecord = Extract<ChainRecord, { kind: 'vote' }>

export class TestLane {
  readonly chainId: Hash = sha256(Buffer.from('chain of the lane tests'))
  readonly lane: number
  readonly set: AuthoritySet<LaneAuthority>
  readonly rules: LaneRules
  readonly start: LaneState

  /** Authorities `a`, `b`, … of these weights, at every registry size. */
  constructor(weights: readonly number[], lane = 3) {
    this.lane = lane
    const authorities = weights.map((weight, index) => {
      const id = String.fromCharCode(97 + index)
      return { id, weight, key: testKeyPair(id).publicKey }
    })
    this.set = { consensus: 'poa', authorities, hash: sha256(Buffer.from('governance')) }
    this.rules = { chainId: this.chainId, authoritiesAt: () => this.set, verify: sodiumSignatures.verify }
    this.start = laneGenesis(this.chainId, lane)
  }

  /** A child of `final`, sealed by its proposer (`a` unless told) or by `sealer`. */
  block(final: FinalBlock, changes: Partial<Header> & { entries?: Buffer[]; sealer?: string } = {}): BlockRecord {
    const { entries = [], sealer, ...header } = changes
    const made: Header = {
      lane: this.lane,
      height: final.height + 1n,
      previous: final.hash,
      root: merkleRoot(entries.map(leafHash)),
      count: entries.length,
      sourceEpoch: final.sourceEpoch,
      firstOffset: final.lastOffset + 1n,
      lastOffset: final.lastOffset + BigInt(entries.length),
      registrySize: final.registrySize,
      registryRoot: sha256(Buffer.from('registry')),
      sealedAt: 1_770_000_000_000,
      proposer: 'a',
      attempt: 0,
      ...header,
    }
    const headerBytes = encodeHeader(made)
    const seal = sign(sealMessage(this.chainId, headerBytes), testKeyPair(sealer ?? made.proposer).secretKey)
    const record = decodeChainRecord(encodeBlock(headerBytes, seal, entries))
    if (record?.kind !== 'block') throw new Error('the test’s block cannot be decoded')
    return record
  }

  vote(
    block: BlockRecord,
    authority: string,
    judgement: Judgement,
    changes: Partial<Vote> & { signer?: string } = {},
  ): VoteRecord {
    const { signer, ...fields } = changes
    const { lane, height } = block.header
    const bytes = encodeVote({ lane, height, block: blockHash(block.headerBytes), authority, judgement, ...fields })
    const signature = sign(voteMessage(this.chainId, bytes), testKeyPair(signer ?? authority).secretKey)
    const record = decodeChainRecord(encodeSignedVote(bytes, signature))
    if (record?.kind !== 'vote') throw new Error('the test’s vote cannot be decoded')
    return record
  }

  accept(final: FinalBlock, block: BlockRecord, authority: string, notCounted: NotCounted[] = []): VoteRecord {
    return this.vote(block, authority, { kind: 'accept', verdictHash: verdictHash(final.verdictHash, notCounted), notCounted })
  }

  reject(block: BlockRecord, authority: string, fault = 32): VoteRecord {
    return this.vote(block, authority, { kind: 'reject', fault, detail: '' })
  }

  /** The state after the records, and what became of each. */
  fold(records: readonly ChainRecord[], from: LaneState = this.start): { state: LaneState; outcomes: Applied['outcome'][] } {
    let state = from
    const outcomes = records.map((record) => {
      const applied = apply(state, record, this.rules)
      state = applied.state
      return applied.outcome
    })
    return { state, outcomes }
  }

  /** Records that make `block` final: it, then accepts of just enough weight in the order of ids. */
  finalizing(final: FinalBlock, block: BlockRecord): ChainRecord[] {
    const records: ChainRecord[] = [block]
    const total = this.set.authorities.reduce((sum, each) => sum + each.weight, 0)
    let weight = 0
    for (const authority of this.set.authorities) {
      if (isQuorum(weight, total)) break
      weight += authority.weight
      records.push(this.accept(final, block, authority.id))
    }
    return records
  }
}

/** What became of a record, in a word: the outcome’s kind, or why it was skipped. */
export const wordOf = (outcome: Applied['outcome']): string => (outcome.kind === 'skipped' ? outcome.reason : outcome.kind)
