/** What topic `checkpoints` makes of the log over all lanes, as rows: the one core of whoever writes them and whoever audits them. */
import { type Finalized, type LanePosition, LaneReader, type LaneRecord, laneRules } from '../../infra/chain/lane-reader.js'
import { CheckpointLog, checkpointLane, type LaneTips } from '../../schemas/checkpoint/log.js'
import { checkpointMessage, NOTE_KIND, type TreeHead, type VerifierKey } from '../../schemas/checkpoint/note.js'
import { type Peak, PeakStore } from '../../schemas/checkpoint/peaks.js'
import { totalWeight } from '../../schemas/consensus/turns.js'
import type { LaneRules } from '../../schemas/lane-fold.js'
import type { NodeStore } from '../../schemas/merkle.js'
import { type CheckpointLeaf, type Cosignature, decodeCosignature, encodeCheckpointLeaf } from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import type {
  CheckpointHeadRow,
  CheckpointLeafRow,
  CheckpointNodeRow,
  CheckpointSignatureRow,
} from '../rows/checkpoint-tables.js'
import { storableMillis } from '../rows/storable.js'

export interface CheckpointRows {
  readonly heads: CheckpointHeadRow[]
  readonly leaves: CheckpointLeafRow[]
  readonly nodes: CheckpointNodeRow[]
  readonly signatures: CheckpointSignatureRow[]
}

export const noRows = (): CheckpointRows => ({ heads: [], leaves: [], nodes: [], signatures: [] })

/** A checkpoint that may still be signed. */
export interface OpenHead extends TreeHead {
  readonly registrySize: number
  /** Who signed it, as `signerKey` has it. */
  readonly signers: Set<string>
}

/** One signature counts of each authority, and of each witness. The tables give it the same way. */
export const signerKey = (kind: number, name: string): string => `${kind} ${name}`

/** Checkpoints that may still be signed: some 3 hours of them. Later signatures make no rows. */
export const OPEN_HEADS = 1_000

export interface CheckpointFoldOptions {
  readonly registry: RegistryState
  readonly verify: LaneRules['verify']
  /** Whose cosignatures are taken. */
  readonly witnesses: readonly VerifierKey[]
}

/** Where a fold is taken up. */
export interface FoldStart {
  readonly reader: LaneReader
  readonly size: number
  readonly tips: LaneTips
  readonly peaks: readonly Peak[]
  /** Oldest first. */
  readonly open: readonly OpenHead[]
}

export const startOfFold = (options: CheckpointFoldOptions): FoldStart => ({
  ...{ reader: readerAt(options, undefined), size: 0, tips: new Map(), peaks: [], open: [] },
})

export const readerAt = ({ registry, verify }: CheckpointFoldOptions, position: LanePosition | undefined): LaneReader =>
  new LaneReader(checkpointLane(registry.lanes), laneRules(registry, verify), position)

export class CheckpointFold {
  readonly #reader: LaneReader
  readonly #log: CheckpointLog
  /** By size; of several with one size, the first. */
  readonly #open: Map<number, OpenHead>
  /** Nodes that were made since they were last asked for. */
  #made: CheckpointNodeRow[] = []

  constructor(
    private readonly options: CheckpointFoldOptions,
    start: FoldStart = startOfFold(options),
  ) {
    const nodes = new PeakStore(start.peaks)
    const kept: NodeStore = {
      get: (level, index) => nodes.get(level, index),
      put: (level, index, hash) => {
        nodes.put(level, index, hash)
        this.#made.push([level, index, hash])
      },
    }
    this.#reader = start.reader
    this.#log = new CheckpointLog(kept, options.registry.lanes, start)
    this.#open = new Map(start.open.map((head) => [head.size, head]))
  }

  /** Height of the newest checkpoint. */
  get height(): bigint {
    return this.#reader.state.final.height
  }

  get size(): number {
    return this.#log.size
  }

  /** Adds the rows of the next record. Where it gives a block, the registry has to reach the block's size before `settle`. */
  take(record: LaneRecord, rows: CheckpointRows): Finalized | undefined {
    const cosignature = decodeCosignature(record.value)
    if (cosignature !== undefined) {
      const row = this.#signature(cosignature, record.offset)
      if (row !== undefined) rows.signatures.push(row)
      return undefined
    }
    return this.#reader.take(record).finalized
  }

  settle({ block, header, hash, verdictHash, timestamp, blockOffset, certificateOffset }: Finalized, rows: CheckpointRows): void {
    const first = this.#log.size
    const { head, leaves } = this.#log.take(block.entries)
    rows.leaves.push(...leafRows(block.entries, leaves, first))
    rows.nodes.push(...this.#made.splice(0))
    const total = totalWeight(this.options.registry.governanceAt(header.registrySize))
    rows.heads.push([
      ...([header.height, head.size, head.root, hash, verdictHash, header.registrySize, total, header.proposer] as const),
      ...([storableMillis(header.sealedAt), storableMillis(timestamp), blockOffset, certificateOffset] as const),
    ])
    if (!this.#open.has(head.size)) this.#open.set(head.size, { ...head, registrySize: header.registrySize, signers: new Set() })
    const [oldest] = this.#open.keys()
    if (this.#open.size > OPEN_HEADS && oldest !== undefined) this.#open.delete(oldest)
  }

  #signature(cosignature: Cosignature, offset: bigint): CheckpointSignatureRow | undefined {
    const { size, root, timestamp, signature } = cosignature
    const head = this.#open.get(size)
    if (head === undefined || !root.equals(head.root)) return undefined
    const signer = timestamp === 0 ? this.#authority(cosignature, head) : this.#witness(cosignature)
    if (signer === undefined) return undefined
    const { kind, name, key, weight } = signer
    const message = checkpointMessage(this.options.registry.chainId, head, timestamp)
    if (head.signers.has(signerKey(kind, name)) || !this.options.verify(signature, message, key)) return undefined
    head.signers.add(signerKey(kind, name))
    return [offset, size, kind, name, key, timestamp, signature, weight]
  }

  #authority({ authority }: Cosignature, { registrySize }: OpenHead) {
    const found = this.options.registry.governanceAt(registrySize).authorities.find(({ id }) => id === authority)
    return found && { kind: NOTE_KIND.log, name: found.id, key: found.key, weight: found.weight }
  }

  #witness({ authority, timestamp }: Cosignature) {
    const found = this.options.witnesses.find(({ name, kind }) => kind === NOTE_KIND.cosignature && name === authority)
    return found && timestamp > 0 ? { kind: NOTE_KIND.cosignature, name: found.name, key: found.publicKey, weight: 0 } : undefined
  }
}

/** The leaves stand among the entries in their order; whatever else does moved no lane, and makes no row. */
function leafRows(entries: readonly Buffer[], leaves: readonly CheckpointLeaf[], first: number): CheckpointLeafRow[] {
  let at = -1
  return leaves.map((leaf) => {
    const bytes = encodeCheckpointLeaf(leaf)
    at = indexFrom(entries, at + 1, bytes)
    return [first + at, leaf.lane, leaf.height, leaf.block, leaf.verdict]
  })
}

function indexFrom(entries: readonly Buffer[], from: number, bytes: Buffer): number {
  let at = from
  while (entries[at]?.equals(bytes) === false) at++
  return at
}
