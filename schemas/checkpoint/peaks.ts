/** The newest perfect subtree of each level: all that a tree needs to grow and to give its present root; 32 bytes a level. */
import type { Hash } from '../hash.js'
import type { NodeStore } from '../merkle.js'

export interface Peak {
  readonly index: number
  readonly hash: Hash
}

export class PeakStore implements NodeStore {
  /** By level the newest one, … */
  readonly #peaks: Peak[]
  /** … and the one before it, which the newest one joins. */
  readonly #before: Peak[] = []

  constructor(peaks: readonly Peak[] = []) {
    this.#peaks = [...peaks]
  }

  get peaks(): readonly Peak[] {
    return this.#peaks
  }

  get(level: number, index: number): Hash | undefined {
    return [this.#peaks[level], this.#before[level]].find((peak) => peak?.index === index)?.hash
  }

  put(level: number, index: number, hash: Hash): void {
    const peak = this.#peaks[level]
    if (peak !== undefined) this.#before[level] = peak
    this.#peaks[level] = { index, hash }
  }
}
