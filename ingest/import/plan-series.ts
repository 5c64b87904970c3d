/** From the values of a series to what is still to be signed of them, and to messages. */
import { LIMITS } from '../../schemas/limits.js'
import type { Profile, Register } from '../../schemas/records.js'
import type { ReadingContent } from '../meter/sign-reading.js'
import { type Known, KnownValues } from './known-values.js'
import type { Marks, Piece, Plan } from './piece.js'
import type { Channel, Series, Value } from './series.js'

export const seriesPiece = (series: Series): Piece => ({
  meter: series.meter,
  zone: series.zone,
  plan: (marks, next) => planSeries(marks, series, next),
})

/** New values and changed ones. One changed value makes it a correction: it names the newest message of those that it changes. */
function planSeries(marks: Marks, series: Series, next: number): Plan {
  const known = new KnownValues(marks, series)
  /** With what each replaces. */
  const fresh = new Map<Value, readonly Known[]>()
  let outdated = 0
  for (const value of series.values) {
    const before = known.overlapping(value)
    const same = before.find((each) => known.isEqual(each, value))
    if (same !== undefined) known.confirm(same)
    else if (before.some(({ version }) => version > series.version)) outdated++
    else fresh.set(value, before)
  }
  const parts = partsOf([...fresh.keys()])
  parts.forEach((part, index) => {
    for (const value of part) known.replace(fresh.get(value) ?? [], value, next + index)
  })
  known.save()
  const replaced = [...fresh.values()].filter((before) => before.length > 0)
  const revises = replaced.flat().reduce((newest, { sequence }) => Math.max(newest, sequence), 0)
  const correction = revises === 0 ? {} : { revises }
  return {
    contents: parts.map((part) => ({ ...contentOf(series, part), ...correction })),
    ...{ corrected: replaced.length, known: series.values.length - fresh.size - outdated, outdated },
  }
}

const follows = (last: Value | undefined, next: Value) =>
  last !== undefined && last.step > 0 && last.step === next.step && last.start + last.step === next.start

/** Cut where a reading would hold more profiles or registers than it may. */
function partsOf(values: readonly Value[]): Value[][] {
  const parts: Value[][] = []
  let [profiles, registers] = [0, 0]
  for (const value of values) {
    const part = parts.at(-1)
    if (value.step === 0) registers++
    else if (!follows(part?.at(-1), value)) profiles++
    if (part !== undefined && profiles <= LIMITS.profilesPerReading && registers <= LIMITS.registersPerReading) part.push(value)
    else {
      parts.push([value])
      ;[profiles, registers] = value.step === 0 ? [0, 1] : [1, 0]
    }
  }
  return parts
}

/** Dated to the end of its values. */
function contentOf({ obis, unit, scaler }: Channel, values: readonly Value[]): ReadingContent {
  const profiles: Profile[] = []
  const registers: Register[] = []
  let last: Value | undefined
  let end = 0
  for (const each of values) {
    const { start, step, value } = each
    const open = profiles.at(-1)
    if (step === 0) registers.push({ obis, unit, scaler, at: start, value })
    else if (open !== undefined && follows(last, each)) open.values.push(value)
    else profiles.push({ obis, unit, scaler, start, step, values: [value], quality: [] })
    if (step > 0) addQuality(profiles.at(-1), each.quality)
    last = each
    end = Math.max(end, start + step)
  }
  // all are valid: said by saying nothing
  for (const profile of profiles) if (profile.quality.every(({ code }) => code === 0)) profile.quality = []
  return { sentAt: end * 1000, profiles, registers }
}

function addQuality(profile: Profile | undefined, code: number): void {
  const run = profile?.quality.at(-1)
  if (run?.code === code) run.count++
  else profile?.quality.push({ code, count: 1 })
}
