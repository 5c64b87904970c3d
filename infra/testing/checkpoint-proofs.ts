// Checkpoints over a chain in memory, signed by its authorities, and proofs by them, made as a replica would.

import { hex } from '../../schemas/bytes.js'
import { CheckpointLog } from '../../schemas/checkpoint/log.js'
import { checkpointMessage } from '../../schemas/checkpoint/note.js'
import type { MeterKeyProof } from '../../schemas/checkpoint/proof-formats.js'
import { type HeldCheckpoint, proveCovering } from '../../schemas/checkpoint/prove.js'
import { MemoryNodeStore } from '../../schemas/merkle.js'
import type { CoveringCheckpoint, EntryProof } from '../../schemas/proof-format.js'
import { decidingSize, proveBlock, proveKeys } from '../../schemas/prove-entry.js'
import { type CheckpointLeaf, encodeCheckpointLeaf } from '../../schemas/records.js'
import { sign } from '../crypto/sodium.js'
import type { TestChain } from './chain.js'
import { finalsOf, proofOf, sourcesOf } from './proofs.js'
import { testAuthorityKey } from './registry.js'

export class TestCheckpoints {
  readonly nodes = new MemoryNodeStore()
  readonly leaves: CheckpointLeaf[] = []
  readonly held: HeldCheckpoint[] = []
  readonly #log: CheckpointLog

  constructor(readonly chain: TestChain) {
    this.#log = new CheckpointLog(this.nodes, chain.lanes)
  }

  /** Covers all that is final and not covered; of the registry as it is now, or as it was at `registrySize`. */
  cover(registrySize = this.chain.registry.state.size): HeldCheckpoint {
    for (let lane = 0; lane < this.chain.lanes; lane++) {
      const tip = this.#log.tips.get(lane)?.height ?? 0n
      for (const { header, hash: block, verdictHash: verdict } of finalsOf(this.chain, lane)) {
        if (header.height <= tip) continue
        const leaf = { lane, height: header.height, block, verdict }
        this.#log.take([encodeCheckpointLeaf(leaf)])
        this.leaves.push(leaf)
      }
    }
    const { head } = this.#log
    const { state } = this.chain.registry
    const message = checkpointMessage(state.chainId, head, 0)
    const signatures = state.governanceAt(registrySize).authorities.map(({ id, key }) => {
      return { authority: id, key, signature: sign(message, testAuthorityKey(id).secretKey) }
    })
    const held = { ...head, registrySize, signatures }
    this.held.push(held)
    return held
  }

  covering(held: HeldCheckpoint, lane: number, height: bigint): CoveringCheckpoint {
    const index = this.leaves.findIndex((leaf) => leaf.lane === lane && leaf.height === height)
    const decidedBy = decidingSize(sourcesOf(this.chain, lane, height).parent?.header)
    return proveCovering(this.chain.registry.state, held, this.nodes, { index, decidedBy })
  }

  entry(held: HeldCheckpoint, lane: number, height: bigint, entry: number): EntryProof {
    return { ...proofOf(this.chain, lane, height, entry), checkpoint: this.covering(held, lane, height) }
  }

  meterKey(held: HeldCheckpoint, meter: string, lane: number, height: bigint): MeterKeyProof {
    const { state } = this.chain.registry
    const { certified, block } = proveBlock(sourcesOf(this.chain, lane, height))
    const keys = proveKeys(state, meter, block.header.registrySize)
    if (keys === undefined) throw new Error(`${meter} is not enrolled`)
    const head = { version: 1, kind: 'meter-key', chainId: hex(state.chainId), meter } as const
    return { ...head, keys, ...certified, checkpoint: this.covering(held, lane, height) }
  }
}
