import { SIGNED_HEADS } from './lane-replica.js'

/** Signatures of heads that the replica holds and the log does not, as far back as they may count. */
export class HeadSignatures {
  /** By digest: in the log, at its time, and when. */
  private readonly placed = new Map<string, bigint>()
  private readonly held = new Map<string, { readonly value: Buffer; readonly height: bigint }>()

  inLog(digest: string, height: bigint): void {
    this.placed.set(digest, height)
    dropOld(this.placed, height, (each) => each)
  }

  inReplica(digest: string, value: Buffer, height: bigint): void {
    this.held.set(digest, { value, height })
    dropOld(this.held, height, (each) => each.height)
  }

  missing(): Buffer[] {
    return [...this.held].filter(([digest]) => !this.placed.has(digest)).map(([, { value }]) => value)
  }
}

/** They came in the order of their heights, mostly: one that did not stays a while longer. */
function dropOld<T>(all: Map<string, T>, height: bigint, heightOf: (each: T) => bigint): void {
  for (const [key, each] of all) {
    if (heightOf(each) >= height - BigInt(SIGNED_HEADS)) return
    all.delete(key)
  }
}
