import type { Hash } from '../hash.js'
import type { SignerKind, UsagePoint } from '../records.js'

// Each fact carries `since`, the first registry size at which it holds, so that a verdict is as of the size its block names.

export interface MeterKey {
  readonly key: Buffer
  readonly fromSequence: number
  readonly since: number
}
export interface Retirement {
  readonly fromSequence: number
  readonly since: number
}
export interface MeterReset {
  readonly sequence: number
  readonly previous: Hash
  readonly since: number
}
export interface Assignment {
  /** Seconds since 1970-01-01T00:00:00Z; 0 for the one of the enrolment. */
  readonly validFrom: number
  readonly usagePoint: UsagePoint
  readonly since: number
}

/** All that the registry ever said of a meter, each list in the order of the log. */
export interface MeterRecord {
  /** Number of its enrolment over the whole registry, from 1: the same after every replay. */
  readonly ordinal: number
  readonly enrolledSince: number
  readonly signer: SignerKind
  readonly keys: readonly MeterKey[]
  readonly retired: readonly Retirement[]
  readonly resets: readonly MeterReset[]
  readonly assignments: readonly Assignment[]
  /** Where its leaf stands: the event’s index, and its place among that event’s meters. */
  readonly enrolment: { readonly eventIndex: number; readonly leafIndex: number }
}

/** The key that a reading of this sequence must be signed with: of those that count from this or an earlier sequence the one that
 *  counts from the highest; if two do, the one registered later. */
export function keyFor(record: Pick<MeterRecord, 'keys'>, sequence: number, size: number): Buffer | undefined {
  let best: MeterKey | undefined
  for (const each of record.keys) {
    if (each.since > size || each.fromSequence > sequence) continue
    if (best === undefined || each.fromSequence >= best.fromSequence) best = each
  }
  return best?.key
}

/** The key registered last, whatever sequence it counts from: it may sign for the meter in the registry. So a stolen key, once
 *  replaced by the authorities, signs nothing more here. */
export function presentKey(record: MeterRecord): Buffer | undefined {
  return record.keys.at(-1)?.key
}

export function isRetired(record: MeterRecord, sequence: number, size: number): boolean {
  return record.retired.some((each) => each.since <= size && each.fromSequence <= sequence)
}

/** The latest reset as of `size`. */
export function resetFor(record: MeterRecord, size: number): MeterReset | undefined {
  return record.resets.findLast((each) => each.since <= size)
}

/** Assignments of usage points as of `size`, in the order of the log. */
export function assignmentsFor(record: MeterRecord, size: number): readonly Assignment[] {
  return record.assignments.filter((each) => each.since <= size)
}

/** A meter as the registry of one size knows it. */
export class MeterView {
  readonly #record: MeterRecord
  readonly #size: number

  constructor(record: MeterRecord, size: number) {
    this.#record = record
    this.#size = size
  }

  get ordinal(): number {
    return this.#record.ordinal
  }

  get signer(): SignerKind {
    return this.#record.signer
  }

  get reset(): MeterReset | undefined {
    return resetFor(this.#record, this.#size)
  }

  get assignments(): readonly Assignment[] {
    return assignmentsFor(this.#record, this.#size)
  }

  keyFor(sequence: number): Buffer | undefined {
    return keyFor(this.#record, sequence, this.#size)
  }

  isRetired(sequence: number): boolean {
    return isRetired(this.#record, sequence, this.#size)
  }
}
