/** Rows of the registry: pure, like those of blocks. */
import { BugError } from '../schemas/errors.js'
import { leafHash } from '../schemas/merkle.js'
import { laneOf } from '../schemas/murmur2.js'
import { decodeRegistryEvent } from '../schemas/records.js'
import type { Assignment, MeterRecord } from '../schemas/registry/meter-facts.js'
import { tariffRows } from './project-tariff.js'
import type { AssignmentRow, EventRow, MeterRow, PastAssignmentRow } from './rows/tables.js'
import type { TableRows } from './rows/tariff-tables.js'

export interface MeterRows {
  readonly meter: MeterRow
  readonly assignments: readonly AssignmentRow[]
  readonly pastAssignments: readonly PastAssignmentRow[]
}

export interface ProjectedEvent {
  readonly row: EventRow
  /** Ids of those that it says something about. */
  readonly meters: string[]
  readonly isEnrolment: boolean
  /** Of a tariff: of each table of tariffs; else none. */
  readonly tariff: readonly TableRows[]
}

/** A counted event. */
export function projectEvent(index: number, record: Buffer): ProjectedEvent {
  const event = decodeRegistryEvent(record)
  if (event === undefined) throw new BugError(`registry event ${index} counts and cannot be decoded`)
  const { content } = event.body
  const isEnrolment = content.kind === 'EnrolMeters'
  const meters = isEnrolment ? event.meters.map((each) => each.meter) : 'meter' in content ? [content.meter] : []
  const tariff = content.kind === 'PublishTariff' ? tariffRows(index, content) : []
  return { row: [index, content.kind, leafHash(event.bodyBytes), record], meters, isEnrolment, tariff }
}

/** What a registry of `size` events says of a meter, or undefined where it is not enrolled in it. */
export function meterRows(id: string, record: MeterRecord, size: number, lanes: number): MeterRows | undefined {
  if (record.enrolledSince > size) return undefined
  const key = record.keys.findLast((each) => each.since <= size)?.key
  if (key === undefined) throw new BugError(`meter ${id} is enrolled without a key`)
  const retired = record.retired.filter((each) => each.since <= size).map((each) => each.fromSequence)
  const { eventIndex, leafIndex } = record.enrolment
  const retiredFrom = retired.length === 0 ? null : Math.min(...retired)
  const assignments = record.assignments.filter((each) => each.since <= size)
  return {
    meter: [record.ordinal, id, laneOf(id, lanes), record.signer, key, eventIndex, leafIndex, retiredFrom],
    assignments: periods(record.ordinal, assignments),
    pastAssignments: replaced(record.ordinal, assignments),
  }
}

/** Of assignments with one start the later event holds; each lasts until the next start. */
function periods(meter: number, assignments: readonly Assignment[]): AssignmentRow[] {
  const byStart = new Map(assignments.map((each) => [each.validFrom, each]))
  const sorted = [...byStart.values()].sort((a, b) => a.validFrom - b.validFrom)
  return sorted.map(({ validFrom, usagePoint, since }, i) => {
    const { id, zone, feeder, region, plan } = usagePoint
    const end = (sorted[i + 1]?.validFrom ?? Infinity) * 1000
    return [meter, validFrom * 1000, end, id, zone, feeder, region, plan, since - 1]
  })
}

/** Those that a later one with the same start replaced. */
function replaced(meter: number, assignments: readonly Assignment[]): PastAssignmentRow[] {
  const holding = new Set(new Map(assignments.map((each) => [each.validFrom, each])).values())
  return assignments
    .filter((each) => !holding.has(each))
    .map(({ validFrom, usagePoint: { id, zone, plan }, since }) => [meter, validFrom * 1000, id, zone, plan, since - 1])
}
