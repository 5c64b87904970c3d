import type { SignerKind } from '../../schemas/records.js'
import type { MeterRecord } from '../../schemas/registry/meter-facts.js'
import type { GovernanceState } from '../../schemas/registry/store.js'

// How records lie in LMDB (msgpack): rows without field names, some 130 bytes a meter. Buffers are copied on the way out: those
// that msgpack gives are slices of a larger one.

export type MeterRow = [
  ordinal: number,
  since: number,
  signer: SignerKind,
  eventIndex: number,
  leafIndex: number,
  keys: [key: Buffer, fromSequence: number, since: number][],
  assignments: [validFrom: number, since: number, id: string, zone: string, feeder: string, region: string, plan: string][],
  retired: [fromSequence: number, since: number][],
  resets: [sequence: number, previous: Buffer, since: number][],
]

export function rowOfMeter(record: MeterRecord): MeterRow {
  return [
    record.ordinal,
    record.enrolledSince,
    record.signer,
    record.enrolment.eventIndex,
    record.enrolment.leafIndex,
    record.keys.map(({ key, fromSequence, since }) => [key, fromSequence, since]),
    record.assignments.map(({ validFrom, since, usagePoint: { id, zone, feeder, region, plan } }) => [
      validFrom,
      since,
      id,
      zone,
      feeder,
      region,
      plan,
    ]),
    record.retired.map(({ fromSequence, since }) => [fromSequence, since]),
    record.resets.map(({ sequence, previous, since }) => [sequence, previous, since]),
  ]
}

export function meterOfRow(row: MeterRow): MeterRecord {
  const [ordinal, enrolledSince, signer, eventIndex, leafIndex, keys, assignments, retired, resets] = row
  return {
    ordinal,
    enrolledSince,
    signer,
    keys: keys.map(([key, fromSequence, since]) => ({ key: Buffer.from(key), fromSequence, since })),
    retired: retired.map(([fromSequence, since]) => ({ fromSequence, since })),
    resets: resets.map(([sequence, previous, since]) => ({ sequence, previous: Buffer.from(previous), since })),
    assignments: assignments.map(([validFrom, since, id, zone, feeder, region, plan]) => {
      return { validFrom, usagePoint: { id, zone, feeder, region, plan }, since }
    }),
    enrolment: { eventIndex, leafIndex },
  }
}

/** Governance states are few: they lie as they are, but for their Buffers. */
export function governanceOf(stored: GovernanceState): GovernanceState {
  const authorities = stored.authorities.map(({ id, key, weight }) => ({ id, key: Buffer.from(key), weight }))
  return { ...stored, authorities, hash: Buffer.from(stored.hash) }
}
