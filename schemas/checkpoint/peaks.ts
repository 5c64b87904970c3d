/** The newest perfect subtree of each level: all that a tree needs to grow and to give its present root; 32 bytes a level. */
import type { Hash } from '../hash.js'
import type { NodeStore } from '../merkle.js'

export interface Peak {
  readonly index: number
  readonly hash: Hash
}

export class PeakStore implements NodeStore {
  /** By level. */
  readonly #peaks: Peak[]

  constructor(peaks: readonly Peak[] = []) {
    this.#peaks = [...peaks]
  }

  get peaks(): readonly Peak[] {
    return this.#peaks
  }

  get(level: number, index: number): Hash | undefined {
    const peak = this.#peaks[level]
    return peak?.index === index ? peak.hash : undefined
  }

  put(level: number, index: number, hash: Hash): void {
    this.#peaks[level] = { index, hash }
  }
}
