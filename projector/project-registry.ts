/** Rows of the registry: pure, like those of blocks. */
import { BugError } from '../schemas/errors.js'
import { leafHash } from '../schemas/merkle.js'
import { laneOf } from '../schemas/murmur2.js'
import { decodeRegistryEvent } from '../schemas/records.js'
import type { Assignment, MeterRecord } from '../schemas/registry/meter-facts.js'
import type { AssignmentRow, EventRow, MeterRow } from './rows/tables.js'

export interface MeterRows {
  readonly meter: MeterRow
  readonly assignments: readonly AssignmentRow[]
}

/** A counted event, and the ids of the meters that it says something about. */
export function projectEvent(index: number, record: Buffer): { row: EventRow; meters: string[]; isEnrolment: boolean } {
  const event = decodeRegistryEvent(record)
  if (event === undefined) throw new BugError(`registry event ${index} counts and cannot be decoded`)
  const { content } = event.body
  const isEnrolment = content.kind === 'EnrolMeters'
  const meters = isEnrolment ? event.meters.map((each) => each.meter) : 'meter' in content ? [content.meter] : []
  return { row: [index, content.kind, leafHash(event.bodyBytes), record], meters, isEnrolment }
}

/** What a registry of `size` events says of a meter, or undefined where it is not enrolled in it. */
export function meterRows(id: string, record: MeterRecord, size: number, lanes: number): MeterRows | undefined {
  if (record.enrolledSince > size) return undefined
  const key = record.keys.findLast((each) => each.since <= size)?.key
  if (key === undefined) throw new BugError(`meter ${id} is enrolled without a key`)
  const retired = record.retired.filter((each) => each.since <= size).map((each) => each.fromSequence)
  const { eventIndex, leafIndex } = record.enrolment
  const retiredFrom = retired.length === 0 ? null : Math.min(...retired)
  return {
    meter: [record.ordinal, id, laneOf(id, lanes), record.signer, key, eventIndex, leafIndex, retiredFrom],
    assignments: periods(
      record.ordinal,
      record.assignments.filter((each) => each.since <= size),
    ),
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
