/** Folds topic `checkpoints` and checks all that it says: the lane of checkpoints, its leaves, and who signed its heads. */
import { hex } from '../../schemas/bytes.js'
import { CheckpointLog, checkpointLane, leavesOf } from '../../schemas/checkpoint/log.js'
import { checkpointMessage, type TreeHead } from '../../schemas/checkpoint/note.js'
import { PeakStore } from '../../schemas/checkpoint/peaks.js'
import { isQuorum, totalWeight } from '../../schemas/consensus/turns.js'
import { type Hash, sha256, ZERO_HASH } from '../../schemas/hash.js'
import { isOrdinarySkip, type LaneRules } from '../../schemas/lane-fold.js'
import { leafHash } from '../../schemas/merkle.js'
import { type CheckpointLeaf, type Cosignature, decodeCosignature, encodeCheckpointLeaf } from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { type Finalized, LaneReader, laneRules } from '../chain/lane-reader.js'
import type { Fault } from './fault.js'
import type { LogSource, OffsetRange, SourceRecord } from './log-source.js'
import type { SchemaPrefixes } from './schema-prefixes.js'
import type { Skips } from './skips.js'
import { StrayVotes } from './stray-votes.js'
import { type BlockWrong, RegistryRoots, wrongRoot } from './verify-block.js'

/** What the newest checkpoint says of a lane: how high it is, and a digest over all its final blocks up to there. */
export interface CoveredLane {
  readonly height: bigint
  readonly digest: Hash
}

export interface CheckpointReport {
  readonly size: number
  readonly root: string
  /** Sorted by id: authorities that signed the newest head. */
  readonly signers: readonly string[]
}

export interface CheckpointContext {
  readonly source: LogSource
  readonly registry: RegistryState
  readonly verify: LaneRules['verify']
  readonly skips: Skips
  readonly prefixes: SchemaPrefixes
  /** What the topic held at the beginning; undefined: there is none. */
  readonly range: OffsetRange | undefined
  onRecord(): void
}

/** The digest of a lane with one more final block. */
export const digestWith = (digest: Hash, leaf: CheckpointLeaf): Hash => sha256(digest, leafHash(encodeCheckpointLeaf(leaf)))
export const EMPTY_DIGEST = ZERO_HASH

/** Heads that readers may still be signing, 20 minutes of them by default; a signature of an older one is not looked at. */
const RECENT_HEADS = 256

interface Head {
  readonly root: Hash
  /** Of its block: whose keys may sign it. */
  readonly registrySize: number
  readonly signers: Set<string>
}

export class CheckpointVerifier {
  readonly covered = new Map<number, CoveredLane>()
  readonly #reader: LaneReader
  readonly #log: CheckpointLog
  readonly #strays: StrayVotes
  readonly #roots: RegistryRoots
  /** By size, rising. */
  readonly #heads = new Map<number, Head>()
  /** Size of the newest head that is not kept any more. */
  #forgotten = 0
  /** Weights of those who signed a head that this log does not have, by size and root. */
  readonly #others = new Map<string, Map<string, number>>()

  constructor(private readonly context: CheckpointContext) {
    const { registry, verify } = context
    const lane = checkpointLane(registry.lanes)
    const rules = laneRules(registry, verify)
    this.#reader = new LaneReader(lane, rules, undefined)
    this.#log = new CheckpointLog(new PeakStore(), registry.lanes)
    this.#strays = new StrayVotes(lane, rules)
    this.#roots = new RegistryRoots(registry)
  }

  get report(): CheckpointReport {
    const { size, root } = this.#log.head
    return { size, root: hex(root), signers: [...(this.#heads.get(size)?.signers ?? [])].sort() }
  }

  async run(): Promise<Fault | undefined> {
    const { range, source } = this.context
    if (range === undefined) return undefined
    for await (const record of source.read('checkpoints', 0)) {
      if (record.offset >= range.high) break
      this.context.onRecord()
      const wrong = this.#take(record)
      if (wrong !== undefined) return { topic: 'checkpoints', offset: record.offset, ...wrong }
    }
    const missing = this.#strays.missing(this.#reader.state.final)
    if (missing !== undefined) return { topic: 'checkpoints', height: missing.height ?? 0n, reason: missing.reason }
    return this.#otherHead()
  }

  #take(record: SourceRecord): (BlockWrong & { height: bigint }) | undefined {
    const cosignature = decodeCosignature(record.value)
    if (cosignature !== undefined) {
      this.context.prefixes.note('cosignatures', 'checkpoints', 0, record.offset, record.value)
      const reason = this.#whyUnsigned(cosignature)
      if (reason !== undefined) this.context.skips.add('checkpoints', 0, record.offset, reason)
      return undefined
    }
    const before = this.#reader.state
    const { record: decoded, outcome, finalized } = this.#reader.take(record)
    const isLateVote = decoded?.kind === 'vote' && outcome.kind === 'skipped' && this.#strays.take(decoded, this.#reader.state)
    if (decoded === undefined) {
      this.context.skips.add('checkpoints', 0, record.offset, 'undecodable: not a record in canonical form')
    } else {
      this.context.prefixes.note(`${decoded.kind}s`, 'checkpoints', 0, record.offset, record.value)
      const reason = outcome.kind === 'skipped' && !isLateVote ? outcome.reason : undefined
      if (reason !== undefined) {
        const detail = isOrdinarySkip(reason) ? '' : `: a ${decoded.kind}`
        this.context.skips.add('checkpoints', 0, record.offset, `${reason}${detail}`)
      }
    }
    if (finalized === undefined) return undefined
    const wrong = this.#wrong(finalized)
    if (wrong !== undefined) return { height: finalized.header.height, ...wrong }
    this.#strays.noteFinal(finalized, before.final)
    this.#grow(finalized)
    return undefined
  }

  #wrong(finalized: Finalized): BlockWrong | undefined {
    const { registry } = this.context
    const root = wrongRoot(finalized.header, registry, this.#roots)
    if (root !== undefined) return root
    if (finalized.notCounted.length > 0) return { reason: 'its verdict leaves entries out, and no leaf can be left out' }
    const found = leavesOf(finalized.block, this.#log.tips, registry.lanes)
    return found.ok ? undefined : { reason: found.fault }
  }

  #grow({ block, header }: Finalized): void {
    const { head, leaves } = this.#log.take(block.entries)
    for (const leaf of leaves) {
      const { digest } = this.covered.get(leaf.lane) ?? { digest: EMPTY_DIGEST }
      this.covered.set(leaf.lane, { height: leaf.height, digest: digestWith(digest, leaf) })
    }
    this.#heads.set(head.size, { root: head.root, registrySize: header.registrySize, signers: new Set() })
    const oldest = this.#heads.keys().next().value
    if (this.#heads.size <= RECENT_HEADS || oldest === undefined) return
    this.#heads.delete(oldest)
    this.#forgotten = oldest
  }

  /** Why a signature tells nothing of this log's heads; undefined where it is an authority's of one of them. */
  #whyUnsigned(cosignature: Cosignature): string | undefined {
    const { registry, verify } = this.context
    const { authority, size, root, timestamp, signature } = cosignature
    if (timestamp !== 0) return `unverified: ${JSON.stringify(authority)} signed as a witness, whose key the chain does not hold`
    if (size > 0 && size <= this.#forgotten) return `late: ${JSON.stringify(authority)} signed a checkpoint of long before`
    const head = this.#heads.get(size)
    const isHead = head?.root.equals(root) === true
    const { registrySize } = isHead ? head : this.#reader.state.final
    const signer = registry.governanceAt(registrySize).authorities.find(({ id }) => id === authority)
    if (signer === undefined) return `unknown-authority: ${JSON.stringify(authority)} signed a checkpoint`
    const signed: TreeHead = { size, root }
    if (!verify(signature, checkpointMessage(registry.chainId, signed, 0), signer.key)) {
      return `bad-signature: of ${JSON.stringify(authority)} on a checkpoint`
    }
    if (isHead) {
      head.signers.add(authority)
      return undefined
    }
    const key = `${size} ${hex(root)}`
    this.#others.set(key, (this.#others.get(key) ?? new Map()).set(authority, signer.weight))
    return `contradiction: ${JSON.stringify(authority)} signed a checkpoint of size ${size} that is none of this log`
  }

  /** Those who decide signed another log: this one was altered, or they show two. */
  #otherHead(): Fault | undefined {
    const total = totalWeight(this.context.registry.governanceAt(this.#reader.state.final.registrySize))
    for (const [key, weights] of this.#others) {
      const weight = [...weights.values()].reduce((sum, each) => sum + each, 0)
      if (!isQuorum(weight, total)) continue
      const reason = `more than 2/3 of the weight signed a checkpoint that is none of this log: size and root ${key}`
      return { topic: 'checkpoints', reason }
    }
    return undefined
  }
}
