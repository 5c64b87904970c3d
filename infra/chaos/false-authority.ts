/** An authority that breaks the rules as one with its key can: it seals wrong blocks, and votes otherwise than it should. It reads the
 *  logs as the others do, so that what it writes stands where it can do most harm. */
import { randomUUID } from 'node:crypto'
import { type Hash, hashKey } from '../../schemas/hash.js'
import { proposers } from '../../schemas/lane-candidates.js'
import { blockHash, type Candidate, verdictHash } from '../../schemas/lane-fold.js'
import { encodeHeader, type NotCounted } from '../../schemas/records.js'
import { type LaneFeed, LaneFeeds } from '../chain/lane-feeds.js'
import { sealBlock, signVote } from '../chain/sign-records.js'
import type { AuthorityKey } from '../keys.js'
import type { Runtime } from '../stage-runtime.js'
import { type Wrong, wrongBlock } from './wrong-block.js'

/** How it votes: not at all; for another verdict; for one verdict and then for another. */
export type Voting = 'silent' | 'other-verdict' | 'contradicts'

export interface Struck {
  readonly hash: Hash
  readonly height: bigint
  /** Where it stands in `chain`. */
  readonly offset: bigint
}

interface Wanted {
  readonly how: Wrong
  done(struck: Struck): void
  failed(error: unknown): void
}

export class FalseAuthority {
  voting: Voting = 'silent'
  private readonly wanted = new Map<number, Wanted>()
  private readonly votedOn = new Set<string>()
  private readonly feeds: LaneFeeds

  private constructor(
    private readonly runtime: Runtime,
    private readonly key: AuthorityKey,
    /** How the others name what a record of `chain` or a stranger's is skipped for. */
    readonly skipped: { lane: number; offset: bigint; reason: string }[] = [],
  ) {
    const { registry, signatures, onFatal } = runtime
    this.feeds = new LaneFeeds({
      ...runtime,
      verify: signatures.verify,
      groupId: `meterchain-false-${key.id}-${randomUUID()}`,
      positions: new Map(Array.from({ length: registry.state.lanes }, (_, lane) => [lane, undefined])),
      onFinal: () => undefined,
      onChange: (feed) => this.act(feed),
      onSkipped: (feed, offset, reason) => void this.skipped.push({ lane: feed.lane, offset, reason }),
      onFailure: onFatal,
    })
  }

  static async start(runtime: Runtime, key: AuthorityKey): Promise<FalseAuthority> {
    const started = new FalseAuthority(runtime, key)
    await started.feeds.start()
    return started
  }

  stop(): Promise<void> {
    return this.feeds.stop()
  }

  /** Seals such a block at the lane's next height at which it is its turn (too early: at which it is not), and resolves when the log
   *  has it. */
  strike(lane: number, how: Wrong): Promise<Struck> {
    return new Promise((done, failed) => {
      this.wanted.set(lane, { how, done, failed })
      const feed = this.feeds.all().find((each) => each.lane === lane)
      if (feed !== undefined) this.act(feed)
    })
  }

  private act(feed: LaneFeed): void {
    if (!feed.isAtEnd) return
    if (this.voting !== 'silent') for (const candidate of feed.reader.state.candidates) this.vote(feed, candidate)
    const wanted = this.wanted.get(feed.lane)
    if (wanted === undefined || !this.isMoment(feed, wanted.how)) return
    this.wanted.delete(feed.lane)
    this.seal(feed, wanted.how).then(wanted.done, wanted.failed)
  }

  /** Before anybody else has sealed at this height, and when there is something to seal. */
  private isMoment({ reader: { state }, pending, parentAt }: LaneFeed, how: Wrong): boolean {
    if (state.candidates.length > 0) return false
    const registry = this.runtime.registry.state
    const set = registry.governanceAt(state.final.registrySize)
    const rank = proposers(state, set, registry.chainId).indexOf(this.key.id)
    if (how === 'stale-registry-state') return rank === 0 && state.final.registrySize < registry.size
    if (pending.length === 0) return false
    // nobody knows when a lane's first turn began
    return how === 'too-early' ? rank === set.authorities.length - 1 && parentAt > 0 : rank === 0
  }

  private async seal(feed: LaneFeed, how: Wrong): Promise<Struck> {
    const registry = this.runtime.registry.state
    const { header, entries } = wrongBlock(how, {
      ...{ lane: feed.lane, final: feed.reader.state.final, pending: [...feed.pending], now: Date.now() },
      ...{ registrySize: registry.size, rootAt: (size: number) => registry.rootAt(size), proposer: this.key.id },
    })
    const value = sealBlock(registry.chainId, header, entries, this.key)
    const offset = await this.runtime.writer.append('chain', feed.lane, [{ value: this.runtime.ids.frame('Block', value) }])
    return { hash: blockHash(encodeHeader(header)), height: header.height, offset }
  }

  /** Claims of a block that its first entry does not count; and, where it contradicts itself, that its last does not. */
  private vote({ lane, reader }: LaneFeed, { hash, header }: Candidate): void {
    if (this.votedOn.has(hashKey(hash)) || header.count < 2) return
    this.votedOn.add(hashKey(hash))
    const claims: NotCounted[][] = [[{ entry: 0, code: 7 }]]
    if (this.voting === 'contradicts') claims.push([{ entry: header.count - 1, code: 7 }])
    const values = claims.map((notCounted) => {
      const judgement = {
        kind: 'accept' as const,
        notCounted,
        verdictHash: verdictHash(reader.state.final.verdictHash, notCounted),
      }
      const vote = { lane, height: header.height, block: hash, authority: this.key.id, judgement }
      return signVote(this.runtime.registry.state.chainId, vote, this.key)
    })
    const messages = values.map((value) => ({ value: this.runtime.ids.frame('SignedVote', value) }))
    this.runtime.writer.append('chain', lane, messages).catch(this.runtime.onFatal)
  }
}
