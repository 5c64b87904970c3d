import type { Logger } from 'pino'
import { type ApiKey, hashOf, type Standing, standingOf } from './api-key.js'
import { readKeys } from './key-folder.js'

/** How old what is known of the folder may be: so long a revoked key is still good. */
const FRESH_MILLIS = 1_000

export interface FoundKey {
  readonly key: ApiKey
  readonly standing: Standing
}

/** The keys of a folder, read again where somebody asks and they were read a second ago. */
export class KeyRing {
  #byHash: Promise<Map<string, ApiKey>> = Promise.resolve(new Map())
  #readAt = Number.NEGATIVE_INFINITY
  /** Faults that were logged. */
  readonly #told = new Set<string>()

  constructor(
    private readonly folder: string,
    private readonly logger: Logger,
  ) {}

  /** Rejects where the folder cannot be read: then nobody is let in. */
  async find(secret: string, now = Date.now()): Promise<FoundKey | undefined> {
    if (now - this.#readAt >= FRESH_MILLIS) {
      this.#readAt = now
      this.#byHash = this.#read()
    }
    const key = (await this.#byHash).get(hashOf(secret))
    return key && { key, standing: standingOf(key, now) }
  }

  async #read(): Promise<Map<string, ApiKey>> {
    const { keys, faults } = await readKeys(this.folder)
    for (const fault of faults) {
      const text = JSON.stringify(fault)
      if (!this.#told.has(text)) this.logger.warn(fault, 'a file among the API keys is none, and lets nobody in')
      this.#told.add(text)
    }
    return new Map(keys.map((key) => [key.sha256, key]))
  }
}
