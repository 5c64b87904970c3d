/** Verifies a whole chain from the raw bytes of its topics, trusting the genesis alone. Memory does not grow with the chain: registry
 *  and meters’ states are on disk, in a temporary folder, and blocks are streamed. */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hex } from '../../schemas/bytes.js'
import type { Signatures } from '../../schemas/ed25519.js'
import type { Hash } from '../../schemas/hash.js'
import { RegistryState } from '../../schemas/registry/state.js'
import { MeterStates } from '../chain/meter-states.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { DamagedLogError } from '../kafka/log-reader.js'
import { LmdbRegistryStore } from '../registry/lmdb-registry-store.js'
import type { Fault } from './fault.js'
import { countRecords, type LogSource, type OffsetRange } from './log-source.js'
import { namePlainRecords, PLAIN_TOPICS } from './plain-topics.js'
import { SchemaPrefixes } from './schema-prefixes.js'
import { type Skip, Skips } from './skips.js'
import { otherTip, type Tips } from './tips.js'
import { type CheckpointReport, CheckpointVerifier, type CoveredLane } from './verify-checkpoints.js'
import { type LaneReport, LaneVerifier } from './verify-lane.js'
import { verifyRegistry } from './verify-registry.js'

export interface VerifyProgress {
  /** Records read, and records in all. */
  readonly done: number
  readonly total: number
}

export interface VerifyOptions {
  readonly source: LogSource
  /** The chain that must stand in the topics; undefined: that of the first genesis in them. */
  readonly chainId?: Hash | undefined
  /** Where each lane must end. */
  readonly expectTips?: Tips | undefined
  readonly signatures?: Signatures
  onProgress?(progress: VerifyProgress): void
  /** Called for every record that was skipped, or that nothing vouches for, in ranges. */
  onSkipped?(skip: Skip): void
}

export interface VerifySummary {
  readonly chainId: string | undefined
  readonly network: string | undefined
  readonly lanes: readonly LaneReport[]
  /** The newest one; undefined where a fault was found before. */
  readonly checkpoint: CheckpointReport | undefined
  /** Events that count. */
  readonly registryEvents: number
  /** Records by topic and reason. */
  readonly skipped: Readonly<Record<string, number>>
  readonly seconds: number
}

export interface VerifyResult {
  /** The first that was found; undefined: all holds. */
  readonly fault: Fault | undefined
  readonly summary: VerifySummary
}

/** Reads all topics once. Rejects where they cannot be read; what is wrong in them is the result's fault. */
export async function verify(options: VerifyOptions): Promise<VerifyResult> {
  const folder = await mkdtemp(join(tmpdir(), 'meterchain-verify-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  // Somebody may end the process before we are done.
  process.once('exit', remove)
  const store = new LmdbRegistryStore(join(folder, 'registry'))
  try {
    return await new Verification(options, folder, store).run()
  } finally {
    await store.close()
    remove()
    process.off('exit', remove)
  }
}

class Verification {
  readonly #registry: RegistryState
  readonly #skips: Skips
  readonly #prefixes: SchemaPrefixes
  readonly #lanes: LaneReport[] = []
  readonly #begun = performance.now()
  #checkpoint: CheckpointReport | undefined
  #covered: ReadonlyMap<number, CoveredLane> = new Map()
  #done = 0
  #total = 0

  constructor(
    private readonly options: VerifyOptions,
    private readonly folder: string,
    store: LmdbRegistryStore,
  ) {
    this.#registry = new RegistryState(store, options.signatures ?? sodiumSignatures)
    this.#skips = new Skips((skip) => options.onSkipped?.(skip))
    this.#prefixes = new SchemaPrefixes((skip) => this.#skips.addRange(skip))
  }

  async run(): Promise<VerifyResult> {
    const { source } = this.options
    // What a record names in another topic is there by then, when that topic's end is looked at later.
    const checkpoints = (await source.endOffsets('checkpoints')).get(0)
    const chain = await source.endOffsets('chain')
    const readings = await source.endOffsets('readings')
    this.#total = await countRecords(source, ['registry', 'checkpoints', 'chain', 'readings', ...PLAIN_TOPICS])
    const fault =
      (await this.#verifyRegistry()) ??
      (await this.#verifyCheckpoints(checkpoints)) ??
      (await this.#verifyLanes(chain, readings)) ??
      (await this.#endRight())
    this.#prefixes.flush()
    this.#skips.flush()
    return { fault, summary: this.#summary() }
  }

  #verifyRegistry(): Promise<Fault | undefined> {
    return verifyRegistry(this.options.source.read('registry', 0), {
      ...{ state: this.#registry, chainId: this.options.chainId, skips: this.#skips, prefixes: this.#prefixes },
      onRecord: this.#onRecord,
    }).catch((error: Error) => {
      if (!(error instanceof DamagedLogError)) throw error
      return { topic: 'registry', offset: error.damage.from, reason: error.message }
    })
  }

  async #verifyCheckpoints(range: OffsetRange | undefined): Promise<Fault | undefined> {
    const { signatures } = this.#registry
    const verifier = new CheckpointVerifier({
      ...{ source: this.options.source, registry: this.#registry, range, skips: this.#skips, prefixes: this.#prefixes },
      ...{ verify: signatures.verify.bind(signatures), onRecord: this.#onRecord },
    })
    const fault = await verifier.run()
    this.#checkpoint = verifier.report
    this.#covered = verifier.covered
    return fault
  }

  async #verifyLanes(
    chain: Awaited<ReturnType<LogSource['endOffsets']>>,
    readings: Awaited<ReturnType<LogSource['endOffsets']>>,
  ): Promise<Fault | undefined> {
    const states = MeterStates.open(join(this.folder, 'meters'), this.#registry.chainId)
    const { source } = this.options
    const { signatures } = this.#registry
    const context = {
      ...{ source, registry: this.#registry, states, chain, readings, skips: this.#skips, prefixes: this.#prefixes },
      ...{ verify: signatures.verify.bind(signatures), onRecord: this.#onRecord, covered: this.#covered },
    }
    try {
      for (let lane = 0; lane < this.#registry.lanes; lane++) {
        const verifier = new LaneVerifier(lane, context)
        this.#lanes.push(verifier.report)
        const fault = await verifier.run()
        if (fault !== undefined) return fault
      }
      return undefined
    } finally {
      await states.close()
    }
  }

  async #endRight(): Promise<Fault | undefined> {
    await namePlainRecords(this.options.source, this.#skips, this.#onRecord)
    const { expectTips } = this.options
    return expectTips === undefined ? undefined : otherTip(expectTips, this.#lanes)
  }

  readonly #onRecord = (): void => {
    this.#done++
    this.options.onProgress?.({ done: this.#done, total: Math.max(this.#total, this.#done) })
  }

  #summary(): VerifySummary {
    const { hasGenesis, size } = this.#registry
    return {
      chainId: hasGenesis ? hex(this.#registry.chainId) : undefined,
      network: hasGenesis ? this.#registry.genesis.network : undefined,
      lanes: this.#lanes,
      checkpoint: this.#checkpoint,
      registryEvents: size,
      skipped: Object.fromEntries([...this.#skips.counts].sort(([a], [b]) => (a < b ? -1 : 1))),
      seconds: (performance.now() - this.#begun) / 1000,
    }
  }
}
