import { LIMITS } from '../../schemas/limits.js'

/** Text as PostgreSQL can hold it: NUL, which it cannot, becomes U+FFFD. The record itself stands in schema ledger as it came. */
export const storable = (text: string): string => text.replaceAll('\0', '\ufffd')

/** A time, in milliseconds since 1970, as PostgreSQL can hold it: what somebody dates before 1970 or after 9999 becomes the nearest of
 *  these. Only the votes judge a block's date, and theirs may be a date that PostgreSQL refuses. */
export const storableMillis = (millis: number): number => Math.min(Math.max(millis, 0), LIMITS.epochSeconds * 1000)
