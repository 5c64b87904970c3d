import { equalBytes, hex } from '../../schemas/bytes.js'
import { type FinalBlock, isOrdinarySkip, type LaneRules } from '../../schemas/lane-fold.js'
import type { ChainRecord } from '../../schemas/records.js'
import { sourceEpochOf } from '../../schemas/registry/governance-rules.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { messageBuilder, TAGS } from '../../schemas/tags.js'
import { type Finalized, LaneReader, laneRules, type Taken } from '../chain/lane-reader.js'
import type { MeterStates } from '../chain/meter-states.js'
import type { LogDamage } from '../kafka/log-reader.js'
import type { Fault } from './fault.js'
import { HeldReadings } from './held-readings.js'
import type { LogSource, OffsetRange, SourceRecord } from './log-source.js'
import type { SchemaPrefixes } from './schema-prefixes.js'
import type { Skips } from './skips.js'
import { StrayVotes } from './stray-votes.js'
import { type BlockContext, countFaults, RegistryRoots, verifyVerdict, wrongRegistry, wrongSize } from './verify-block.js'
import { type CoveredLane, digestWith, EMPTY_DIGEST } from './verify-checkpoints.js'

/** What a lane came to. */
export interface LaneReport {
  readonly lane: number
  /** Of its last final block. */
  height: bigint
  hash: string
  verdictHash: string
  entries: number
  counted: number
  /** Entries that do not count, by fault. */
  readonly notCounted: Record<string, number>
  /** Votes that hold, those that came after their block’s certificate included. */
  votes: number
  /** Candidates that did not become final: others did, or it is still open. */
  unsettled: number
  /** First offset of `readings` from which on entries were compared with it; undefined: it holds none that a final block covers. */
  readingsFrom: bigint | undefined
}

export interface LaneContext {
  readonly source: LogSource
  /** Folded to its end. */
  readonly registry: RegistryState
  readonly verify: LaneRules['verify']
  readonly states: MeterStates
  readonly skips: Skips
  readonly prefixes: SchemaPrefixes
  /** What the topics held at the beginning; records that came later are left alone. */
  readonly chain: ReadonlyMap<number, OffsetRange>
  readonly readings: ReadonlyMap<number, OffsetRange>
  /** What the newest checkpoint says of each lane. */
  readonly covered: ReadonlyMap<number, CoveredLane>
  onRecord(): void
}

const UNDECODABLE = 'undecodable: neither a block nor a vote in canonical form'

/** Folds one lane from its first record, and derives again all that its final blocks say. Ends at the first fault. */
export class LaneVerifier {
  readonly report: LaneReport
  readonly #reader: LaneReader
  readonly #strays: StrayVotes
  readonly #block: BlockContext
  #digest = EMPTY_DIGEST
  /** The first damage after the newest block that became final in spite of one. */
  #damage: { readonly height: bigint; readonly from: bigint; readonly to: bigint } | undefined

  constructor(
    private readonly lane: number,
    private readonly context: LaneContext,
  ) {
    const { registry, source, prefixes, states, verify } = context
    const rules = laneRules(registry, verify)
    this.#reader = new LaneReader(lane, rules, undefined)
    this.#strays = new StrayVotes(lane, rules)
    const epoch = sourceEpochOf(registry.governanceAt(registry.size), lane)
    const range = context.readings.get(lane)
    const readings = new HeldReadings({
      source,
      lane,
      range,
      epoch,
      prefixes,
      onRecord: () => context.onRecord(),
      onDamaged: ({ from, to, reason }) =>
        context.skips.addRange({ topic: 'readings', partition: lane, from, to: to - 1n, reason: `damaged: ${reason}` }),
    })
    const message = messageBuilder(TAGS.reading, registry.chainId)
    this.#block = {
      ...{ registry, roots: new RegistryRoots(registry), states, readings },
      verify: (signature, bytes, key) => verify(signature, message(bytes), key),
    }
    this.report = {
      ...{ lane, height: 0n, hash: '', verdictHash: '', entries: 0, counted: 0, notCounted: {}, votes: 0, unsettled: 0 },
      readingsFrom: undefined,
    }
    this.#noteTip()
  }

  async run(): Promise<Fault | undefined> {
    const range = this.context.chain.get(this.lane)
    if (range === undefined) return { topic: 'chain', lane: this.lane, reason: 'the topic has no partition of this lane' }
    try {
      for await (const record of this.context.source.read('chain', this.lane, (damage) => this.#noteDamage(damage))) {
        if (record.offset >= range.high) break
        const fault = await this.#take(record)
        if (fault !== undefined) return fault
      }
      const { final } = this.#reader.state
      const missing = this.#strays.missing(final) ?? this.#lostTo(final.height) ?? this.#uncovered()
      if (missing === undefined) this.#namePending()
      return missing
    } finally {
      await this.#block.readings.close()
      this.report.unsettled += this.#reader.state.candidates.length
    }
  }

  /** What was lost is made good where blocks became final after it: then it held nothing that they needed, or it was restored. */
  #noteDamage({ from, to, reason }: LogDamage): void {
    const { height } = this.#reader.state.final
    this.context.skips.addRange({ topic: 'chain', partition: this.lane, from, to: to - 1n, reason: `damaged: ${reason}` })
    this.#damage ??= { height, from, to }
    if (height > this.#damage.height) this.#damage = { height, from, to }
  }

  #lostTo(final: bigint): Fault | undefined {
    if (this.#damage === undefined || final > this.#damage.height) return undefined
    const { from, to, height } = this.#damage
    const reason = `offsets ${from} to ${to - 1n} are damaged on the broker's disk, and no block became final after them. Restore what they held: meterchain restore`
    return { topic: 'chain', lane: this.lane, height: height + 1n, offset: from, reason }
  }

  async #take(record: SourceRecord): Promise<Fault | undefined> {
    const before = this.#reader.state
    const taken = this.#reader.take(record)
    this.context.onRecord()
    this.#note(record, taken)
    if (taken.finalized === undefined) return undefined
    this.report.unsettled += before.candidates.length - 1
    const fault = (await this.#verifyFinal(taken.finalized)) ?? this.#otherThanCovered(taken.finalized)
    if (fault !== undefined) return fault
    this.#strays.noteFinal(taken.finalized, before.final)
    this.#noteTip()
    return undefined
  }

  #note({ offset, value }: SourceRecord, { record, outcome }: Taken): void {
    const reason = record === undefined ? UNDECODABLE : this.#whySkipped(record, outcome)
    if (reason !== undefined) this.context.skips.add('chain', this.lane, offset, reason)
    if (record === undefined) return
    this.context.prefixes.note(`${record.kind}s`, 'chain', this.lane, offset, value)
    if (record.kind === 'vote' && reason === undefined) this.report.votes++
  }

  #whySkipped(record: ChainRecord, outcome: Taken['outcome']): string | undefined {
    if (outcome.kind === 'contradiction') return `contradiction: ${describe(record)} accepts a second time, with another verdict`
    if (outcome.kind !== 'skipped') return undefined
    if (record.kind === 'vote' && this.#strays.take(record, this.#reader.state)) return undefined
    return isOrdinarySkip(outcome.reason) ? outcome.reason : `${outcome.reason}: ${describe(record)}`
  }

  async #verifyFinal(finalized: Finalized): Promise<Fault | undefined> {
    const { header, block, blockOffset: offset } = finalized
    const wrong =
      wrongRegistry(finalized, this.#block) ??
      (await this.#block.readings.compare(header, block.entries)) ??
      wrongSize(finalized, this.#block)
    const place = { topic: 'chain', lane: this.lane, height: header.height, offset } as const
    if (wrong !== undefined) return { ...place, ...wrong }
    const verdict = await verifyVerdict(finalized, this.#block)
    if (verdict.wrong !== undefined) return { ...place, ...verdict.wrong }
    this.context.states.commit(this.lane, this.#reader.position, verdict.judgement.states)
    this.report.entries += header.count
    this.report.counted += header.count - finalized.notCounted.length
    countFaults(finalized.notCounted, this.report.notCounted)
    this.report.readingsFrom = this.#block.readings.comparedFrom
    return undefined
  }

  #otherThanCovered({ lane, header: { height }, hash: block, verdictHash: verdict }: Finalized): Fault | undefined {
    this.#digest = digestWith(this.#digest, { lane, height, block, verdict })
    const covered = this.context.covered.get(lane)
    if (covered === undefined || covered.height !== height || equalBytes(covered.digest, this.#digest)) return undefined
    const reason = 'the checkpoints name another block or verdict, here or below: this lane was altered, or they are false'
    return { topic: 'chain', lane, height, reason }
  }

  #uncovered(): Fault | undefined {
    const { height } = this.#reader.state.final
    const covered = this.context.covered.get(this.lane)
    if (covered === undefined || covered.height <= height) return undefined
    const reason = `a checkpoint covers this lane up to height ${covered.height}, and the log makes ${height} final: its end is missing`
    return { topic: 'chain', lane: this.lane, height: height + 1n, reason }
  }

  #noteTip(): void {
    const { height, hash, verdictHash } = this.#reader.state.final
    Object.assign(this.report, { height, hash: hex(hash), verdictHash: hex(verdictHash) })
  }

  /** Records of `readings` that no final block covers: nothing vouches for them yet. */
  #namePending(): void {
    const { final } = this.#reader.state
    const range = this.context.readings.get(this.lane)
    const from = this.#firstPending(final, range?.low ?? 0n)
    if (range === undefined || range.high <= from) return
    const reason = 'not-final: no final block covers it yet'
    this.context.skips.addRange({ topic: 'readings', partition: this.lane, from, to: range.high - 1n, reason })
  }

  #firstPending({ sourceEpoch, lastOffset }: FinalBlock, low: bigint): bigint {
    const { registry } = this.context
    const isPresent = sourceEpoch === sourceEpochOf(registry.governanceAt(registry.size), this.lane)
    return isPresent && lastOffset >= low ? lastOffset + 1n : low
  }
}

function describe(record: ChainRecord): string {
  if (record.kind === 'block') return `block of height ${record.header.height} by ${JSON.stringify(record.header.proposer)}`
  return `vote of ${JSON.stringify(record.vote.authority)} on height ${record.vote.height}`
}
