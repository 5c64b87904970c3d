// Topic `checkpoints` in memory: checkpoints that every authority accepts and signs, and whatever else a test appends. Their leaves are the
// final blocks that somebody has, else made up.

import { CheckpointLog, checkpointLane } from '../../schemas/checkpoint/log.js'
import { checkpointMessage, type TreeHead } from '../../schemas/checkpoint/note.js'
import type { Hash } from '../../schemas/hash.js'
import { sha256 } from '../../schemas/hash.js'
import type { FinalBlock } from '../../schemas/lane-fold.js'
import { blockHash, verdictHash, voteMessage } from '../../schemas/lane-fold.js'
import { leafHash, MemoryNodeStore, merkleRoot } from '../../schemas/merkle.js'
import {
  encodeCheckpointLeaf,
  encodeCosignature,
  encodeHeader,
  encodeSignedVote,
  encodeVote,
  type Header,
  type Judgement,
  type NotCounted,
} from '../../schemas/records.js'
import type { Finalized, LaneRecord } from '../chain/lane-reader.js'
import { sealBlock } from '../chain/sign-records.js'
import { type KeyPair, sign } from '../crypto/sodium.js'
import { TestLane } from './final-blocks.js'
import { type TestRegistry, testAuthorityKey } from './registry.js'

const hash = (text: string): Hash => sha256(Buffer.from(text))

/** A block that can be voted on. */
export interface SealedCheckpoint {
  readonly height: bigint
  readonly hash: Hash
  readonly parent: FinalBlock
}

export class TestCheckpointTopic {
  readonly records: LaneRecord[] = []
  readonly nodes = new MemoryNodeStore()
  readonly heads: TreeHead[] = []
  /** What became final last. */
  newest: SealedCheckpoint | undefined
  readonly #lane: TestLane
  readonly #log: CheckpointLog
  readonly #heights = new Map<number, bigint>()
  #taken = 0

  /** `finalAt`: the final block of that lane and height. */
  constructor(
    private readonly registry: TestRegistry,
    private readonly finalAt: (lane: number, height: bigint) => Pick<Finalized, 'hash' | 'verdictHash'> | undefined = () =>
      undefined,
  ) {
    this.#lane = new TestLane(registry, checkpointLane(registry.state.lanes))
    this.#log = new CheckpointLog(this.nodes, registry.state.lanes)
  }

  /** The next `count` blocks of each lane become final with a checkpoint, with `more` entries after their leaves. */
  cover(count = 1, more: readonly Buffer[] = []): TreeHead {
    const leaves: Buffer[] = []
    for (let lane = 0; lane < this.registry.state.lanes; lane++) {
      for (let i = 0; i < count; i++) {
        const height = (this.#heights.get(lane) ?? 0n) + 1n
        this.#heights.set(lane, height)
        leaves.push(this.leaf(lane, height))
      }
    }
    const entries = [...leaves, ...more]
    const parent = this.#lane.final
    const { header, hash } = this.#lane.finalize(entries)
    this.newest = { height: header.height, hash, parent }
    for (const value of this.#lane.log.slice(this.#taken)) this.append(value)
    this.#taken = this.#lane.log.length
    const { head } = this.#log.take(entries)
    this.heads.push(head)
    return head
  }

  leaf(lane: number, height: bigint): Buffer {
    const made = { hash: hash(`b ${lane} ${height}`), verdictHash: hash(`v ${lane} ${height}`) }
    const { hash: block, verdictHash: verdict } = this.finalAt(lane, height) ?? made
    return encodeCheckpointLeaf({ lane, height, block, verdict })
  }

  /** A block of these entries that `authority` seals after the newest final one, whatever it is. */
  seal(authority: string, entries: readonly Buffer[]): SealedCheckpoint {
    const { final: parent, lane } = this.#lane
    const { state, chainId } = this.registry
    const height = parent.height + 1n
    const header: Header = {
      ...{ lane, height, previous: parent.hash, root: merkleRoot(entries.map(leafHash)), count: entries.length },
      ...{ sourceEpoch: 0, firstOffset: parent.lastOffset + 1n, lastOffset: parent.lastOffset + BigInt(entries.length) },
      ...{ registrySize: state.size, registryRoot: state.root, sealedAt: 1_700_000_000_000, proposer: authority, attempt: 0 },
    }
    this.append(sealBlock(chainId, header, entries, testAuthorityKey(authority)))
    return { height, hash: blockHash(encodeHeader(header)), parent }
  }

  vote({ height, hash: block }: SealedCheckpoint, authority: string, judgement: Judgement): void {
    const vote = encodeVote({ lane: this.#lane.lane, height, block, authority, judgement })
    const signature = sign(voteMessage(this.registry.chainId, vote), testAuthorityKey(authority).secretKey)
    this.append(encodeSignedVote(vote, signature))
  }

  accept(block: SealedCheckpoint, authority: string, notCounted: NotCounted[] = []): void {
    const hash = verdictHash(block.parent.verdictHash, notCounted)
    this.vote(block, authority, { kind: 'accept', verdictHash: hash, notCounted })
  }

  append(value: Buffer): void {
    const offset = this.records.length
    this.records.push({ offset: BigInt(offset), timestamp: 1_700_000_000_000 + offset, value })
  }

  /** A signature of this head; `timestamp` above 0: of a witness. */
  sign(head: TreeHead, authority: string, { secretKey }: Pick<KeyPair, 'secretKey'>, timestamp = 0): void {
    const signature = sign(checkpointMessage(this.registry.chainId, head, timestamp), secretKey)
    this.append(encodeCosignature({ ...head, authority, timestamp, signature }))
  }

  /** All authorities sign it. */
  signAll(head: TreeHead): void {
    for (const key of this.registry.authorityKeys) this.sign(head, key.id, key)
  }

  /** Four checkpoints among which all authorities but the second accept, sign and seal what no honest one does. */
  addFalse(): void {
    const [one, two, three, four] = this.registry.authorityKeys
    if (one === undefined || two === undefined || three === undefined || four === undefined) throw new Error('four authorities')
    const reject = { kind: 'reject', fault: 32, detail: 'another block is final' } as const
    const first = this.cover()
    this.signAll(first)
    const invented = this.seal(two.id, [this.leaf(0, 99n)])
    this.vote(invented, three.id, reject)
    this.accept(invented, four.id)
    this.vote(invented, one.id, reject)
    this.accept(invented, four.id, [{ entry: 0, code: 1 }])
    const second = this.cover()
    if (this.newest !== undefined) this.accept(this.newest, two.id, [{ entry: 0, code: 1 }])
    this.sign(first, one.id, one)
    this.sign({ ...first, root: hash('another log') }, one.id, one)
    this.sign({ ...first, root: hash('another log') }, four.id, two)
    const toCome = { size: first.size + 2 * this.registry.state.lanes, root: hash('a log to come') }
    this.sign(toCome, three.id, three)
    this.sign(toCome, three.id, three, 1_700_000_000)
    const third = this.cover()
    for (const head of [second, third]) this.signAll(head)
    this.cover()
  }
}
