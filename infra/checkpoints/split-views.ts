/** Finds authorities that signed two heads of one size of the log of checkpoints (schemas/evidence.ts). As with what a lane's log holds,
 *  all that is found between two certificates belongs to the block that the later one makes final. */
import { checkpointMessage } from '../../schemas/checkpoint/note.js'
import { EVIDENCE_EACH, type Evidence } from '../../schemas/evidence.js'
import type { LaneAuthority, LaneRules } from '../../schemas/lane-fold.js'
import { type Cosignature, encodeCosignature } from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'

/** A signature and where it stands in the topic. */
export interface Signed {
  readonly cosignature: Cosignature
  readonly offset: bigint
}

export interface SplitViewsOptions {
  /** That of checkpoints. */
  readonly lane: number
  readonly registry: Pick<RegistryState, 'chainId' | 'governanceAt'>
  readonly verify: LaneRules['verify']
  /** The authority's signature of this log's head of that size, if it came before. */
  signed(size: number, authority: string): Signed | undefined
}

export class SplitViews {
  /** Since the newest certificate, in the order of the log. */
  #found: Evidence[] = []
  /** Signatures over heads that are none of this log, since the newest certificate and since the one before it: whoever begins to read at
   *  the final block before the newest has them all. */
  #others: Signed[] = []
  #othersBefore: readonly Signed[] = []

  constructor(private readonly options: SplitViewsOptions) {}

  /** `registrySize`: that of the newest final block. */
  note(signed: Signed, registrySize: number): void {
    const { authority, size, timestamp } = signed.cosignature
    // a record may name any size, and a log has none below 0
    if (timestamp !== 0 || size < 0) return
    const { authorities } = this.options.registry.governanceAt(registrySize)
    const member = authorities.find(({ id, weight }) => id === authority && weight > 0)
    if (member === undefined) return
    const ofHead = this.options.signed(size, authority)
    const first = this.#otherThan(signed, ofHead)
    const isOther = ofHead === undefined || isSplit(ofHead, signed)
    const isFound = first !== undefined && this.#hasRoomFor(signed)
    const isKept = isOther && this.#isToBeKept(signed)
    if ((!isFound && !isKept) || !this.#holds(signed, member)) return
    if (isKept) this.#others.push(signed)
    // whose key is another one by now may have signed it with the one before
    if (isFound && this.#holds(first, member)) this.#found.push(this.#evidence(first, signed, registrySize))
  }

  /** All that belongs to the block that became final. */
  close(): readonly Evidence[] {
    const all = this.#found
    this.#found = []
    this.#othersBefore = this.#others
    this.#others = []
    return all
  }

  /** What the same authority signed before, of this size and with another root. */
  #otherThan(signed: Signed, ofHead: Signed | undefined): Signed | undefined {
    const before = [...(ofHead === undefined ? [] : [ofHead]), ...this.#othersBefore, ...this.#others]
    return before.find((each) => isSplit(each, signed))
  }

  #hasRoomFor({ cosignature: { authority, size } }: Signed): boolean {
    const ofSame = this.#found.filter((each) => each.authority === authority)
    return ofSame.length < EVIDENCE_EACH && ofSame.every(({ height }) => height !== BigInt(size))
  }

  /** The first few, one of each size: it may sign thousands. */
  #isToBeKept({ cosignature: { authority, size } }: Signed): boolean {
    const ofSame = this.#others.filter(({ cosignature }) => cosignature.authority === authority)
    return ofSame.length < EVIDENCE_EACH && ofSame.every(({ cosignature }) => cosignature.size !== size)
  }

  #holds({ cosignature }: Signed, { key }: LaneAuthority): boolean {
    const { registry, verify } = this.options
    return verify(cosignature.signature, checkpointMessage(registry.chainId, cosignature, 0), key)
  }

  #evidence(first: Signed, second: Signed, registrySize: number): Evidence {
    const { authority, size, root } = first.cosignature
    return {
      ...{ kind: 'split-view', lane: this.options.lane, height: BigInt(size), block: root, authority, registrySize },
      originals: [first, second].map(({ cosignature, offset }) => ({
        record: encodeCosignature(cosignature),
        place: { offset, timestamp: 0 },
      })),
    }
  }
}

const isSplit = ({ cosignature: a }: Signed, { cosignature: b }: Signed): boolean =>
  a.authority === b.authority && a.size === b.size && !a.root.equals(b.root)
