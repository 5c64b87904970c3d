/** What a witness keeps on its own disk: the tree of the log that it follows, how far it has read, and the head that it signed last,
 *  which it never goes back behind. */
import { type Database, open, type RootDatabase } from 'lmdb'
import { hex } from '../../schemas/bytes.js'
import type { TreeHead } from '../../schemas/checkpoint/note.js'
import type { Hash } from '../../schemas/hash.js'
import type { NodeStore } from '../../schemas/merkle.js'
import {
  type CheckpointPosition,
  decodeCheckpointPosition,
  encodeCheckpointPosition,
} from '../checkpoints/checkpoint-position.js'

/** A head, and the note that was made of it. */
export interface SignedHead extends TreeHead {
  readonly note: string
}

/** The folder is another log's. */
export class OtherLogError extends Error {
  override readonly name = 'OtherLogError'
}

export class WitnessStore implements NodeStore {
  /** Nodes that are not written yet: they are, with the position that they belong to. */
  readonly #fresh = new Map<string, { level: number; index: number; hash: Hash }>()
  readonly #root: RootDatabase
  readonly #nodes: Database<Buffer, number[]>
  readonly #facts: Database<string, string>

  /** Opens or makes the store of one chain. Throws OtherLogError. */
  constructor(path: string, chainId: Hash) {
    this.#root = open({ path, maxDbs: 3, overlappingSync: false })
    this.#nodes = this.#root.openDB({ name: 'nodes', encoding: 'binary' })
    this.#facts = this.#root.openDB({ name: 'facts', encoding: 'string' })
    const known = this.#facts.get('chain')
    if (known !== undefined && known !== hex(chainId)) {
      throw new OtherLogError(
        `${path} is a witness’s of chain ${known}, not of ${hex(chainId)}: give this chain a folder of its own`,
      )
    }
    if (known === undefined) this.#facts.putSync('chain', hex(chainId))
  }

  get(level: number, index: number): Hash | undefined {
    return this.#fresh.get(`${level} ${index}`)?.hash ?? this.#nodes.get([level, index])
  }

  put(level: number, index: number, hash: Hash): void {
    this.#fresh.set(`${level} ${index}`, { level, index, hash })
  }

  /** Where reading was; undefined: at the start. */
  get position(): CheckpointPosition | undefined {
    const text = this.#facts.get('position')
    return text === undefined ? undefined : decodeCheckpointPosition(text)
  }

  /** Keeps the position with all nodes that were put before: all or nothing. */
  keep(position: CheckpointPosition): void {
    this.#root.transactionSync(() => {
      for (const { level, index, hash } of this.#fresh.values()) this.#nodes.put([level, index], hash)
      this.#facts.put('position', encodeCheckpointPosition(position))
    })
    this.#fresh.clear()
  }

  /** Reading begins at the start of the topic again; what was signed stays. */
  forgetPosition(): void {
    this.#facts.removeSync('position')
  }

  get signed(): SignedHead | undefined {
    const text = this.#facts.get('signed')
    if (text === undefined) return undefined
    const { size, root, note } = JSON.parse(text)
    return { size, root: Buffer.from(root, 'hex'), note }
  }

  /** On disk when it returns. */
  keepSigned({ size, root, note }: SignedHead): void {
    this.#facts.putSync('signed', JSON.stringify({ size, root: hex(root), note }))
  }

  close(): Promise<void> {
    return this.#root.close()
  }
}
