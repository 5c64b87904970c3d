// Topic `checkpoints` in memory: checkpoints that every authority accepts and signs, and whatever else a test appends. Their leaves are the
// final blocks that somebody has, else made up.

import { CheckpointLog, checkpointLane } from '../../schemas/checkpoint/log.js'
import { checkpointMessage, type TreeHead } from '../../schemas/checkpoint/note.js'
import type { Hash } from '../../schemas/hash.js'
import { sha256 } from '../../schemas/hash.js'
import { MemoryNodeStore } from '../../schemas/merkle.js'
import { encodeCheckpointLeaf, encodeCosignature } from '../../schemas/records.js'
import type { Finalized, LaneRecord } from '../chain/lane-reader.js'
import { type KeyPair, sign } from '../crypto/sodium.js'
import { TestLane } from './final-blocks.js'
import type { TestRegistry } from './registry.js'

const hash = (text: string): Hash => sha256(Buffer.from(text))

export class TestCheckpointTopic {
  readonly records: LaneRecord[] = []
  readonly nodes = new MemoryNodeStore()
  readonly heads: TreeHead[] = []
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
    this.#lane.finalize(entries)
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
}
