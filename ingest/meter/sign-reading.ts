/** The next reading of a meter: signed, and linked to the one before. Pure: state and content in, entry and new state out. */
import { VERSION } from '../../schemas/avsc.js'
import { BugError } from '../../schemas/errors.js'
import type { Hash } from '../../schemas/hash.js'
import { leafHash } from '../../schemas/merkle.js'
import { checkReading, readEntry } from '../../schemas/reading.js'
import { decodeSignedReading, encodeReading, type Profile, type Reading, type Register } from '../../schemas/records.js'
import { messageBuilder, TAGS } from '../../schemas/tags.js'

/** How far a meter's own chain is: its last sequence and that entry's leaf hash; 0 and zeros before the first. */
export interface ChainEnd {
  readonly sequence: number
  readonly hash: Hash
}

/** What a meter has to say; sequence and link are added when it is signed. */
export interface ReadingContent {
  /** By the meter's clock, milliseconds since 1970. */
  readonly sentAt: number
  readonly profiles: Profile[]
  readonly registers?: Register[]
  /** The sequence that this one corrects. */
  readonly revises?: number
}

/** Signs a reading's bytes under tag and chain id (64 bytes). */
export type ReadingSigner = (readingBytes: Buffer, secretKey: Buffer) => Buffer

/** `sign` is the plain Ed25519 signature of a message. */
export function readingSigner(chainId: Buffer, sign: (message: Buffer, secretKey: Buffer) => Buffer): ReadingSigner {
  const message = messageBuilder(TAGS.reading, chainId)
  return (bytes, secretKey) => sign(message(bytes), secretKey)
}

/** The same contents as other readings of the meter's chain, from `end` on. What one of them corrects is named by its new sequence. */
export function signAgain(
  signer: ReadingSigner,
  meter: { readonly id: string; readonly secretKey: Buffer },
  end: ChainEnd,
  entries: readonly { readonly sequence: number; readonly entry: Buffer }[],
): { entry: Buffer; end: ChainEnd }[] {
  const moved = new Map(entries.map(({ sequence }, index) => [sequence, end.sequence + 1 + index]))
  let last = end
  return entries.map(({ sequence, entry }) => {
    const signed = decodeSignedReading(entry)
    if (signed === undefined) throw new BugError(`what is kept as sequence ${sequence} of meter '${meter.id}' is no reading`)
    const { sentAt, profiles, registers, revises } = signed.reading
    const corrects = revises === null ? {} : { revises: moved.get(revises) ?? revises }
    const next = signReading(signer, meter, last, { sentAt, profiles, registers, ...corrects })
    last = next.end
    return next
  })
}

/** Throws RangeError where the content is outside the limits of a reading: nothing is signed that can never count. */
export function signReading(
  signer: ReadingSigner,
  meter: { readonly id: string; readonly secretKey: Buffer },
  end: ChainEnd,
  content: ReadingContent,
): { entry: Buffer; end: ChainEnd } {
  const { sentAt, profiles, registers = [], revises = null } = content
  const sequence = end.sequence + 1
  const reading: Reading = {
    version: VERSION.reading,
    meter: meter.id,
    sequence,
    previous: end.hash,
    sentAt,
    profiles,
    registers,
    revises,
  }
  const refuse = (reason: string) => new RangeError(`a reading of meter '${meter.id}' cannot be signed: ${reason}`)
  const reason = checkReading(reading)
  if (reason !== undefined) throw refuse(reason)
  const bytes = encodeReading(reading)
  const entry = Buffer.concat([bytes, signer(bytes, meter.secretKey)])
  // as others will read it: its size, and numbers beyond those that the protocol carries, show in the bytes alone
  const read = readEntry(entry)
  if (!read.ok) throw refuse(read.reason)
  return { entry, end: { sequence, hash: leafHash(entry) } }
}
