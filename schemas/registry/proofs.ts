import type { Hash } from '../hash.js'
import { inclusionProof, leafHash, treeOf } from '../merkle.js'
import { encodeEnrolledMeter } from '../records.js'
import type { RegistryState } from './state.js'

/** That an event’s body is the leaf `index` of the registry’s log of `size` events. */
export interface BodyProof {
  readonly bodyBytes: Buffer
  readonly index: number
  readonly size: number
  readonly path: Hash[]
}

/** That a meter was enrolled, with which key: its bytes are a leaf under the root in the body, and the body is in the registry. */
export interface EnrolmentProof {
  readonly meterBytes: Buffer
  readonly leafIndex: number
  readonly count: number
  readonly meterPath: Hash[]
  readonly body: BodyProof
}

/** Undefined where the registry of `size` events (at most the present one) has no such event. */
export function bodyProof(state: RegistryState, index: number, size: number): BodyProof | undefined {
  if (size > state.size || index >= size) return undefined
  const event = state.eventAt(index)
  return event && { bodyBytes: event.bodyBytes, index, size, path: inclusionProof(state.store, index, size) }
}

/** Undefined where the meter is not enrolled in the registry of `size` events. Hashes all meters of the event: some 30 ms for
 *  10,000. Keys registered later have a `bodyProof` of their own, at index `since - 1`. */
export function enrolmentProof(state: RegistryState, meterId: string, size: number): EnrolmentProof | undefined {
  const record = state.store.meter(meterId)
  if (record === undefined || record.enrolledSince > size || size > state.size) return undefined
  const { eventIndex, leafIndex } = record.enrolment
  const event = state.eventAt(eventIndex)
  if (event === undefined) return undefined
  const leaves = event.meters.map(encodeEnrolledMeter)
  const meterBytes = leaves[leafIndex]
  if (meterBytes === undefined) return undefined
  const count = leaves.length
  const meterPath = inclusionProof(treeOf(leaves.map(leafHash)), leafIndex, count)
  const path = inclusionProof(state.store, eventIndex, size)
  return { meterBytes, leafIndex, count, meterPath, body: { bodyBytes: event.bodyBytes, index: eventIndex, size, path } }
}
