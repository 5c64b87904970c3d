/** An authority's part in the checkpoints: it proposes what became final here, votes on what others propose, and signs the heads. */

import type { HeldBlock } from '../../infra/chain/held-blocks.js'
import type { KeptFinals } from '../../infra/chain/kept-finals.js'
import { Lookout } from '../../infra/chain/lookout.js'
import { sealBlock } from '../../infra/chain/sign-records.js'
import type { CheckpointFeed, FinalCheckpoint } from '../../infra/checkpoints/checkpoint-feed.js'
import { sign } from '../../infra/crypto/sodium.js'
import { registeredKey } from '../../infra/held-keys.js'
import type { AuthorityKey } from '../../infra/keys.js'
import { checkpointMessage, type TreeHead } from '../../schemas/checkpoint/note.js'
import { waitMillis } from '../../schemas/consensus/timing.js'
import { BugError } from '../../schemas/errors.js'
import { turnOf } from '../../schemas/lane-candidates.js'
import type { Candidate, FinalBlock } from '../../schemas/lane-fold.js'
import { LIMITS } from '../../schemas/limits.js'
import { leafHash, merkleRoot } from '../../schemas/merkle.js'
import {
  type CheckpointLeaf,
  type Cosignature,
  encodeCheckpointLeaf,
  encodeCosignature,
  type Header,
  type NotCounted,
} from '../../schemas/records.js'
import { type Check, checkCandidate, rankOf } from '../check.js'
import { type VotedLog, Voter, type VoterDeps } from '../voter.js'
import { checkLeaves, type SeenLanes } from './check-checkpoint.js'
import type { CheckpointGuard } from './guard.js'

export interface KeeperDeps extends VoterDeps {
  readonly finals: KeptFinals
  readonly guard: CheckpointGuard
  readonly staleMillis: number
  /** From one checkpoint to the next, milliseconds. */
  readonly intervalMillis: number
  outgrownAt(size: number): number | undefined
}

/** How often a head that waits to be signed, or a proposal, is looked at again, milliseconds. */
const LOOK_AGAIN_MILLIS = 250

export class CheckpointKeeper implements VotedLog, SeenLanes {
  readonly topic = 'checkpoints'
  readonly partition = 0
  readonly mayVote = true
  private readonly voter: Voter
  private readonly lookout: Lookout
  /** When what no checkpoint covers was first seen here, milliseconds; 0: all is covered. */
  private uncoveredSince = 0
  /** The block that we appended last, and the offset of our last record: nothing more is sealed before it has been read. */
  private last: { readonly final: FinalBlock; readonly attempt: number; readonly offset: bigint } | undefined
  /** Size of the newest head that we have signed in the log. */
  private signedSize = 0

  constructor(
    private readonly feed: CheckpointFeed,
    private readonly deps: KeeperDeps,
  ) {
    this.voter = new Voter(this, deps)
    this.lookout = new Lookout(() => this.look(), deps.onFatal)
  }

  get reader(): CheckpointFeed['reader'] {
    return this.feed.reader
  }

  get isAtEnd(): boolean {
    return this.feed.isAtEnd
  }

  poke(): void {
    this.voter.poke()
    this.lookout.poke()
  }

  async stop(): Promise<void> {
    await Promise.all([this.voter.stop(), this.lookout.stop()])
  }

  /** A block became final here, and is kept. */
  laneMoved(lane: number, height: bigint): void {
    const tip = this.feed.log.tips.get(lane)
    if (tip === undefined || height > tip.height) this.uncoveredSince ||= Date.now()
    this.poke()
  }

  /** A checkpoint is final, and the guard has taken it. */
  taken({ finalized }: FinalCheckpoint): void {
    this.uncoveredSince = this.uncovered(1).length === 0 ? 0 : finalized.timestamp
    this.voter.decided()
  }

  /** Ours, that we need not sign again. */
  noteCosignature({ authority, timestamp, size }: Cosignature): void {
    if (authority === this.deps.key.id && timestamp === 0) this.signedSize = Math.max(this.signedSize, Number(size))
  }

  final(lane: number, height: bigint): { block: Buffer; verdict: Buffer } | undefined {
    return this.deps.finals.get(lane, height)
  }

  height(lane: number): bigint {
    return this.deps.guard.height(lane)
  }

  check(candidate: Candidate, held: HeldBlock): Check {
    const { feed, deps } = this
    const { state } = feed.reader
    const registry = deps.registry.state
    const set = registry.governanceAt(state.final.registrySize)
    const sight = {
      pending: [],
      readingsNext: 0n,
      registrySize: registry.size,
      rootAt: (size: number) => registry.rootAt(size),
      sourceEpoch: 0,
      sourceEpochAt: () => 0,
      outgrownAt: deps.outgrownAt,
      parentAt: feed.parentAt,
      rank: rankOf(candidate.header.proposer, state, set, registry.chainId),
      now: Date.now(),
      appendedAt: held.timestamp,
    }
    return checkCandidate(held.block, held.bytes.length, sight, deps, (block) =>
      checkLeaves(block, feed.log.tips, registry.lanes, this),
    )
  }

  /** No leaf is left out of the log. */
  async judge(): Promise<readonly NotCounted[]> {
    return []
  }

  private async look(): Promise<void> {
    const { feed } = this
    if (!feed.isAtEnd || feed.reader.nextOffset <= (this.last?.offset ?? -1n)) return
    const key = this.registeredKey()
    if (key === undefined) return
    if (this.signedSize < feed.log.size && this.agreesWithAll()) await this.cosign(feed.log.head, key)
    await this.propose(key)
  }

  private registeredKey(): AuthorityKey | undefined {
    const { registrySize } = this.feed.reader.state.final
    return registeredKey(this.deps.registry.state.governanceAt(registrySize).authorities, this.deps)
  }

  /** Whether each lane is read as far as the head says, and is the same. */
  private agreesWithAll(): boolean {
    return [...this.feed.log.tips.keys()].every((lane) => this.deps.guard.isVouchedFor(lane))
  }

  private async cosign(head: TreeHead, key: AuthorityKey): Promise<void> {
    const { deps } = this
    this.signedSize = head.size
    const signature = sign(checkpointMessage(deps.registry.state.chainId, head, 0), key.secretKey)
    const record = encodeCosignature({ ...head, authority: key.id, timestamp: 0, signature })
    await deps.writer.append('checkpoints', 0, [{ key: null, value: deps.ids.frame('Cosignature', record) }])
  }

  /** Leaves that no checkpoint covers, of all lanes that are not split. */
  private uncovered(limit: number): CheckpointLeaf[] {
    const { feed, deps } = this
    const leaves: CheckpointLeaf[] = []
    const split = new Set(deps.guard.splitLanes)
    for (let lane = 0; lane < deps.registry.state.lanes && leaves.length < limit; lane++) {
      if (split.has(lane)) continue
      let due = (feed.log.tips.get(lane)?.height ?? 0n) + 1n
      for (const { height, block, verdict } of deps.finals.from(lane, due, limit - leaves.length)) {
        if (height !== due) break
        leaves.push({ lane, height, block, verdict })
        due++
      }
    }
    return leaves
  }

  private async propose(key: AuthorityKey): Promise<void> {
    const { feed, deps } = this
    const { state } = feed.reader
    if (this.uncoveredSince === 0 && this.uncovered(1).length > 0) this.uncoveredSince = Date.now()
    if (this.uncoveredSince === 0) return
    const registry = deps.registry.state
    const turn = turnOf(key.id, state, registry.governanceAt(state.final.registrySize), registry.chainId)
    if (turn === undefined || (this.last?.final === state.final && this.last.attempt === turn.attempt)) return
    const since = Math.max(feed.parentAt + deps.intervalMillis, feed.voidAt, this.uncoveredSince)
    const due = since + waitMillis(turn.rank, turn.attempt, deps.wiggleMillis)
    if (Date.now() < due) return this.lookout.pokeIn(due - Date.now())
    await deps.registry.caughtUp()
    if (feed.reader.state !== state || !feed.isAtEnd) return this.lookout.pokeIn(LOOK_AGAIN_MILLIS)
    await this.seal(state.final, turn.attempt, key)
  }

  private async seal(final: FinalBlock, attempt: number, key: AuthorityKey): Promise<void> {
    const { feed, deps } = this
    const registry = deps.registry.state
    const entries = this.uncovered(LIMITS.entriesPerBlock).map(encodeCheckpointLeaf)
    if (entries.length === 0) return
    const registryRoot = registry.rootAt(registry.size)
    if (registryRoot === undefined) throw new BugError(`the registry has no root at size ${registry.size}`)
    const header: Header = {
      lane: feed.reader.lane,
      height: final.height + 1n,
      previous: final.hash,
      root: merkleRoot(entries.map(leafHash)),
      count: entries.length,
      sourceEpoch: 0,
      firstOffset: final.lastOffset + 1n,
      lastOffset: final.lastOffset + BigInt(entries.length),
      registrySize: registry.size,
      registryRoot,
      sealedAt: Date.now(),
      proposer: key.id,
      attempt,
    }
    const value = deps.ids.frame('Block', sealBlock(registry.chainId, header, entries, key))
    const offset = await deps.writer.append('checkpoints', 0, [{ key: null, value }])
    this.last = { final, attempt, offset }
  }
}
