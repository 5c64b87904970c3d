// Checkpoints of a chain in memory: sealed, accepted and signed by all authorities, or by whom the test says.
import { CheckpointLog, checkpointLane } from '../../schemas/checkpoint/log.js'
import { checkpointMessage, type TreeHead } from '../../schemas/checkpoint/note.js'
import { turnOrder } from '../../schemas/consensus/turns.js'
import { blockHash, type FinalBlock, laneGenesis, sealMessage, verdictHash, voteMessage } from '../../schemas/lane-fold.js'
import { leafHash, MemoryNodeStore, merkleRoot } from '../../schemas/merkle.js'
import {
  type CheckpointLeaf,
  encodeBlock,
  encodeCheckpointLeaf,
  encodeCosignature,
  encodeHeader,
  encodeSignedVote,
  encodeVote,
  type Header,
  type NotCounted,
} from '../../schemas/records.js'
import { sign } from '../crypto/sodium.js'
import { framed, type TestChain } from './chain.js'
import { testAuthorityKey } from './registry.js'

export class TestCheckpoints {
  readonly nodes = new MemoryNodeStore()
  readonly log: CheckpointLog
  #final: FinalBlock

  constructor(private readonly chain: TestChain) {
    this.log = new CheckpointLog(this.nodes, chain.lanes)
    this.#final = laneGenesis(chain.chainId, checkpointLane(chain.lanes)).final
  }

  /** The leaf of a lane's newest final block, where no checkpoint covers it yet. */
  leafOf(lane: number): CheckpointLeaf {
    const { height, hash: block, verdictHash: verdict } = this.chain.final(lane)
    return { lane, height, block, verdict }
  }

  /** A final checkpoint of these leaves, whatever they say, and its head. */
  finalize(
    leaves: readonly CheckpointLeaf[],
    changes: Partial<Header> & { notCounted?: NotCounted[]; entries?: Buffer[] } = {},
  ): TreeHead {
    const { notCounted = [], entries = leaves.map(encodeCheckpointLeaf), ...header } = changes
    const { chain } = this
    const { state } = chain.registry
    const parent = this.#final
    const lane = checkpointLane(chain.lanes)
    const set = state.governanceAt(parent.registrySize)
    const height = parent.height + 1n
    const [proposer = ''] = turnOrder(set, { chainId: chain.chainId, lane, height })
    const made: Header = {
      ...{ lane, height, previous: parent.hash, root: merkleRoot(entries.map(leafHash)), count: entries.length },
      ...{ sourceEpoch: 0, firstOffset: parent.lastOffset + 1n, lastOffset: parent.lastOffset + BigInt(entries.length) },
      ...{ registrySize: state.size, registryRoot: state.root, sealedAt: 1_770_000_000_000, proposer, attempt: 0 },
      ...header,
    }
    const headerBytes = encodeHeader(made)
    const seal = sign(sealMessage(chain.chainId, headerBytes), testAuthorityKey(made.proposer).secretKey)
    this.append(framed('block', encodeBlock(headerBytes, seal, entries)))
    const hash = blockHash(headerBytes)
    const judgement = { kind: 'accept' as const, verdictHash: verdictHash(parent.verdictHash, notCounted), notCounted }
    for (const { id } of set.authorities) {
      const voteBytes = encodeVote({ lane, height, block: hash, authority: id, judgement })
      const signature = sign(voteMessage(chain.chainId, voteBytes), testAuthorityKey(id).secretKey)
      this.append(framed('vote', encodeSignedVote(voteBytes, signature)))
    }
    const { registrySize, sourceEpoch, lastOffset } = made
    this.#final = { height, hash, verdictHash: judgement.verdictHash, registrySize, sourceEpoch, lastOffset }
    return this.log.take(entries).head
  }

  /** An authority signs a head, this log's or any other; `timestamp` 0: as the log. */
  sign(authority: string, head: TreeHead = this.log.head, timestamp = 0): void {
    const signature = sign(checkpointMessage(this.chain.chainId, head, timestamp), testAuthorityKey(authority).secretKey)
    this.append(encodeCosignature({ ...head, authority, timestamp, signature }))
  }

  append(value: Buffer): void {
    this.chain.log.append('checkpoints', 0, value)
  }
}
