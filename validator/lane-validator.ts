/** Validates one lane: checks and judges its candidates, and keeps the meters' states with what becomes final. */

import type { HeldBlock } from '../infra/chain/held-blocks.js'
import { adoptVerdict, type BlockJudgement, type JudgeSource, judgeBlock } from '../infra/chain/judge-block.js'
import type { LaneFeed } from '../infra/chain/lane-feeds.js'
import type { Finalized } from '../infra/chain/lane-reader.js'
import type { MeterStates } from '../infra/chain/meter-states.js'
import { placeOf } from '../infra/chain/repeats.js'
import { equalBytes } from '../schemas/bytes.js'
import { hashKey } from '../schemas/hash.js'
import type { JudgeContext } from '../schemas/judge.js'
import type { Candidate } from '../schemas/lane-fold.js'
import { type Block, encodeVerdict, type NotCounted } from '../schemas/records.js'
import { sourceEpochOf } from '../schemas/registry/governance-rules.js'
import { type Check, checkCandidate, rankOf } from './check.js'
import type { Adopted } from './disagreement.js'
import { LeftBehind } from './left-behind.js'
import { Unsealed } from './unsealed.js'
import { type VotedLog, Voter, type VoterDeps } from './voter.js'

export interface ValidatorDeps extends VoterDeps {
  readonly states: MeterStates
  /** A block is cut when its first reading is this old, milliseconds. */
  readonly blockMillis: number
  /** How long after an event a block may still name the registry state before it, milliseconds. */
  readonly staleMillis: number
  /** Whether a reading's signature holds. */
  readonly verify: JudgeContext['verify']
  /** Since when, milliseconds, the registry is larger than `size`; undefined where it is not. */
  outgrownAt(size: number): number | undefined
  /** Whether nothing vouches for another or a longer lane than the one read here. */
  isVouchedFor(lane: number): boolean
  /** A block became final; `mine`: the verdict found here, if it was judged. Awaited like the next. */
  onVerdict(finalized: Finalized, mine: readonly NotCounted[] | undefined, adopted: readonly Adopted[]): Promise<void>
  /** What a final block made of its meters. Awaited before it is kept, so that after a crash it is told again rather than never. */
  onJudged(finalized: Finalized, judgement: BlockJudgement): Promise<void>
}

export class LaneValidator implements VotedLog {
  readonly topic = 'chain'
  private readonly voter: Voter
  private readonly unsealed: Unsealed | undefined
  private readonly leftBehind: LeftBehind | undefined
  /** What was found of the candidates at this height. */
  private readonly judgements = new Map<string, BlockJudgement>()

  constructor(
    private readonly feed: LaneFeed,
    private readonly deps: ValidatorDeps,
  ) {
    this.voter = new Voter(this, deps)
    const { finals } = deps.states
    const place = () => placeOf(deps.registry.state.governanceAt(feed.reader.state.final.registrySize), deps.key.id)
    if (finals === undefined) return
    const appending = { ...deps, records: finals.records, place }
    this.unsealed = new Unsealed(feed, appending)
    this.leftBehind = new LeftBehind(feed, appending)
  }

  get partition(): number {
    return this.feed.lane
  }

  get reader(): LaneFeed['reader'] {
    return this.feed.reader
  }

  get isAtEnd(): boolean {
    return this.feed.isAtEnd
  }

  get mayVote(): boolean {
    return this.deps.isVouchedFor(this.feed.lane)
  }

  /** Something changed. */
  poke(): void {
    this.voter.poke()
    this.unsealed?.poke()
  }

  /** A block of a height that is final was appended at that time, milliseconds. */
  sawOld(block: Block, timestamp: number): void {
    this.leftBehind?.saw(block, timestamp)
  }

  async stop(): Promise<void> {
    await Promise.all([this.voter.stop(), this.unsealed?.stop(), this.leftBehind?.stop()])
  }

  /** Keeps what the final block made of its meters; the log's verdict binds, whatever this authority thought. */
  async commit(finalized: Finalized): Promise<void> {
    const { deps, feed } = this
    const mine = this.judgements.get(hashKey(finalized.hash))
    const agreed = mine !== undefined && equalBytes(encodeVerdict(mine.notCounted), encodeVerdict([...finalized.notCounted]))
    if (mine !== undefined && !agreed) {
      deps.logger.error(
        { lane: feed.lane, height: String(finalized.header.height) },
        'the final verdict is not the one found here',
      )
    }
    const { judgement, differences } = agreed ? { judgement: mine, differences: [] } : this.adopt(finalized)
    this.judgements.clear()
    this.voter.decided()
    this.unsealed?.settled()
    await deps.onVerdict(finalized, mine?.notCounted, differences)
    await deps.onJudged(finalized, judgement)
    deps.states.commit(feed.lane, feed.reader.position, judgement.states, finalized)
  }

  private adopt(finalized: Finalized): { judgement: BlockJudgement; differences: readonly Adopted[] } {
    const adopted = adoptVerdict(finalized.block.entries, finalized.notCounted, this.source(finalized.header.registrySize))
    for (const difference of adopted.differences) {
      const where = { lane: this.feed.lane, height: String(finalized.header.height), ...difference }
      this.deps.logger.error(where, 'a final verdict counts an entry that would not count here')
    }
    return { judgement: adopted, differences: adopted.differences }
  }

  private source(registrySize: number): JudgeSource {
    return {
      lane: this.feed.lane,
      registry: this.deps.registry.state,
      registrySize,
      meterState: (meter) => this.deps.states.get(meter),
    }
  }

  async judge(candidate: Candidate, held: HeldBlock): Promise<readonly NotCounted[]> {
    const { final } = this.feed.reader.state
    const judgement = await judgeBlock(held.block.entries, this.source(candidate.header.registrySize), this.deps.verify)
    if (this.feed.reader.state.final === final) this.judgements.set(hashKey(candidate.hash), judgement)
    return judgement.notCounted
  }

  check(candidate: Candidate, held: HeldBlock): Check {
    const { feed, deps } = this
    const { state } = feed.reader
    const registry = deps.registry.state
    const set = registry.governanceAt(state.final.registrySize)
    return checkCandidate(
      held.block,
      held.bytes.length,
      {
        pending: feed.pending,
        readingsNext: feed.readingsNext,
        registrySize: registry.size,
        rootAt: (size) => registry.rootAt(size),
        sourceEpoch: feed.sourceEpoch,
        sourceEpochAt: (size) => sourceEpochOf(registry.governanceAt(size), feed.lane),
        outgrownAt: deps.outgrownAt,
        parentAt: feed.parentAt,
        rank: rankOf(candidate.header.proposer, state, set, registry.chainId),
        now: Date.now(),
        appendedAt: held.timestamp,
      },
      deps,
    )
  }
}
