/** Heads of the log of checkpoints that may still be signed, and whose signatures of them count. */
import { checkpointMessage, NOTE_KIND, type NoteKind, type TreeHead, type VerifierKey } from '../../schemas/checkpoint/note.js'
import type { LaneRules } from '../../schemas/lane-fold.js'
import type { Cosignature } from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'

/** Where a signature stands in the topic, and its bytes. */
export interface PlacedSignature {
  readonly offset: bigint
  readonly signature: Buffer
}

export interface OpenHead extends TreeHead {
  readonly registrySize: number
  /** The first of each signer, as `signerKey` has it. */
  readonly signatures: Map<string, PlacedSignature>
}

/** A signature that counts, as its signer's first of that head. */
export interface CountedSignature extends PlacedSignature {
  readonly size: number
  readonly kind: NoteKind
  readonly name: string
  readonly key: Buffer
  /** Seconds; 0: an authority's. */
  readonly timestamp: number
  /** A witness's: 0. */
  readonly weight: number
}

/** One signature counts of each authority, and of each witness. The tables give it the same way. */
export const signerKey = (kind: number, name: string): string => `${kind} ${name}`

/** Checkpoints that may still be signed: some 3 hours of them. Later signatures do not count. */
export const OPEN_HEADS = 1_000

export interface OpenHeadsOptions {
  readonly registry: RegistryState
  readonly verify: LaneRules['verify']
  /** Whose cosignatures are taken. */
  readonly witnesses: readonly VerifierKey[]
}

export class OpenHeads {
  /** By size; of several with one size, the first. */
  readonly #heads: Map<number, OpenHead>

  /** `open`: oldest first. */
  constructor(
    private readonly options: OpenHeadsOptions,
    open: readonly OpenHead[],
  ) {
    this.#heads = new Map(open.map((head) => [head.size, head]))
  }

  /** A head became final; `registrySize`: that of its block. */
  add(head: TreeHead, registrySize: number): void {
    if (!this.#heads.has(head.size)) this.#heads.set(head.size, { ...head, registrySize, signatures: new Map() })
    const [oldest] = this.#heads.keys()
    if (this.#heads.size > OPEN_HEADS && oldest !== undefined) this.#heads.delete(oldest)
  }

  /** Undefined: it does not count. */
  take(cosignature: Cosignature, offset: bigint): CountedSignature | undefined {
    const { size, root, timestamp } = cosignature
    const head = this.#heads.get(size)
    if (head === undefined || !root.equals(head.root)) return undefined
    const signer = timestamp === 0 ? this.#authority(cosignature, head) : this.#witness(cosignature)
    if (signer === undefined) return undefined
    const message = checkpointMessage(this.options.registry.chainId, head, timestamp)
    const of = signerKey(signer.kind, signer.name)
    const { signature } = cosignature
    if (head.signatures.has(of) || !this.options.verify(signature, message, signer.key)) return undefined
    head.signatures.set(of, { offset, signature })
    return { offset, signature, size, timestamp, ...signer }
  }

  /** The authority's signature of this log's head of that size, as it stands in the topic; undefined: none counts. */
  signed(size: number, authority: string): { readonly cosignature: Cosignature; readonly offset: bigint } | undefined {
    const head = this.#heads.get(size)
    const placed = head?.signatures.get(signerKey(NOTE_KIND.log, authority))
    if (head === undefined || placed === undefined) return undefined
    const { offset, signature } = placed
    return { offset, cosignature: { size, root: head.root, authority, timestamp: 0, signature } }
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
