/** What meters are asked to send again. A gap in the head is what is missing, and every head says so at any time; a record in
 *  `repairs` is what prompts: its meter is then told with the answer to its next reading too, until the head shows it filled. So a
 *  sender that never asks for heads learns of its gaps, and one whose messages merely overtook each other is not told to send twice,
 *  because the validator asks only for what a final block left open. A record here is unsigned: the worst it can do is to make a
 *  meter send again what does not count yet; what the head shows as counted is never asked for. */
import type { LogRecord } from '../infra/kafka/log-reader.js'
import type { MeterState } from '../schemas/meter-chain.js'
import { decodeRepair } from '../schemas/records.js'
import type { AskedStore } from './asked-store.js'
import { type Range, stillMissing } from './head.js'
import type { Resend } from './problem.js'

/** Ranges that a meter is asked for at one time: its gaps (at most 8) and what lies above them. */
const MAX_RANGES = 16

export class ResendBook {
  /** Meters that are asked for something: while there is none, a request costs no look-up. */
  private openMeters: number

  constructor(
    private readonly store: AskedStore,
    private readonly head: (meter: string) => MeterState,
    private readonly isEnrolled: (meter: string) => boolean,
  ) {
    this.openMeters = store.count()
  }

  get size(): number {
    return this.openMeters
  }

  askedOf(meter: string): readonly Range[] {
    return this.openMeters > 0 ? this.store.get(meter) : []
  }

  /** What the senders of these meters are told. */
  tell(meters: Iterable<string>): Resend[] {
    if (this.openMeters === 0) return []
    return [...new Set(meters)].flatMap((meter) =>
      stillMissing(this.head(meter), this.askedOf(meter)).map((range) => ({ meter, ...range })),
    )
  }

  /** Takes records of one partition of `repairs`, in order. What is no request for a meter of ours is passed over. */
  takeRepairs(partition: number, records: readonly LogRecord[]): void {
    const asked = new Map<string, Range[]>()
    for (const { value } of records) {
      const request = requestOf(value)
      if (request === undefined || !this.isEnrolled(request.meter)) continue
      const state = this.head(request.meter)
      const before = asked.get(request.meter) ?? this.askedOf(request.meter)
      const ranges = stillMissing(state, [...before, ...(request.range === undefined ? state.gaps : [request.range])])
      asked.set(request.meter, ranges.slice(0, MAX_RANGES))
    }
    const last = records.at(-1)
    if (last !== undefined) this.keep(asked, { partition, next: last.offset + 1n })
  }

  /** Forgets what the new heads show as filled. */
  trim(changed: ReadonlyMap<string, MeterState>): void {
    if (this.openMeters === 0) return
    const asked = new Map<string, Range[]>()
    for (const [meter, state] of changed) {
      const before = this.store.get(meter)
      if (before.length > 0) asked.set(meter, stillMissing(state, before))
    }
    if (asked.size > 0) this.keep(asked)
  }

  private keep(asked: ReadonlyMap<string, Range[]>, repairs?: { partition: number; next: bigint }): void {
    for (const [meter, ranges] of asked) this.openMeters += Number(ranges.length > 0) - Number(this.store.get(meter).length > 0)
    this.store.keep(asked, repairs)
  }
}

/** A repair's request to a meter to send a range again (undefined range: its open gaps), or undefined for any other record. */
function requestOf(value: Buffer | null): { meter: string; range: Range | undefined } | undefined {
  const repair = decodeRepair(value)
  if (repair?.kind !== 'resend' || repair.status !== 'requested') return undefined
  if (repair.range === null) return { meter: repair.subject, range: undefined }
  const { from, to } = repair.range
  return from >= 1 && from <= to ? { meter: repair.subject, range: { from, to } } : undefined
}
