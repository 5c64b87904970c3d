/** The door's core: whether one signed reading may go into the log. The cheap grounds come first, the signature (73 µs) last.
 *  Sequence and link are not asked for: only the log's order decides them, and the validator reads that. */
import type { DoorFault, EntryFault } from '../schemas/faults.js'
import type { Hash } from '../schemas/hash.js'
import type { Lane } from '../schemas/ids.js'
import type { MeterFacts } from '../schemas/judge.js'
import { LIMITS } from '../schemas/limits.js'
import { leafHash } from '../schemas/merkle.js'
import { laneOf } from '../schemas/murmur2.js'
import { readEntry } from '../schemas/reading.js'
import { signaturePart, signedPart } from '../schemas/records.js'

export interface AcceptContext {
  readonly lanes: number
  /** What the registry's newest size says of a meter, or undefined where it is not enrolled. */
  facts(meter: string): Pick<MeterFacts, 'keyFor' | 'isRetired'> | undefined
  /** Whether a signature over a reading's bytes holds (tag and chain id are the caller's). */
  verify(signature: Buffer, readingBytes: Buffer, key: Buffer): boolean
}

export interface Accepted {
  readonly ok: true
  readonly entry: Buffer
  /** RFC 6962 leaf hash: the receipt. */
  readonly leaf: Hash
  readonly lane: Lane
  readonly meter: string
}

export interface Refused {
  readonly ok: false
  readonly fault: EntryFault | DoorFault
  /** In words, with the values, for the sender. */
  readonly detail: string
  /** Where it could be told. */
  readonly meter?: string
}

/** Judges one entry by its own bytes and the registry. `entry` is kept as it is: the caller copies what it wants to change. */
export function accept(entry: Buffer, context: AcceptContext): Accepted | Refused {
  if (entry.length > LIMITS.readingBytes)
    return { ok: false, fault: 'too-large', detail: `${entry.length} bytes are more than ${LIMITS.readingBytes}` }
  const read = readEntry(entry)
  if (!read.ok) return { ok: false, fault: 'malformed', detail: read.reason }
  const { meter, sequence } = read.signed.reading
  const refuse = (fault: EntryFault, detail: string): Refused => ({ ok: false, fault, detail, meter })
  const facts = context.facts(meter)
  const key = facts?.keyFor(sequence)
  if (facts === undefined || key === undefined) return refuse('unknown-meter', `no meter '${meter}' is enrolled`)
  if (facts.isRetired(sequence)) return refuse('retired', `meter '${meter}' is retired at sequence ${sequence}`)
  if (!context.verify(signaturePart(entry), signedPart(entry), key))
    return refuse('bad-signature', `the signature does not hold under the key of '${meter}' at sequence ${sequence}`)
  return { ok: true, entry, leaf: leafHash(entry), lane: laneOf(meter, context.lanes), meter }
}
