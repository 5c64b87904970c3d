/** Points of time as a person types them. No Date.parse: it takes what has no zone as the machine's local time, '5' for a month, and
 *  30 February for 2 March. */
import { DAY, dayOfDate } from './civil.js'

/** What a person is told to give. */
export const INSTANT_FORM =
  'a date of the calendar, as 2027-03-01 (midnight UTC), or a time with its zone, as 2027-03-01T00:00:00Z or 2027-03-01T01:00:00+01:00'

const TIME = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,3}))?)?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/

/** Years 1 to 9999: PostgreSQL has no year 0, and ISO 8601 no more digits. */
const FIRST = (dayOfDate('0001-01-01') ?? 0) * DAY * 1_000
const END = ((dayOfDate('9999-12-31') ?? 0) + 1) * DAY * 1_000

/** Milliseconds since 1970 of a date or of a time of RFC 3339 (seconds may be left out; no leap seconds; no more than milliseconds).
 *  Undefined where it is neither, or where the calendar has none such. */
export function instantOf(text: string): number | undefined {
  const millis = millisOfDate(text) ?? millisOfTime(text)
  return millis !== undefined && millis >= FIRST && millis < END ? millis : undefined
}

function millisOfDate(text: string): number | undefined {
  const day = dayOfDate(text)
  return day === undefined ? undefined : day * DAY * 1_000
}

function millisOfTime(text: string): number | undefined {
  const [, date = '', hour, minute, second = 0, fraction = '', sign, hours = 0, minutes = 0] = TIME.exec(text) ?? []
  const midnight = millisOfDate(date)
  if (midnight === undefined) return undefined
  const local = (Number(hour) * 60 + Number(minute)) * 60 + Number(second)
  const offset = (Number(hours) * 60 + Number(minutes)) * 60
  return midnight + (local - (sign === '-' ? -offset : offset)) * 1_000 + Number(fraction.padEnd(3, '0'))
}
