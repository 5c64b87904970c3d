import { equalBytes } from '../bytes.js'
import { HASH_BYTES } from '../hash.js'
import { isMeterId } from '../ids.js'
import { LIMITS } from '../limits.js'
import { leafHash, merkleRoot } from '../merkle.js'
import { type EnrolledMeter, encodeEnrolledMeter, type UsagePoint } from '../records.js'
import { isWithin, usagePointFault } from './checks.js'
import { type ContentOf, type Decision, type RuleContext, refuse } from './decision.js'
import type { MeterRecord } from './meter-facts.js'

/** Up to 10,000 meters, bound by the body’s root; all of them count or none. */
export function decideEnrolment(context: RuleContext, { count, root }: ContentOf<'EnrolMeters'>): Decision {
  const { meters } = context.event
  if (!isWithin(meters.length, 1, LIMITS.metersPerEnrolment)) return refuse(`bad-count: ${meters.length} meters`)
  if (count !== meters.length) return refuse(`bad-count: ${meters.length} meters, the body says ${count}`)
  if (!equalBytes(enrolmentRoot(meters), root)) return refuse('bad-root: the meters are not those that the body binds')
  const seen = new Set<string>()
  for (const meter of meters) {
    const fault = enrolledMeterFault(context, meter, seen)
    if (fault !== undefined) return refuse(fault)
    seen.add(meter.meter)
  }
  return { meters: meters.map((meter, leafIndex) => [meter.meter, newRecord(context, meter, leafIndex)]) }
}

/** RFC 6962 root over the meters’ encodings. */
export const enrolmentRoot = (meters: readonly EnrolledMeter[]) =>
  merkleRoot(meters.map((meter) => leafHash(encodeEnrolledMeter(meter))))

function enrolledMeterFault({ store, signatures }: RuleContext, { meter, key, usagePoint }: EnrolledMeter, seen: Set<string>) {
  if (!isMeterId(meter)) return `bad-meter-id: ${JSON.stringify(meter.slice(0, 80))}`
  if (seen.has(meter)) return `enrolled-twice: ${meter}`
  if (store.meter(meter) !== undefined) return `already-enrolled: ${meter}`
  const fault = usagePointFault(usagePoint)
  if (fault !== undefined) return `${fault} (meter ${meter})`
  return signatures.isValidKey(key) ? undefined : `bad-key: of meter ${meter}`
}

/** Buffers are copied: those of an event are slices of its whole record. */
function newRecord({ store, since }: RuleContext, { key, signer, usagePoint }: EnrolledMeter, leafIndex: number): MeterRecord {
  return {
    ordinal: store.meterCount() + leafIndex + 1,
    enrolledSince: since,
    signer,
    keys: [{ key: Buffer.from(key), fromSequence: 0, since }],
    retired: [],
    resets: [],
    assignments: [{ validFrom: 0, usagePoint: pointOf(usagePoint), since }],
    enrolment: { eventIndex: since - 1, leafIndex },
  }
}

export type MeterContent = ContentOf<'RotateMeterKey' | 'ResetMeter' | 'RetireMeter' | 'AssignUsagePoint'>

/** One more fact about an enrolled meter. */
export function decideMeter(context: RuleContext, content: MeterContent): Decision {
  const record = context.store.meter(content.meter)
  if (record === undefined) return refuse(`unknown-meter: ${JSON.stringify(content.meter.slice(0, 80))}`)
  const fault = meterContentFault(context, content)
  return fault === undefined ? { meters: [[content.meter, withFact(record, content, context.since)]] } : refuse(fault)
}

function meterContentFault({ signatures }: RuleContext, content: MeterContent): string | undefined {
  const isSequence = (value: number) => isWithin(value, 1, LIMITS.long)
  switch (content.kind) {
    case 'RotateMeterKey':
      if (!isSequence(content.fromSequence)) return `bad-sequence: ${content.fromSequence}`
      return signatures.isValidKey(content.key) ? undefined : `bad-key: of meter ${content.meter}`
    case 'ResetMeter':
      if (content.previous.length !== HASH_BYTES) return 'bad-link: it must be a hash'
      return isSequence(content.sequence) ? undefined : `bad-sequence: ${content.sequence}`
    case 'RetireMeter':
      return isSequence(content.fromSequence) ? undefined : `bad-sequence: ${content.fromSequence}`
    case 'AssignUsagePoint':
      if (!isWithin(content.validFrom, 0, LIMITS.epochSeconds)) return `bad-time: ${content.validFrom}`
      return usagePointFault(content.usagePoint)
  }
}

function withFact(record: MeterRecord, content: MeterContent, since: number): MeterRecord {
  switch (content.kind) {
    case 'RotateMeterKey': {
      const { fromSequence } = content
      return { ...record, keys: [...record.keys, { key: Buffer.from(content.key), fromSequence, since }] }
    }
    case 'ResetMeter': {
      const { sequence } = content
      return { ...record, resets: [...record.resets, { sequence, previous: Buffer.from(content.previous), since }] }
    }
    case 'RetireMeter':
      return { ...record, retired: [...record.retired, { fromSequence: content.fromSequence, since }] }
    case 'AssignUsagePoint': {
      const { validFrom, usagePoint } = content
      return { ...record, assignments: [...record.assignments, { validFrom, usagePoint: pointOf(usagePoint), since }] }
    }
  }
}

/** Plain data in one order of fields: avsc’s records are instances of classes of its own. */
const pointOf = ({ id, zone, feeder, region, plan }: UsagePoint): UsagePoint => ({ id, zone, feeder, region, plan })
