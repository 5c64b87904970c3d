/** Seals one lane: calls the core at each change, signs, appends, and waits to see its block in the log before it thinks again. */
import type { Logger } from 'pino'
import type { LaneFeed } from '../infra/chain/lane-feeds.js'
import { Lookout } from '../infra/chain/lookout.js'
import { repeatDue } from '../infra/chain/repeats.js'
import { sealBlock } from '../infra/chain/sign-records.js'
import { type HeldKeys, registeredKey } from '../infra/held-keys.js'
import type { LogWriter } from '../infra/kafka/log-writer.js'
import type { SchemaIds } from '../infra/kafka/schema-ids.js'
import type { AuthorityKey } from '../infra/keys.js'
import type { RegistryFollower } from '../infra/registry/registry-follower.js'
import { BugError } from '../schemas/errors.js'
import type { FinalBlock } from '../schemas/lane-fold.js'
import { type Draft, decideSeal, draft, type SealDecision, type SealPolicy } from './seal.js'
import { nextEpoch } from './source-epoch.js'
import { Unvoted } from './unvoted.js'

export interface SealerDeps extends HeldKeys {
  readonly logger: Logger
  readonly registry: RegistryFollower
  readonly writer: LogWriter
  readonly ids: SchemaIds
  readonly policy: SealPolicy
  /** Append time of the newest governance event, milliseconds; 0: it was there before we came. */
  changedAt(): number
  onSealed(draft: Draft): void
  onFatal(error: Error): void
}

interface Appended {
  readonly final: FinalBlock
  readonly attempt: number
  readonly offset: bigint
  /** When the first of this attempt was appended, milliseconds, and how many were after it. */
  readonly since: number
  readonly repeats: number
  isTold: boolean
}

export class LaneSealer {
  private readonly lookout: Lookout
  private readonly unvoted: Unvoted
  /** The block that we appended last, by its offset in `chain`: no other is sealed before it has been read. */
  private last: Appended | undefined

  constructor(
    private readonly feed: LaneFeed,
    private readonly deps: SealerDeps,
  ) {
    this.lookout = new Lookout(() => this.look(), deps.onFatal)
    this.unvoted = new Unvoted(feed, {
      ...{ ...deps, me: deps.key.id, wiggleMillis: deps.policy.wiggleMillis },
      authorities: () => deps.registry.state.governanceAt(feed.reader.state.final.registrySize),
    })
  }

  /** Something changed. */
  poke(): void {
    this.lookout.poke()
    this.unvoted.poke()
  }

  /** Resolves when nothing of this lane is on its way any more. */
  async stop(): Promise<void> {
    await Promise.all([this.lookout.stop(), this.unvoted.stop()])
  }

  private async look(): Promise<void> {
    const { feed, deps } = this
    if (!this.mayDecide()) return
    const first = this.decide()
    if (first.kind === 'wait') this.lookout.pokeIn(first.until - Date.now())
    if (first.kind !== 'seal') return
    // No reading that the door knew may be unknown to the block: the registry is read to an end that was fetched after the readings.
    const records = feed.pending.slice(0, first.count)
    const { final } = feed.reader.state
    await deps.registry.caughtUp()
    const decision = this.mayDecide() && feed.reader.state.final === final ? this.decide() : undefined
    const key = this.registeredKey()
    if (decision?.kind === 'seal' && key !== undefined) await this.append(this.draftOf(records, decision.attempt), final, key)
    else this.lookout.poke()
  }

  private mayDecide(): boolean {
    return this.feed.isAtEnd && this.feed.reader.nextOffset > (this.last?.offset ?? -1n)
  }

  private decide(): SealDecision {
    const decision = this.whenToSeal()
    const { feed, deps } = this
    const last = decision.kind === 'seal' ? this.lastOf(feed.reader.state.final, decision.attempt) : undefined
    if (last === undefined) return decision
    // Read, and still no candidate. Its record was damaged, and another will do; or another fares no better, so they come ever more seldom.
    if (!last.isTold)
      deps.logger.error({ lane: feed.lane, offset: String(last.offset) }, 'the block that was sealed last is no candidate')
    last.isTold = true
    const due = last.since + repeatDue(last.repeats, 0, deps.policy.wiggleMillis)
    return Date.now() < due ? { kind: 'wait', until: due } : decision
  }

  /** The block that we appended last, where it was of this attempt. */
  private lastOf(final: FinalBlock, attempt: number): Appended | undefined {
    return this.last?.final === final && this.last.attempt === attempt ? this.last : undefined
  }

  /** The key that the lane's present state knows: a seal of another would not hold. */
  private registeredKey(): AuthorityKey | undefined {
    const { registrySize } = this.feed.reader.state.final
    return registeredKey(this.deps.registry.state.governanceAt(registrySize).authorities, this.deps)
  }

  private whenToSeal(): SealDecision {
    const { feed, deps } = this
    if (this.registeredKey() === undefined) return { kind: 'rest' }
    const { state } = feed.reader
    const registry = deps.registry.state
    const governance = registry.governanceAt(registry.size)
    return decideSeal(state, registry.governanceAt(state.final.registrySize), feed.pending, deps.policy, {
      me: deps.key.id,
      chainId: registry.chainId,
      now: Date.now(),
      parentAt: feed.parentAt,
      voidAt: feed.voidAt,
      changedAt: governance.since > state.final.registrySize ? deps.changedAt() : undefined,
    })
  }

  private draftOf(records: Parameters<typeof draft>[2], attempt: number): Draft {
    const registry = this.deps.registry.state
    const { lane, reader, sourceEpoch: newest } = this.feed
    const { final } = reader.state
    const { registrySize, sourceEpoch } = nextEpoch(registry, final, lane)
    const registryRoot = registry.rootAt(registrySize)
    if (registryRoot === undefined) throw new BugError(`the registry has no root at size ${registrySize}`)
    // those that wait are of the newest epoch: a block that passes over another is empty
    return draft(lane, final, sourceEpoch === newest ? records : [], {
      registrySize,
      registryRoot,
      sourceEpoch,
      sealedAt: Date.now(),
      proposer: this.deps.key.id,
      attempt,
    })
  }

  private async append(sealed: Draft, final: FinalBlock, key: AuthorityKey): Promise<void> {
    const { deps, feed } = this
    const value = deps.ids.frame('Block', sealBlock(deps.registry.state.chainId, sealed.header, sealed.entries, key))
    const { height, count, attempt } = sealed.header
    const offset = await deps.writer.append('chain', feed.lane, [{ key: null, value }])
    const { since, repeats } = this.lastOf(final, attempt) ?? { since: Date.now(), repeats: -1 }
    this.last = { final, attempt, offset, since, repeats: repeats + 1, isTold: false }
    deps.onSealed(sealed)
    deps.logger.debug({ lane: feed.lane, height: String(height), entries: count, attempt, bytes: value.length }, 'sealed')
  }
}
