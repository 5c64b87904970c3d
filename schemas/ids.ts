declare const brand: unique symbol
type Branded<Base, Name extends string> = Base & { readonly [brand]: Name }

/** A meter's id, the key of its records: decides its lane. */
export type MeterId = Branded<string, 'MeterId'>
/** An authority's id: decides its place in the order of turns. */
export type AuthorityId = Branded<string, 'AuthorityId'>
/** One independent chain = one partition number. */
export type Lane = Branded<number, 'Lane'>
/** A block's place in its lane; the lane's genesis is below the first block. */
export type Height = Branded<bigint, 'Height'>

/** ASCII only, so that sorting by bytes, by UTF-16 and by a database's "C" collation agree; safe in a URL and a file name. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$/

/** Whether `text` has the form of a meter id (1 to 64 of letters, digits and `._:-`, first a letter or digit). */
export function isMeterId(text: string): text is MeterId {
  return ID.test(text)
}

/** Whether `text` has the form of an authority id: the same as a meter's. */
export function isAuthorityId(text: string): text is AuthorityId {
  return ID.test(text)
}

/** Throws RangeError where `text` is no meter id. */
export function asMeterId(text: string): MeterId {
  if (!isMeterId(text)) throw malformed('a meter id', text)
  return text
}

/** Throws RangeError where `text` is no authority id. */
export function asAuthorityId(text: string): AuthorityId {
  if (!isAuthorityId(text)) throw malformed('an authority id', text)
  return text
}

/** Throws RangeError where `number` is no partition number (0 to 2^31 - 1). */
export function asLane(number: number): Lane {
  if (!Number.isInteger(number) || number < 0 || number > 0x7fffffff) throw new RangeError(`not a lane: ${number}`)
  return number as Lane
}

/** Throws RangeError where `number` is no height (0 to 2^63 - 1, an Avro long). */
export function asHeight(number: bigint): Height {
  if (number < 0n || number > 0x7fff_ffff_ffff_ffffn) throw new RangeError(`not a height: ${number}`)
  return number as Height
}

function malformed(kind: string, text: string): RangeError {
  return new RangeError(
    `not ${kind}: ${JSON.stringify(text.slice(0, 80))} (1 to 64 of A-Z a-z 0-9 . _ : -, first a letter or digit)`,
  )
}
