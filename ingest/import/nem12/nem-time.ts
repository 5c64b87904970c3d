/** NEM time is UTC+10 all year, wherever the meter is: the market has no daylight saving time, and each of its days 24 hours. */
const AHEAD_SECONDS = 36_000

/** A zone of those who live by it. */
export const NEM_ZONE = 'Australia/Brisbane'

/** YYYYMMDD, with HHMM and SS after it or without, as seconds since 1970; undefined where there is no such time. */
export function nemSeconds(text: string): number | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?$/.exec(text)
  if (match === null) return undefined
  const [, year, month, day, hour = '00', minute = '00', second = '00'] = match
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`
  const millis = Date.parse(iso)
  // 31 February would be a day of March
  if (Number.isNaN(millis) || new Date(millis).toISOString() !== iso) return undefined
  return millis / 1000 - AHEAD_SECONDS
}
