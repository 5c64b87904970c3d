import type { Signatures } from '../../schemas/ed25519.js'
import { TransientError } from '../../schemas/errors.js'
import type { Hash } from '../../schemas/hash.js'
import { RegistryState } from '../../schemas/registry/state.js'
import { LmdbRegistryStore } from '../registry/lmdb-registry-store.js'
import { foldEvents, requireChain } from './prove.js'
import type { Replica } from './replica.js'

/** The registry as a replica has it, folded from its first event, and on as the replica grows. */
export class ReplicaRegistry {
  readonly state: RegistryState
  readonly #store: LmdbRegistryStore
  readonly #listeners = new Set<() => void>()
  #folding: Promise<void> | undefined

  private constructor(
    private readonly replica: Replica,
    folder: string,
    signatures: Signatures,
  ) {
    this.#store = new LmdbRegistryStore(folder)
    this.state = new RegistryState(this.#store, signatures)
  }

  /** `folder`: an empty one. Rejects with ReplicaRefusedError where an event does not count, or they are of another chain. */
  static async open(replica: Replica, chainId: Hash, folder: string, signatures: Signatures): Promise<ReplicaRegistry> {
    const opened = new ReplicaRegistry(replica, folder, signatures)
    try {
      await opened.caughtUp()
      requireChain(replica, opened.state, chainId)
      return opened
    } catch (error) {
      await opened.close()
      throw error
    }
  }

  /** Resolves when all is folded that the replica held at the time of the call. */
  async caughtUp(): Promise<void> {
    // what is being folded may have been asked for before
    await this.#folding
    await this.#fold()
  }

  /** Whether the replica holds so many events; they are folded then. */
  async isHeld(size: number): Promise<boolean> {
    if (this.state.size < size) await this.caughtUp()
    return this.state.size >= size
  }

  /** Rejects with TransientError where it does not hold them. */
  async reach(size: number): Promise<void> {
    if (!(await this.isHeld(size)))
      throw new TransientError(`replica ${this.replica.name} holds ${this.state.size} registry events, ${size} are needed`)
  }

  /** Calls after events were folded. Gives the way to end that. */
  onEvent(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** A replica holds none that do not count. */
  onSkip(): () => void {
    return () => undefined
  }

  async close(): Promise<void> {
    await this.#folding?.catch(() => undefined)
    await this.#store.close()
  }

  #fold(): Promise<void> {
    this.#folding ??= foldEvents(this.replica, this.state, this.#store, () => {
      for (const listener of this.#listeners) listener()
    }).finally(() => {
      this.#folding = undefined
    })
    return this.#folding
  }
}
