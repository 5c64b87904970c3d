import type { Signatures } from '../ed25519.js'
import { isAuthorityId } from '../ids.js'
import { LIMITS } from '../limits.js'
import type { Authority, UsagePoint } from '../records.js'

// Checks of values within events. Pure patterns and ranges, so that every machine agrees; whether a zone is known to the IANA
// data base is for those who use it.

const CONTROL = /\p{Cc}/u
const ZONE = /^[A-Za-z0-9_+\-/]{1,64}$/

export const isWithin = (value: number, from: number, to: number): boolean =>
  Number.isSafeInteger(value) && value >= from && value <= to

/** One line of text: no control characters (PostgreSQL’s text cannot hold U+0000). */
export const isLine = (text: string, maxBytes: number): boolean =>
  Buffer.byteLength(text, 'utf8') <= maxBytes && !CONTROL.test(text)

/** Text of more lines. */
export const isDocument = (text: string, maxBytes: number): boolean =>
  Buffer.byteLength(text, 'utf8') <= maxBytes && !text.includes('\0')

export function usagePointFault(point: UsagePoint): string | undefined {
  if (!ZONE.test(point.zone)) return 'bad-zone: 1 to 64 of A-Z a-z 0-9 _ + - /'
  if (point.id === '') return 'bad-usage-point: its id is empty'
  const texts = [point.id, point.feeder, point.region, point.plan]
  return texts.every((text) => isLine(text, LIMITS.textBytes))
    ? undefined
    : `bad-usage-point: at most ${LIMITS.textBytes} bytes each, no control characters`
}

/** A set of authorities as it would be: form, number, weights, distinct ids and keys. Keys themselves are checked where they come in. */
export function authoritySetFault(authorities: readonly Authority[]): string | undefined {
  const { length } = authorities
  if (length === 0 || length > LIMITS.authorities) return `bad-authorities: ${length}, allowed are 1 to ${LIMITS.authorities}`
  if (!authorities.every(({ id }) => isAuthorityId(id))) return 'bad-authorities: an id is not of the form of ids'
  if (new Set(authorities.map(({ id }) => id)).size !== length) return 'bad-authorities: an id stands twice'
  if (new Set(authorities.map(({ key }) => key.toString('hex'))).size !== length) return 'bad-authorities: a key stands twice'
  if (!authorities.every(({ weight }) => isWithin(weight, 0, LIMITS.totalWeight))) return 'bad-weight: below 0 or above the limit'
  const total = authorities.reduce((sum, { weight }) => sum + weight, 0)
  return isWithin(total, 1, LIMITS.totalWeight)
    ? undefined
    : `bad-weight: all together ${total}, allowed are 1 to ${LIMITS.totalWeight}`
}

/** A new authority’s own weight and key. */
export function authorityFault({ id, key, weight }: Authority, signatures: Signatures): string | undefined {
  if (!isWithin(weight, 1, LIMITS.totalWeight)) return `bad-weight: ${weight} of authority ${id}`
  return signatures.isValidKey(key) ? undefined : `bad-key: of authority ${id}`
}

/** By id. Ids are ASCII, so code units, bytes and the database’s "C" collation give one order. */
export const byId = (a: Authority, b: Authority): number => (a.id < b.id ? -1 : 1)
