/** How values go out: from the text that PostgreSQL writes to JSON, never through a float. */

import { BugError } from '../../../schemas/errors.js'
import { LIMITS } from '../../../schemas/limits.js'

export type Kind = 'text' | 'integer' | 'decimal' | 'time' | 'day' | 'flag' | 'texts' | 'integers'
export type Json = string | number | boolean | null | readonly Json[]

/** JSON schema of each kind, without its description. Whole numbers of the protocol are below 2^52; what may be more is text. */
export const KIND_SCHEMAS: Readonly<Record<Kind, object>> = {
  text: { type: 'string' },
  integer: { type: 'integer', minimum: -LIMITS.long, maximum: LIMITS.long },
  decimal: { type: 'string', pattern: '^-?\\d+(\\.\\d+)?$' },
  time: { type: 'string', format: 'date-time' },
  day: { type: 'string', format: 'date' },
  flag: { type: 'boolean' },
  texts: { type: 'array', items: { type: 'string' } },
  integers: { type: 'array', items: { type: ['integer', 'null'], minimum: -LIMITS.long, maximum: LIMITS.long } },
}

/** What a column of this kind is selected as, so that its text is as `jsonOf` expects it. */
export const selected = (kind: Kind, sql: string): string => (kind === 'texts' || kind === 'integers' ? `to_json(${sql})` : sql)

/** `null` for what has no value; a time without end is none either. Throws BugError where PostgreSQL gave another kind. */
export function jsonOf(kind: Kind, text: string | null): Json {
  if (text === null) return null
  switch (kind) {
    case 'integer':
      return integerOf(text)
    case 'time':
      return timeOf(text)
    case 'flag':
      return text === 't'
    case 'texts':
    case 'integers':
      return JSON.parse(text)
    default:
      return text
  }
}

function integerOf(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number)) throw new BugError(`${text} is no whole number that JSON carries`)
  return number
}

const TIME = /^(\d+)(-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)\+00$/

/** ISO 8601 in UTC, from what PostgreSQL writes with TimeZone UTC and DateStyle ISO: to the microsecond. */
function timeOf(text: string): string | null {
  if (text === 'infinity' || text === '-infinity') return null
  const [, year, date, clock] = TIME.exec(text) ?? []
  if (year === undefined) throw new BugError(`'${text}' is no time of PostgreSQL in UTC`)
  return `${year.length > 4 ? `+${year.padStart(6, '0')}` : year}${date}T${clock}Z`
}
