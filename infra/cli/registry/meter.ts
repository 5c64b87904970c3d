/** `meterchain registry meter ID`: all that the registry says of a meter. */
import { hex } from '../../../schemas/bytes.js'
import { laneOf } from '../../../schemas/murmur2.js'
import type { MeterRecord } from '../../../schemas/registry/meter-facts.js'
import { table } from '../table.js'
import { print, withRegistry } from './session.js'

export async function showMeter(id: string, { json }: { json?: boolean }): Promise<void> {
  await withRegistry((state) => {
    const record = state.store.meter(id)
    if (record === undefined) throw new Error(`meter ${id} is not enrolled in the registry of ${state.size} events`)
    const facts = meterFacts(id, record, state.lanes)
    print(json, facts, () => meterLines(facts))
  })
}

/** A meter's record as plain data; `since` is the registry size at which each fact began to hold. */
export function meterFacts(id: string, record: MeterRecord, lanes: number) {
  return {
    ...{ meter: id, number: record.ordinal, lane: laneOf(id, lanes), signer: record.signer, enrolledSince: record.enrolledSince },
    enrolment: record.enrolment,
    keys: record.keys.map((each) => ({ ...each, key: hex(each.key) })),
    resets: record.resets.map((each) => ({ ...each, previous: hex(each.previous) })),
    retired: record.retired,
    assignments: record.assignments,
  }
}

export function meterLines(facts: ReturnType<typeof meterFacts>): string[] {
  const { meter, number, lane, signer, enrolledSince } = facts
  const rows = [
    ...facts.keys.map(({ since, key, fromSequence }) => [since, 'key', `${key} from sequence ${fromSequence}`]),
    ...facts.resets.map(({ since, sequence, previous }) => [since, 'reset', `at sequence ${sequence}, linked to ${previous}`]),
    ...facts.retired.map(({ since, fromSequence }) => [since, 'retired', `from sequence ${fromSequence}`]),
    ...facts.assignments.map(({ since, validFrom, usagePoint: { id, zone, feeder, region, plan } }) => {
      const from = validFrom === 0 ? 'from the beginning' : `from ${new Date(validFrom * 1000).toISOString()}`
      return [since, 'usage point', `${id} ${from}: zone ${zone}, feeder ${feeder}, region ${region}, plan ${plan}`]
    }),
  ]
  return [
    `meter ${meter}: number ${number}, lane ${lane}, signed by its ${signer}, enrolled since registry size ${enrolledSince}`,
    ...table(['since size', 'what', ''], rows).split('\n'),
  ]
}
