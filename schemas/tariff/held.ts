/** Which of a meter's values hold: the newest revision of each. The views of the tables go by the same rules. */
import { obisText } from '../obis.js'
import type { Reading } from '../records.js'

/** What a value measures. `obis` as text A-B:C.D.E*F. */
export interface Channel {
  readonly obis: string
  readonly unit: number
  readonly scaler: number
}
export interface Interval extends Channel {
  readonly sequence: number
  readonly start: number
  readonly step: number
  readonly value: number
  readonly quality: number
}
export interface RegisterValue extends Channel {
  readonly sequence: number
  readonly at: number
  readonly value: number
}

/** The first of the numbers that differs decides. */
const order = (a: readonly number[], b: readonly number[]): number => {
  const at = a.findIndex((value, i) => value !== b[i])
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}

/** Of values of one key the one whose numbers are highest. */
function newest<T>(values: readonly T[], key: (value: T) => string, rank: (value: T) => readonly number[]): T[] {
  const best = new Map<string, T>()
  for (const value of values) {
    const other = best.get(key(value))
    if (other === undefined || order(rank(value), rank(other)) > 0) best.set(key(value), value)
  }
  return [...best.values()]
}

/** Intervals of one meter that hold, of readings that count. Of intervals with one OBIS code and start the highest sequence holds (in
 *  one message the highest unit, scaler, value, step, quality); a reading that revises another supersedes, with each of its
 *  intervals, all of lower sequences that overlap it. */
export function heldIntervals(readings: readonly Reading[]): Interval[] {
  const all = readings.flatMap(intervalsOf)
  const revising = readings.filter(({ revises }) => revises !== null).flatMap(intervalsOf)
  const held = newest(
    all,
    ({ obis, start }) => `${obis} ${start}`,
    ({ sequence, unit, scaler, value, step, quality }) => [sequence, unit, scaler, value, step, quality],
  )
  return held.filter((each) => !revising.some((other) => supersedes(other, each))).sort((a, b) => a.start - b.start)
}

const supersedes = (newer: Interval, older: Interval): boolean =>
  newer.sequence > older.sequence &&
  newer.obis === older.obis &&
  newer.start < older.start + older.step &&
  newer.start + newer.step > older.start

function intervalsOf({ sequence, profiles }: Reading): Interval[] {
  return profiles.flatMap(({ obis, unit, scaler, start, step, values, quality }) => {
    const codes = quality.flatMap(({ code, count }) => Array.from({ length: count }, () => code))
    const channel = { obis: obisText(obis), unit, scaler, sequence, step }
    return values.map((value, i) => ({ ...channel, start: start + i * step, value, quality: codes[i] ?? 0 }))
  })
}

/** Register values of one meter that hold, by OBIS code and time. */
export function heldRegisters(readings: readonly Reading[]): RegisterValue[] {
  const all = readings.flatMap(({ sequence, registers }) =>
    registers.map(({ obis, unit, scaler, at, value }) => ({ obis: obisText(obis), unit, scaler, sequence, at, value })),
  )
  const held = newest(
    all,
    ({ obis, at }) => `${obis} ${at}`,
    ({ sequence, unit, scaler, value }) => [sequence, unit, scaler, value],
  )
  return held.sort((a, b) => a.at - b.at)
}
