/** All fault codes: what each means, and what the sender can do. Entry codes stand in verdicts for ever: never reuse a number. */

export interface FaultInfo {
  readonly code: number
  readonly name: string
  readonly meaning: string
  readonly remedy: string
}

const fault = <Name extends string>(code: number, name: Name, meaning: string, remedy: string) => ({
  code,
  name,
  meaning,
  remedy,
})

/** Why an entry of a block does not count (1 to 31). */
export const ENTRY_FAULTS = [
  fault(1, 'malformed', 'not a canonical SignedReading within the limits', 'encode it by schemas/SPEC.md and send it again'),
  fault(2, 'wrong-lane', 'stands in another lane than its meter id says', 'send it through the door, which chooses the lane'),
  fault(3, 'unknown-meter', 'no such meter was enrolled when the block was sealed', 'enrol the meter, then send it again'),
  fault(4, 'retired', 'the meter was retired from this or an earlier sequence', 'drop it'),
  fault(5, 'bad-signature', 'the signature does not hold under the key valid at this sequence', 'sign with the enrolled key'),
  fault(
    6,
    'sequence-taken',
    'this sequence counts already, or its gap was given up',
    'drop it, unless it differs: then ask for a reset',
  ),
  fault(
    7,
    'broken-link',
    'its link to the meter’s neighbouring message does not hold',
    'send what stands between, or ask for a reset',
  ),
  fault(8, 'out-of-order', 'lies inside a gap above its lower border', 'send the gap from its lower border upward'),
] as const satisfies readonly FaultInfo[]
export type EntryFault = (typeof ENTRY_FAULTS)[number]['name']

/** Why an authority rejects a block (32 to 63). */
export const BLOCK_FAULTS = [
  fault(32, 'wrong-entries', 'its entries are not those of readings in its range', 'the next proposer seals the same offsets'),
  fault(
    33,
    'registry-not-reached',
    'it names a registry state that this authority has not reached',
    'none: it is accepted as soon as it is reached',
  ),
  fault(34, 'registry-root', 'its registry root is not that of the size it names', 'the next proposer seals the same offsets'),
  fault(35, 'registry-stale', 'its registry state is older than allowed', 'the next proposer seals the same offsets'),
  fault(36, 'future-date', 'it was sealed ahead of this authority’s clock', 'set the proposer’s clock'),
  fault(37, 'early', 'it was sealed before its turn', 'wait for the turn'),
  fault(38, 'oversized', 'it is larger, or holds more entries, than allowed', 'the next proposer seals the same offsets'),
  fault(39, 'wrong-epoch', 'its source epoch is not the registry’s', 'the next proposer seals'),
  fault(40, 'records-not-seen', 'records of its range were not seen', 'none: it is accepted as soon as they are seen'),
] as const satisfies readonly FaultInfo[]
export type BlockFault = (typeof BLOCK_FAULTS)[number]['name']

/** Why the door refuses a message before it reaches a log (64 to 95); it also uses the entry faults. */
export const DOOR_FAULTS = [
  fault(64, 'too-large', 'the message, or the request, is larger than allowed', 'send less at a time'),
  fault(65, 'bad-request', 'the request is not of a form that the door knows', 'see the OpenAPI document of the door'),
  fault(66, 'rate-limited', 'more came from this address than its limit', 'wait as long as Retry-After says'),
  fault(67, 'busy', 'the door’s queue is full', 'wait as long as Retry-After says'),
  fault(68, 'unavailable', 'the log did not acknowledge in time', 'send it again: what was acknowledged twice counts once'),
] as const satisfies readonly FaultInfo[]
export type DoorFault = (typeof DOOR_FAULTS)[number]['name']

export type FaultName = EntryFault | BlockFault | DoorFault

const ALL: readonly FaultInfo[] = [...ENTRY_FAULTS, ...BLOCK_FAULTS, ...DOOR_FAULTS]
const byCode = new Map(ALL.map((info) => [info.code, info]))
const byName = new Map(ALL.map((info) => [info.name, info]))

/** The number that stands in records for a fault. */
export function faultCode(name: FaultName): number {
  return faultInfo(name).code
}

/** What a number in a record means, or undefined where this version knows no such fault. */
export function faultOfCode(code: number): FaultInfo | undefined {
  return byCode.get(code)
}

export function faultInfo(name: FaultName): FaultInfo {
  const info = byName.get(name)
  if (info === undefined) throw new RangeError(`no fault is called '${name}'`)
  return info
}
