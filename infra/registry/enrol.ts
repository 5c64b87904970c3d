import { equalBytes } from '../../schemas/bytes.js'
import { LIMITS } from '../../schemas/limits.js'
import { type EnrolledMeter, encodeEnrolledMeter } from '../../schemas/records.js'
import { presentKey } from '../../schemas/registry/meter-facts.js'
import { enrolmentRoot } from '../../schemas/registry/meter-rules.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import type { RegistryFollower } from './registry-follower.js'
import { EventRefusedError, type RecordFramer, type RegistryAppender, submitEvent } from './registry-writer.js'
import type { EventSigner } from './sign-event.js'

/** Leaves room beside the meters for body, signatures and the registry’s prefix. */
const METERS_BYTES = LIMITS.registryEventBytes - 128 * 1024

export interface EnrolProgress {
  readonly enrolled: number
  /** To be enrolled in this call: known ones are not among them. */
  readonly total: number
}

export interface Enrolment {
  readonly enrolled: number
  /** Already in the registry, with the same key. */
  readonly known: number
  /** Registry size that knows all of them. */
  readonly size: number
}

/** Enrols meters in as few events as the limits allow. Safe to repeat: those that the registry knows with the same key are passed
 *  over. Throws EventRefusedError, before anything is written, where it knows one with another key. */
export async function enrolMeters(
  follower: RegistryFollower,
  writer: RegistryAppender,
  ids: RecordFramer,
  meters: readonly EnrolledMeter[],
  signers: readonly EventSigner[],
  onProgress: (progress: EnrolProgress) => void = () => {},
): Promise<Enrolment> {
  await follower.caughtUp()
  const unknown = withoutKnown(follower.state, meters)
  let enrolled = 0
  let { size } = follower.state
  for (const batch of enrolmentBatches(unknown)) {
    const content = { kind: 'EnrolMeters', count: batch.length, root: enrolmentRoot(batch) } as const
    size = (await submitEvent(follower, writer, ids, content, signers, { meters: batch })).size
    enrolled += batch.length
    onProgress({ enrolled, total: unknown.length })
  }
  return { enrolled, known: meters.length - unknown.length, size }
}

/** The meters that the registry does not know, each once. Throws EventRefusedError where it, or this list, knows one with another key. */
export function withoutKnown(state: RegistryState, meters: readonly EnrolledMeter[]): EnrolledMeter[] {
  const unknown = new Map<string, EnrolledMeter>()
  for (const meter of meters) {
    const record = state.store.meter(meter.meter)
    const known = record === undefined ? unknown.get(meter.meter)?.key : presentKey(record)
    if (known === undefined) unknown.set(meter.meter, meter)
    else if (!equalBytes(known, meter.key))
      throw new EventRefusedError('EnrolMeters', `already-enrolled: ${meter.meter}, with another key`)
  }
  return [...unknown.values()]
}

/** Cuts them, in order, at the limits of an event: 10,000 meters, 2 MiB. */
export function enrolmentBatches(meters: readonly EnrolledMeter[], maxBytes = METERS_BYTES): EnrolledMeter[][] {
  const batches: EnrolledMeter[][] = []
  let batch: EnrolledMeter[] = []
  let bytes = 0
  for (const meter of meters) {
    const { length } = encodeEnrolledMeter(meter)
    if (batch.length > 0 && (batch.length === LIMITS.metersPerEnrolment || bytes + length > maxBytes)) {
      batches.push(batch)
      batch = []
      bytes = 0
    }
    batch.push(meter)
    bytes += length
  }
  if (batch.length > 0) batches.push(batch)
  return batches
}
