import { setTimeout as pause } from 'node:timers/promises'
import { TransientError } from '../../schemas/errors.js'

/** Work that is done over again, one pass at a time, whenever somebody wants all that there is by then. After one that failed there is no
 *  other: what it had read is not in the tables. */
export class Passes {
  #passing: Promise<void> | undefined
  #failure: Error | undefined

  constructor(
    private readonly pass: () => Promise<void>,
    private readonly onFailure: (error: Error) => void,
  ) {}

  begin(): void {
    this.#run().catch(() => undefined)
  }

  /** Resolves at the end of a pass that began after the call. Rejects with TransientError at the deadline; it goes on then. */
  async through(deadlineMillis: number): Promise<void> {
    const over = new AbortController()
    const late = pause(deadlineMillis, undefined, { signal: over.signal }).then(() => {
      throw new TransientError(`the replica was not read to its end within ${deadlineMillis} ms`)
    })
    late.catch(() => undefined)
    try {
      if (this.#passing !== undefined) await Promise.race([this.#passing, late])
      await Promise.race([this.#run(), late])
    } finally {
      over.abort()
    }
  }

  /** Resolves when nothing is being done. */
  async idle(): Promise<void> {
    await this.#passing?.catch(() => undefined)
  }

  #run(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    this.#passing ??= this.pass()
      .catch((error: Error) => {
        this.#failure = error
        this.onFailure(error)
        throw error
      })
      .finally(() => {
        this.#passing = undefined
      })
    return this.#passing
  }
}
