/** Which plan, version and local time a meter's moment has at a usage point: events of the registry, resolved. */
import type { Reading, UsagePoint } from '../records.js'
import { type IntervalPlan, type Plan, type RegisterPlan, readDocument, type Signal, type TimeZone } from './document.js'
import { type OffsetSpan, offsetSpans, spanAt } from './time-zone.js'
import { type Dated, type Version, versionAt, versionsOf } from './versions.js'

/** A PublishTariff event that counts, by its index. */
export interface PublishedDocument {
  readonly index: number
  readonly plan: string
  readonly validFrom: number
  readonly document: string
}

/** An enrolment (valid from 0) or AssignUsagePoint event that counts. */
export interface AssignmentFact {
  readonly index: number
  readonly meter: string
  readonly validFrom: number
  readonly usagePoint: UsagePoint
}

export interface BillSources {
  readonly documents: readonly PublishedDocument[]
  /** All of each meter that was ever at the usage point. */
  readonly assignments: readonly AssignmentFact[]
  /** Readings that count, by meter. */
  readonly readings: ReadonlyMap<string, readonly Reading[]>
}

export interface Period {
  readonly meter: string
  readonly usagePoint: UsagePoint
  readonly from: number
  readonly to: number
}

/** A moment at the usage point, under a version of its plan. */
export interface Placed {
  readonly plan: string
  readonly event: number
  readonly document: Plan
  /** Seconds that local time is ahead of UTC. */
  readonly offset: number
  /** Whether the registry says so; else it is UTC. */
  readonly isZonePublished: boolean
}

type Read = PublishedDocument & { readonly read: IntervalPlan | RegisterPlan | Signal | TimeZone }

export class Places {
  /** When which meter measured the point. */
  readonly periods: readonly Period[]
  readonly #documents: readonly Read[]
  readonly #plans = new Map<string, Version<Plan>[]>()
  readonly #spans = new Map<string, readonly OffsetSpan[]>()

  constructor({ documents, assignments }: BillSources, point: string) {
    this.#documents = documents.flatMap((each) => {
      const read = readDocument(each.document)
      return read.ok ? [{ ...each, read: read.document }] : []
    })
    this.periods = periodsOf(assignments).filter(({ usagePoint }) => usagePoint.id === point)
  }

  /** Undefined: the meter is not at the point then, or its plan has no version. */
  at(meter: string, at: number): Placed | undefined {
    const period = this.periods.find((each) => each.meter === meter && each.from <= at && at < each.to)
    if (period === undefined) return undefined
    const { plan, zone } = period.usagePoint
    const version = versionAt(this.#versions(plan), at)
    const span = spanAt(this.spans(zone), at)
    if (version === undefined || span === undefined) return undefined
    const { offset, isPublished } = span
    return { plan, event: version.index, document: version.document, offset, isZonePublished: isPublished }
  }

  spans(zone: string): readonly OffsetSpan[] {
    const known = this.#spans.get(zone)
    if (known !== undefined) return known
    const spans = offsetSpans(zone, this.#named(zone, isTimeZone))
    this.#spans.set(zone, spans)
    return spans
  }

  signals = (plan: string): readonly Dated<Signal>[] => this.#named(plan, isSignal)

  #versions(plan: string): Version<Plan>[] {
    const known = this.#plans.get(plan)
    if (known !== undefined) return known
    const versions = versionsOf(this.#named(plan, isPlan))
    this.#plans.set(plan, versions)
    return versions
  }

  #named<D extends Read['read']>(name: string, isKind: (read: Read['read']) => read is D): Dated<D>[] {
    return this.#documents.flatMap(({ plan, index, validFrom, read }) =>
      plan === name && isKind(read) ? [{ index, validFrom, document: read }] : [],
    )
  }
}

const isPlan = (read: Read['read']): read is Plan => read.kind === 'interval-plan' || read.kind === 'register-plan'
const isSignal = (read: Read['read']): read is Signal => read.kind === 'signal'
const isTimeZone = (read: Read['read']): read is TimeZone => read.kind === 'time-zone'

/** Periods of each meter touch: an assignment lasts until the next one’s start. */
function periodsOf(assignments: readonly AssignmentFact[]): Period[] {
  const meters = [...new Set(assignments.map(({ meter }) => meter))]
  return meters.flatMap((meter) =>
    versionsOf(assignments.filter((each) => each.meter === meter).map((each) => ({ ...each, document: each.usagePoint }))).map(
      ({ document, from, to }) => ({ meter, usagePoint: document, from, to }),
    ),
  )
}
