/** The London files (Low Carbon London trial): `LCLid,tstp,energy(kWh/hh)`, half hours of GMT, kWh as decimal text. */
import { isMeterId } from '../../schemas/ids.js'
import { LIMITS } from '../../schemas/limits.js'
import type { Profile } from '../../schemas/records.js'
import type { ReadingContent } from '../meter/sign-reading.js'
import { type Decimal, parseKwh, toWattHours } from './decimal.js'
import { shown } from './malformed-file.js'

export const HALF_HOUR = 1_800
const DAY = 86_400
/** Zone of the trial's meters. */
export const LONDON = 'Europe/London'
/** 1-0:1.29.0*255, active energy import within the recording interval (IEC 62056-6-1: C = 1, D = 29), in watt-hours. */
const CHANNEL = { obis: Buffer.from([1, 0, 1, 29, 0, 255]), unit: 30 } as const

export interface LclReading {
  readonly kind: 'reading'
  readonly meter: string
  /** Seconds since 1970, a whole half hour. */
  readonly start: number
  readonly kwh: Decimal
}
export type LclLine = LclReading | { kind: 'missing' } | { kind: 'header' } | { kind: 'malformed'; reason: string }

/** What a line's fields say. `Null` and nothing are how the trial writes a value that is missing. */
export function readLine(fields: readonly string[]): LclLine {
  const [meter = '', time = '', energy = ''] = fields.map((field) => field.trim())
  if (meter === 'LCLid') return { kind: 'header' }
  if (fields.length !== 3) return malformed(`it has ${fields.length} fields, not LCLid, tstp and energy`)
  if (!isMeterId(meter)) return malformed(`${shown(meter)} is not a meter id`)
  if (energy === '' || energy.toLowerCase() === 'null') return { kind: 'missing' }
  const start = secondsOf(time)
  if (start === undefined) return malformed(`${shown(time)} is not a time: expected YYYY-MM-DD HH:MM:SS`)
  if (start % HALF_HOUR !== 0) return malformed(`${time} is not the start of a half hour`)
  const kwh = parseKwh(energy)
  return typeof kwh === 'string' ? malformed(kwh) : { kind: 'reading', meter, start, kwh }
}

const malformed = (reason: string): LclLine => ({ kind: 'malformed', reason })

/** Seconds since 1970 of a time in GMT; undefined where there is no such time. */
function secondsOf(text: string): number | undefined {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:\.0+)?$/.exec(text)
  if (match === null) return undefined
  const iso = `${match[1]}T${match[2]}.000Z`
  const millis = Date.parse(iso)
  const isReal = !Number.isNaN(millis) && new Date(millis).toISOString() === iso
  return isReal && millis >= 0 && millis / 1000 + HALF_HOUR <= LIMITS.epochSeconds ? millis / 1000 : undefined
}

/** Number of the day (GMT) of an interval, and its place in it, 0 to 47. */
export const dayOf = (start: number): number => Math.floor(start / DAY)
export const slotOf = (start: number): number => (start % DAY) / HALF_HOUR
export const startOf = (day: number, slot: number): number => day * DAY + slot * HALF_HOUR

/** The messages of a day: one, with a profile for each run without gaps, all with one scaler; more where there are more runs than a
 *  reading may hold. Each is dated to its end. */
export function contentsOf(day: number, slots: ReadonlyMap<number, Decimal>): ReadingContent[] {
  const places = [...slots.keys()].sort((a, b) => a - b)
  const { scaler, values } = toWattHours(places.flatMap((place) => slots.get(place) ?? []))
  const profiles: Profile[] = []
  places.forEach((place, index) => {
    const value = values[index] ?? 0
    const last = profiles.at(-1)
    if (last !== undefined && places[index - 1] === place - 1) last.values.push(value)
    else profiles.push({ ...CHANNEL, scaler, start: startOf(day, place), step: HALF_HOUR, values: [value], quality: [] })
  })
  const contents: ReadingContent[] = []
  for (let at = 0; at < profiles.length; at += LIMITS.profilesPerReading) {
    const part = profiles.slice(at, at + LIMITS.profilesPerReading)
    contents.push({ sentAt: endOf(part) * 1000, profiles: part })
  }
  return contents
}

const endOf = (profiles: readonly Profile[]) =>
  profiles.reduce((end, { start, step, values }) => Math.max(end, start + step * values.length), 0)
