/** Heads that are final in the log and wait for the signatures of those who decide. */
import type { TreeHead } from '../../schemas/checkpoint/note.js'
import { type AuthoritySet, isQuorum, totalWeight } from '../../schemas/consensus/turns.js'
import type { LaneAuthority, LaneRules } from '../../schemas/lane-fold.js'
import type { Cosignature } from '../../schemas/records.js'
import { isSignedBy } from '../checkpoints/checkpoint-feed.js'

interface Waiting {
  readonly head: TreeHead
  readonly set: AuthoritySet<LaneAuthority>
  readonly signatures: Map<string, Cosignature>
}

/** A head with authorities' signatures of more than 2/3 of the weight. */
export interface VouchedHead {
  readonly head: TreeHead
  readonly signatures: readonly { readonly publicKey: Buffer; readonly signature: Buffer }[]
}

/** A head is signed within seconds; one that is older by so many is not waited for. */
const RECENT = 100

export class Heads {
  readonly #waiting = new Map<number, Waiting>()

  constructor(
    private readonly chainId: Buffer,
    private readonly verify: LaneRules['verify'],
  ) {}

  /** A checkpoint became final; `set`: the authorities of the registry state that it names. */
  add(head: TreeHead, set: AuthoritySet<LaneAuthority>): void {
    this.#waiting.set(head.size, { head, set, signatures: new Map() })
    for (const size of [...this.#waiting.keys()].slice(0, -RECENT)) this.#waiting.delete(size)
  }

  /** Gives the head that this signature completes; undefined: none. */
  take(cosignature: Cosignature): VouchedHead | undefined {
    const waiting = this.#waiting.get(Number(cosignature.size))
    if (waiting === undefined) return undefined
    const { head, set, signatures } = waiting
    const { authorities } = set
    if (!isSignedBy(cosignature, { head, authorities, chainId: this.chainId }, this.verify)) return undefined
    signatures.set(cosignature.authority, cosignature)
    const signers = authorities.filter(({ id }) => signatures.has(id))
    const weight = signers.reduce((sum, each) => sum + each.weight, 0)
    if (!isQuorum(weight, totalWeight(set))) return undefined
    this.#waiting.delete(head.size)
    return {
      head,
      signatures: signers.map(({ id, key }) => ({ publicKey: key, signature: signatures.get(id)?.signature ?? Buffer.alloc(0) })),
    }
  }
}
