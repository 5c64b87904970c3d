// Final blocks made in memory, as a follower of the chain hands them on: for tests of whoever reads what is final.

import { blockHash, type FinalBlock, sealMessage, verdictHash, voteMessage } from '../../schemas/lane-fold.js'
import { leafHash, merkleRoot } from '../../schemas/merkle.js'
import { encodeBlock, encodeHeader, encodeSignedVote, encodeVote, type Header, type NotCounted } from '../../schemas/records.js'
import { type Finalized, LaneReader, laneRules } from '../chain/lane-reader.js'
import { sign, sodiumSignatures } from '../crypto/sodium.js'
import type { TestRegistry } from './registry.js'

/** Seals blocks of one lane, lets every authority accept them, and reads both back. */
export class TestLane {
  /** Values of the records as they would stand in the topic, without the prefix. */
  readonly log: Buffer[] = []
  readonly #reader: LaneReader
  #offset = 0n

  constructor(
    private readonly registry: TestRegistry,
    readonly lane: number,
  ) {
    this.#reader = new LaneReader(lane, laneRules(registry.state, sodiumSignatures.verify), undefined)
  }

  /** The newest final block. */
  get final(): FinalBlock {
    return this.#reader.state.final
  }

  /** The next final block, of these entries, of which `notCounted` do not count. `finalAt`: when it was sealed and its votes came,
   *  milliseconds since 1970, for tests that look at times. */
  finalize(entries: readonly Buffer[], notCounted: NotCounted[] = [], finalAt?: number): Finalized {
    const { state, chainId, authorityKeys } = this.registry
    const { final } = this.#reader.state
    const height = final.height + 1n
    const proposer = authorityKeys[Number(height) % authorityKeys.length]
    if (proposer === undefined) throw new Error('no authority')
    const header: Header = {
      ...{ lane: this.lane, height, previous: final.hash, root: merkleRoot(entries.map(leafHash)), count: entries.length },
      ...{ sourceEpoch: 0, firstOffset: final.lastOffset + 1n, lastOffset: final.lastOffset + BigInt(entries.length) },
      ...{
        registrySize: state.size,
        registryRoot: state.root,
        sealedAt: finalAt ?? Date.now(),
        proposer: proposer.id,
        attempt: 0,
      },
    }
    const headerBytes = encodeHeader(header)
    this.#append(encodeBlock(headerBytes, sign(sealMessage(chainId, headerBytes), proposer.secretKey), entries), finalAt)
    for (const authority of authorityKeys) {
      const judgement = { kind: 'accept', verdictHash: verdictHash(final.verdictHash, notCounted), notCounted } as const
      const vote = encodeVote({ lane: this.lane, height, block: blockHash(headerBytes), authority: authority.id, judgement })
      const finalized = this.#append(encodeSignedVote(vote, sign(voteMessage(chainId, vote), authority.secretKey)), finalAt)
      if (finalized !== undefined) return finalized
    }
    throw new Error('the block did not become final')
  }

  #append(value: Buffer, timestamp = 1_700_000_000_001 + this.log.length): Finalized | undefined {
    this.log.push(value)
    return this.#reader.take({ offset: this.#offset++, timestamp, value }).finalized
  }
}
