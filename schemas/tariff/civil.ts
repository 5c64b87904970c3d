/** Local time in integers: days are counted from 1970-01-01, offsets come from the registry. No clock, no library’s zone data: what
 *  two machines know of time zones may differ. */

export const DAY = 86_400
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/

export interface CivilDate {
  readonly year: number
  /** 1 to 12. */
  readonly month: number
  readonly day: number
}

/** Days from 1970-01-01 to that day of the Gregorian calendar, which must exist. */
export function dayOf({ year, month, day }: CivilDate): number {
  // years begin in March, so that the leap day is the last
  const shifted = month <= 2 ? year - 1 : year
  const inYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1
  return shifted * 365 + Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400) + inYear - 719_468
}

export function dateOf(day: number): CivilDate {
  const era = Math.floor((day + 719_468) / 146_097)
  const inEra = day + 719_468 - era * 146_097
  const yearOfEra = Math.floor(
    (inEra - Math.floor(inEra / 1_460) + Math.floor(inEra / 36_524) - Math.floor(inEra / 146_096)) / 365,
  )
  const inYear = inEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const shifted = Math.floor((5 * inYear + 2) / 153)
  const month = shifted < 10 ? shifted + 3 : shifted - 9
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: inYear - Math.floor((153 * shifted + 2) / 5) + 1,
  }
}

/** Number of the day; undefined where there is no such date, or not in these digits. */
export function dayOfDate(text: string): number | undefined {
  const match = DATE.exec(text)
  if (match === null) return undefined
  const date = { year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) }
  const isReal = date.month >= 1 && date.month <= 12 && date.day >= 1 && dateText(dateOf(dayOf(date))) === text
  return isReal ? dayOf(date) : undefined
}

const digits = (value: number, count: number) => String(value).padStart(count, '0')
export const dateText = ({ year, month, day }: CivilDate): string => `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`

/** 1 (Monday) to 7: 1970-01-01 was a Thursday. */
export const weekdayOf = (day: number): number => ((((day + 3) % 7) + 7) % 7) + 1

/** A month by its name, YYYY-MM; undefined where there is none. */
export function monthDays(month: string): { first: number; end: number } | undefined {
  const first = dayOfDate(`${month}-01`)
  if (first === undefined) return undefined
  const { year, month: number } = dateOf(first)
  const end = dayOf(number === 12 ? { year: year + 1, month: 1, day: 1 } : { year, month: number + 1, day: 1 })
  return { first, end }
}
