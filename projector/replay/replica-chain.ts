import { LaneReader, laneRules } from '../../infra/chain/lane-reader.js'
import { provedBlocks, ReplicaRefusedError } from '../../infra/restore/prove.js'
import type { Replica } from '../../infra/restore/replica.js'
import type { ReplicaRegistry } from '../../infra/restore/replica-registry.js'
import { checkEvidence } from '../../schemas/check-evidence.js'
import type { Signatures } from '../../schemas/ed25519.js'
import type { Evidence } from '../../schemas/evidence.js'
import { evidenceFile } from '../../schemas/evidence-format.js'
import type { ChainOptions, FollowedChain } from '../fill-source.js'
import { Passes } from './passes.js'

export interface ReplicaChainOptions extends ChainOptions {
  readonly replica: Replica
  readonly registry: ReplicaRegistry
  readonly signatures: Signatures
}

/** The final blocks of a replica, all lanes side by side, each block proved before it is handed on. */
export class ReplicaChain implements FollowedChain {
  readonly #readers: readonly LaneReader[]
  readonly #passes: Passes
  #isOver = false

  constructor(private readonly options: ReplicaChainOptions) {
    const { registry, signatures, positions } = options
    const rules = laneRules(registry.state, signatures.verify)
    this.#readers = [...positions].map(([lane, position]) => new LaneReader(lane, rules, position))
    this.#passes = new Passes(
      () => Promise.all(this.#readers.map((reader) => this.#readOn(reader))).then(() => undefined),
      options.onFailure,
    )
  }

  async start(): Promise<void> {
    this.#passes.begin()
  }

  caughtUp(deadlineMillis = 60_000): Promise<void> {
    return this.#passes.through(deadlineMillis)
  }

  /** A replica has no records that wait: what it holds is final. */
  lag(): bigint {
    return 0n
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#passes.idle()
  }

  async #readOn(reader: LaneReader): Promise<void> {
    const { replica, registry, onFinal } = this.options
    const proving = { registry: registry.state, isHeld: (size: number) => registry.isHeld(size) }
    for await (const finalized of provedBlocks(replica, reader, proving)) {
      for (const each of finalized.evidence) this.#requireShown(each, finalized.header.height)
      await onFinal(finalized)
      if (this.#isOver) return
    }
  }

  #requireShown(evidence: Evidence, height: bigint): void {
    const { replica, registry, signatures } = this.options
    const { state } = registry
    const genesis = state.store.eventBytes(0) ?? Buffer.alloc(0)
    const checked =
      evidence.registrySize > state.size
        ? { ok: false, reason: `it names ${evidence.registrySize} registry events, and there are ${state.size}` }
        : checkEvidence(evidenceFile(state, evidence), genesis, signatures)
    if ('reason' in checked)
      throw new ReplicaRefusedError(
        replica.name,
        `lane ${evidence.lane}, block ${height}: its evidence does not hold: ${checked.reason}`,
      )
  }
}
