/** A 300 record and the 400 records after it: a day of one channel. */
import { LIMITS } from '../../../schemas/limits.js'
import { fits, parseDecimal, type Scaled, toIntegers } from '../decimal.js'
import { shown } from '../malformed-file.js'
import type { Series, Value } from '../series.js'
import { NEM_ZONE, nemSeconds } from './nem-time.js'
import { NULL_DATA, type Quality, readQuality, VARIABLE } from './quality.js'
import type { Stream } from './stream.js'

const DAY = 86_400

export interface IntervalDay {
  readonly stream: Stream
  readonly line: number
  readonly start: number
  /** As they are written: what is null data need be no number. */
  readonly texts: readonly string[]
  readonly quality: Quality
  /** By interval, where 400 records say. */
  readonly events: (Quality | undefined)[]
  readonly version: number
}

/** 300, date, a value for each interval, quality, reason, its description, when it was made, when the market had it; else why it is none.
 *  `created`: version of a day that says nothing of its own. */
export function readDay(stream: Stream, line: number, fields: readonly string[], created: number): IntervalDay | string {
  const count = DAY / stream.step
  const start = nemSeconds(fields[1] ?? '')
  if (start === undefined || start < 0 || start + DAY > LIMITS.epochSeconds || fields[1]?.length !== 8)
    return `${shown(fields[1] ?? '')} is not a day: expected YYYYMMDD`
  if (fields.length < count + 3 || fields.slice(count + 7).some((field) => field !== ''))
    return `a day of ${stream.step / 60} minutes has ${count} values and a quality: the record has ${fields.length} fields, expected ${count + 3} to ${count + 7}`
  const texts = fields.slice(2, count + 2)
  const [qualityText = '', , , updated = ''] = fields.slice(count + 2)
  const quality = readQuality(qualityText)
  if (typeof quality === 'object') return quality.reason
  const version = updated === '' ? created : nemSeconds(updated)
  if (version === undefined) return `${shown(updated)} is not a time: expected YYYYMMDDHHMMSS`
  return { stream, line, start, texts, quality, events: Array(count).fill(undefined), version }
}

/** 400, first and last interval from 1, quality, reason, its description: notes it; else why it is none. */
export function addEvent({ quality, events }: IntervalDay, fields: readonly string[]): string | undefined {
  if (quality !== VARIABLE) return 'a 400 record stands after a 300 record whose quality is not V'
  const [, firstText = '', lastText = '', qualityText = ''] = fields
  const [first, last] = [firstText, lastText].map((text) => (/^\d{1,4}$/.test(text) ? Number(text) : 0))
  if (first === undefined || last === undefined || first < 1 || last < first || last > events.length)
    return `intervals ${shown(firstText)} to ${shown(lastText)} are not within 1 to ${events.length}`
  const event = readQuality(qualityText)
  if (typeof event === 'object') return event.reason
  if (event === VARIABLE) return 'the quality of a 400 record is V: expected A, E, F, N or S'
  for (let interval = first; interval <= last; interval++) {
    if (events[interval - 1] !== undefined) return `a second 400 record is about interval ${interval}`
    events[interval - 1] = event
  }
  return undefined
}

/** The day's values, exact, with how many are null data; else why they are none. */
export function closeDay(day: IntervalDay): { series: Series; missing: number } | string {
  const { stream, events, texts, start, version } = day
  const qualities = events.map((event) => event ?? day.quality)
  const open = qualities.indexOf(VARIABLE)
  if (open >= 0) return `the quality of interval ${open + 1} is V, and no 400 record says which`
  const places = [...qualities.keys()].filter((place) => qualities[place] !== NULL_DATA)
  const scaled = scaledValues(stream, places, texts)
  if (typeof scaled === 'string') return scaled
  const values = places.map((place, index): Value => {
    const quality = qualities[place]
    return {
      ...{ start: start + place * stream.step, step: stream.step, value: scaled.values[index] ?? 0 },
      quality: typeof quality === 'number' ? quality : 0,
    }
  })
  const { nmi, obis, unit } = stream
  const series = { meter: nmi, zone: NEM_ZONE, obis, unit, scaler: scaled.scaler, version, values }
  return { series, missing: texts.length - values.length }
}

function scaledValues({ prefix }: Stream, places: readonly number[], texts: readonly string[]): Scaled | string {
  const decimals = []
  for (const place of places) {
    const text = texts[place] ?? ''
    const decimal = parseDecimal(text)
    if (decimal === undefined)
      return `interval ${place + 1}: ${shown(text)} is not a quantity: expected digits with a decimal point`
    decimals.push(decimal)
  }
  const scaled = toIntegers(decimals, prefix)
  return fits(scaled) ? scaled : 'its values have more digits than a reading can hold'
}
