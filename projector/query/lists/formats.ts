/** The forms of a list: JSON by the page, NDJSON and CSV as a stream. */

import { type Json, jsonOf } from './kinds.js'
import type { Column } from './list.js'

export type Format = 'json' | 'ndjson' | 'csv'

export const MEDIA_TYPES: Readonly<Record<Format, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  csv: 'text/csv',
}
const FORMATS = ['json', 'ndjson', 'csv'] as const

/** What of an Accept header is served: of equals JSON first. Undefined: nothing of it. */
export function formatFor(accept = '*/*'): Format | undefined {
  const ranges = accept.split(',').map(rangeOf)
  const weighed = FORMATS.map((format) => ({ format, weight: weightOf(MEDIA_TYPES[format], ranges) }))
  const best = weighed.reduce((a, b) => (b.weight > a.weight ? b : a))
  return best.weight > 0 ? best.format : undefined
}

interface Range {
  readonly type: string
  readonly weight: number
}

function rangeOf(text: string): Range {
  const [type = '', ...parameters] = text.split(';').map((each) => each.trim().toLowerCase())
  const quality = parameters.find((each) => each.startsWith('q='))?.slice(2)
  const weight = quality === undefined ? 1 : Number(quality)
  return { type, weight: weight >= 0 && weight <= 1 ? weight : 0 }
}

/** Of the most specific range that takes it. */
function weightOf(media: string, ranges: readonly Range[]): number {
  for (const wanted of [media, `${media.split('/')[0]}/*`, '*/*']) {
    const found = ranges.find(({ type }) => type === wanted)
    if (found !== undefined) return found.weight
  }
  return 0
}

type Row = readonly (string | null)[]

export function objectOf(columns: readonly Column[], row: Row): Record<string, Json> {
  const object: Record<string, Json> = {}
  columns.forEach(({ name, kind }, at) => {
    object[name] = jsonOf(kind, row[at] ?? null)
  })
  return object
}

/** RFC 4180, with a header line. No value: an empty field; empty text: `""`. Lists are JSON. */
export const csvHeader = (columns: readonly Column[]): string => `${columns.map(({ name }) => name).join(',')}\r\n`

export const csvLine = (columns: readonly Column[], row: Row): string =>
  `${columns.map(({ kind }, at) => csvField(jsonOf(kind, row[at] ?? null))).join(',')}\r\n`

function csvField(value: Json): string {
  if (value === null) return ''
  const text = typeof value === 'object' ? JSON.stringify(value) : String(value)
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

export const jsonLine = (columns: readonly Column[], row: Row): string => `${JSON.stringify(objectOf(columns, row))}\n`
