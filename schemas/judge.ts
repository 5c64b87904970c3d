/** The verdict on a block's entries: which do not count, and why. Pure: the same entries under the same registry size and the same
 *  states of their meters get the same verdict on every machine. */
import { type EntryFault, faultCode } from './faults.js'
import type { Hash } from './hash.js'
import { leafHash } from './merkle.js'
import { advance, applyReset, type MeterState, type Reset, type Step } from './meter-chain.js'
import { laneOf } from './murmur2.js'
import { readEntry } from './reading.js'
import { type NotCounted, type SignedReading, signedPart } from './records.js'

/** What the registry says of a meter at the size that the block names. */
export interface MeterFacts {
  keyFor(sequence: number): Buffer | undefined
  isRetired(sequence: number): boolean
  readonly reset: Reset | undefined
}

export interface JudgeContext {
  readonly lane: number
  readonly lanes: number
  /** Facts as of the block's registry size, or undefined where the meter is not enrolled in it. */
  facts(meter: string): MeterFacts | undefined
  /** The meter's state before this block, and what earlier entries of this block made of it. */
  meterState(meter: string): MeterState
  keep(meter: string, state: MeterState): void
  /** Whether `signature` over the reading's bytes holds (tag and chain id are the caller's). */
  verify(signature: Buffer, readingBytes: Buffer, key: Buffer): boolean
}

export type Judged =
  | { counted: true; signed: SignedReading; leaf: Hash; step: Extract<Step, { ok: true }> }
  | { counted: false; fault: EntryFault; signed?: SignedReading; leaf: Hash; reason?: string }

/** Judges one entry and, where it counts, keeps its meter's new state. */
export function judgeEntry(entry: Buffer, context: JudgeContext): Judged {
  const leaf = leafHash(entry)
  const read = readEntry(entry)
  if (!read.ok) return { counted: false, fault: 'malformed', leaf, reason: read.reason }
  const { signed } = read
  const { meter, sequence, previous } = signed.reading
  const refuse = (fault: EntryFault): Judged => ({ counted: false, fault, signed, leaf })
  if (laneOf(meter, context.lanes) !== context.lane) return refuse('wrong-lane')
  const facts = context.facts(meter)
  const key = facts?.keyFor(sequence)
  if (facts === undefined || key === undefined) return refuse('unknown-meter')
  if (facts.isRetired(sequence)) return refuse('retired')
  if (!context.verify(signed.signature, signedPart(entry), key)) return refuse('bad-signature')
  const step = advance(applyReset(context.meterState(meter), facts.reset), sequence, previous, leaf)
  if (!step.ok) return refuse(step.fault)
  context.keep(meter, step.state)
  return { counted: true, signed, leaf, step }
}

/** Judges a block's entries in order. `onJudged` sees each result. */
export function judgeEntries(
  entries: readonly Buffer[],
  context: JudgeContext,
  onJudged?: (judged: Judged, index: number) => void,
): NotCounted[] {
  const notCounted: NotCounted[] = []
  entries.forEach((entry, index) => {
    const judged = judgeEntry(entry, context)
    if (!judged.counted) notCounted.push({ entry: index, code: faultCode(judged.fault) })
    onJudged?.(judged, index)
  })
  return notCounted
}
