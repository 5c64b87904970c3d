/** The registry's part of the proof of a bill: its events, and whom they put at the usage point. */
import { fromHex } from '../bytes.js'
import type { Hash } from '../hash.js'
import { leafHash, verifyInclusion } from '../merkle.js'
import { demand, pathOf } from '../proof-registry.js'
import { decodeEnrolledMeter, decodeEventBody, type EnrolledMeter, type EventContent, type Header } from '../records.js'
import { keyFor, type MeterKey } from '../registry/meter-facts.js'
import type { BillProof } from './bill-proof-format.js'
import type { AssignmentFact, PublishedDocument } from './places.js'

export interface ProvedRegistry {
  readonly size: number
  readonly root: Hash
  /** Events that are here. */
  readonly events: number
  /** Whether these are all. */
  readonly isWhole: boolean
  readonly documents: readonly PublishedDocument[]
  readonly assignments: readonly AssignmentFact[]
  keyFor(meter: string, sequence: number, size: number): Buffer | undefined
}

/** `header`: of the block that names the registry. Throws ProofFault. */
export function provedRegistry(proof: BillProof, { registrySize: size, registryRoot: root }: Header): ProvedRegistry {
  const contents = contentsOf(proof, size, root)
  const enrolled = enrolledOf(proof, contents)
  const events = [...contents]
  const assigned = events.flatMap(([index, content]): AssignmentFact[] =>
    content.kind === 'AssignUsagePoint' ? [{ index, ...content }] : [],
  )
  const isMissing = ({ meter, usagePoint }: AssignmentFact) => usagePoint.id === proof.point && !enrolled.has(meter)
  const missing = assigned.find(isMissing)
  demand(
    missing === undefined,
    `event ${missing?.index} puts meter ${missing?.meter} at the usage point, and that meter is missing`,
  )
  const keys = new Map([...enrolled].map(([meter, each]) => [meter, keysOf(meter, each, events)]))
  return {
    ...{ size, root, events: contents.size, isWhole: contents.size === size },
    documents: events.flatMap(([index, content]) => (content.kind === 'PublishTariff' ? [{ index, ...content }] : [])),
    assignments: [
      ...[...enrolled.values()].map(({ index, meter: { meter, usagePoint } }) => ({ index, meter, validFrom: 0, usagePoint })),
      ...assigned.filter(({ meter }) => enrolled.has(meter)),
    ],
    keyFor: (meter, sequence, at) => keyFor({ keys: keys.get(meter) ?? [] }, sequence, at),
  }
}

function contentsOf({ registry }: BillProof, size: number, root: Hash): Map<number, EventContent> {
  const contents = new Map<number, EventContent>()
  let last = -1
  for (const { index, body, path } of registry.events) {
    demand(index > last, `event ${index} of the registry is out of order`)
    last = index
    const bytes = fromHex(body)
    const isThere = index < size && verifyInclusion(leafHash(bytes), index, size, pathOf(path), root)
    demand(isThere, `event ${index} is not in the registry of ${size} events that block ${registry.block} names`)
    const decoded = decodeEventBody(bytes)
    demand(decoded !== undefined, `event ${index} of the registry is not a canonical body`)
    contents.set(index, decoded.content)
  }
  return contents
}

interface Enrolled {
  readonly index: number
  readonly meter: EnrolledMeter
}

function enrolledOf({ registry, meters }: BillProof, contents: ReadonlyMap<number, EventContent>): Map<string, Enrolled> {
  demand(registry.enrolments.length === meters.length, 'there is not one enrolment for each meter')
  const enrolled = new Map<string, Enrolled>()
  let last = ''
  for (const [at, { meter: text, event, leafIndex, path }] of registry.enrolments.entries()) {
    const id = meters[at]?.meter ?? ''
    demand(id > last, `meter ${id} is out of order`)
    last = id
    const content = contents.get(event)
    demand(content?.kind === 'EnrolMeters', `event ${event}, which is to enrol meter ${id}, is not here, or enrols nobody`)
    const bytes = fromHex(text)
    const isThere = verifyInclusion(leafHash(bytes), leafIndex, content.count, pathOf(path), content.root)
    const meter = decodeEnrolledMeter(bytes)
    demand(isThere && meter?.meter === id, `meter ${id} is not enrolled by event ${event} as it says`)
    enrolled.set(id, { index: event, meter })
  }
  return enrolled
}

function keysOf(id: string, { index, meter }: Enrolled, events: readonly (readonly [number, EventContent])[]): MeterKey[] {
  const rotations = events.flatMap(([at, content]) =>
    content.kind === 'RotateMeterKey' && content.meter === id
      ? [{ key: content.key, fromSequence: content.fromSequence, since: at + 1 }]
      : [],
  )
  return [{ key: meter.key, fromSequence: 0, since: index + 1 }, ...rotations]
}
