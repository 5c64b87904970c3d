/** The lane of checkpoints as those read it who keep what it holds against authorities: the fold, the log that its final blocks make, the
 *  signatures of its heads, and the evidence in all of that. */
import { CheckpointLog, checkpointLane, type LaneTips } from '../../schemas/checkpoint/log.js'
import type { TreeHead } from '../../schemas/checkpoint/note.js'
import type { NodeStore } from '../../schemas/merkle.js'
import { type CheckpointLeaf, decodeCosignature } from '../../schemas/records.js'
import { LaneEvidence } from '../chain/lane-evidence.js'
import { type Finalized, type LanePosition, LaneReader, type LaneRecord, laneRules } from '../chain/lane-reader.js'
import { type CountedSignature, type OpenHead, OpenHeads, type OpenHeadsOptions } from './open-heads.js'
import { SplitViews } from './split-views.js'

/** A final block at which reading begins. What comes before the final block after it is not told for certain: whoever goes on somewhere
 *  begins one earlier. */
export interface CheckpointStart {
  /** Undefined: at the start of the topic. */
  readonly position: LanePosition | undefined
  readonly size: number
  readonly tips: LaneTips
  /** Oldest first. */
  readonly open: readonly OpenHead[]
}

const BEGINNING: CheckpointStart = { position: undefined, size: 0, tips: new Map(), open: [] }

export class CheckpointLane {
  readonly #reader: LaneReader
  readonly #log: CheckpointLog
  readonly #heads: OpenHeads
  readonly #splits: SplitViews

  /** `nodes`: as they are at the start. */
  constructor(options: OpenHeadsOptions, nodes: NodeStore, start: CheckpointStart = BEGINNING) {
    const { registry, verify } = options
    const [lane, rules] = [checkpointLane(registry.lanes), laneRules(registry, verify)]
    this.#reader = new LaneReader(lane, rules, start.position, new LaneEvidence(lane, rules))
    this.#log = new CheckpointLog(nodes, registry.lanes, start)
    const heads = new OpenHeads(options, start.open)
    this.#heads = heads
    this.#splits = new SplitViews({ lane, registry, verify, signed: (size, authority) => heads.signed(size, authority) })
  }

  /** Height of the newest checkpoint. */
  get height(): bigint {
    return this.#reader.state.final.height
  }

  get size(): number {
    return this.#log.size
  }

  /** Takes the next record. Where it gives a block, the registry has to reach the block's size before `settle`. */
  take(record: LaneRecord): { readonly signature?: CountedSignature | undefined; readonly finalized?: Finalized | undefined } {
    const cosignature = decodeCosignature(record.value)
    if (cosignature !== undefined) {
      const { offset } = record
      const signature = this.#heads.take(cosignature, offset)
      this.#splits.note({ cosignature, offset }, this.#reader.state.final.registrySize)
      return { signature }
    }
    const { finalized } = this.#reader.take(record)
    if (finalized === undefined) return {}
    return { finalized: { ...finalized, evidence: [...finalized.evidence, ...this.#splits.close()] } }
  }

  /** Gives the head that the block makes, and the leaves that moved a lane's tip. */
  settle({ block, header }: Finalized): { head: TreeHead; leaves: CheckpointLeaf[] } {
    const grown = this.#log.take(block.entries)
    this.#heads.add(grown.head, header.registrySize)
    return grown
  }
}
