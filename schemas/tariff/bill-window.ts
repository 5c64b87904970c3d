/** Which readings a month's bill may depend on, whatever its time zone: who makes a proof and who checks one go by the same rule. */
import { obisText } from '../obis.js'
import type { Reading } from '../records.js'
import { DAY, monthDays } from './civil.js'

/** Seconds since 1970; `to` is outside. */
export interface Window {
  readonly from: number
  readonly to: number
}

/** A day more at both ends: no zone is further from UTC. Throws RangeError where `month` is none (YYYY-MM). */
export function windowOf(month: string): Window {
  const days = monthDays(month)
  if (days === undefined) throw new RangeError(`not a month: ${month} (YYYY-MM)`)
  return { from: (days.first - 1) * DAY, to: (days.end + 1) * DAY }
}

/** Up to when registers matter, by OBIS code: of codes with a value in the window the time of the first value after it, with which the
 *  last difference ends (infinity: there is none). Other codes are not in it. */
export type RegisterEnds = ReadonlyMap<string, number>

export function registerEnds(readings: readonly Reading[], { from, to }: Window): RegisterEnds {
  const all = readings.flatMap(({ registers }) => registers.map(({ obis, at }) => ({ code: obisText(obis), at })))
  const codes = new Set(all.filter(({ at }) => from <= at && at < to).map(({ code }) => code))
  const ends = new Map([...codes].map((code) => [code, Number.POSITIVE_INFINITY]))
  for (const { code, at } of all) {
    const end = ends.get(code)
    if (end !== undefined && at >= to && at < end) ends.set(code, at)
  }
  return ends
}

/** Whether intervals of it overlap the window, or registers of it are in the window or before the end of a difference that began there. */
export function isAbout({ profiles, registers }: Reading, { from, to }: Window, ends: RegisterEnds): boolean {
  const overlaps = profiles.some(({ start, step, values }) => start < to && start + step * values.length > from)
  return overlaps || registers.some(({ obis, at }) => from <= at && (at < to || at <= (ends.get(obisText(obis)) ?? to - 1)))
}

/** Of a meter's counted readings, those that must be proved to count. */
export function aboutMonth<T extends { readonly reading: Reading }>(readings: readonly T[], window: Window): ReadonlySet<T> {
  const ends = registerEnds(
    readings.map(({ reading }) => reading),
    window,
  )
  return new Set(readings.filter(({ reading }) => isAbout(reading, window, ends)))
}
