/** From the body of a request to entries. In JSON each item stands for itself, so a bad one is refused alone; Avro has no framing,
 *  so a record in which one reading is not canonical cannot be cut up and is refused whole. */
import { LIMITS } from '../schemas/limits.js'
import { splitEntries, stripPrefix } from '../schemas/records.js'
import { entryOfJson } from './json-reading.js'

/** The media types of `POST /v1/readings`. */
export const MEDIA_TYPES = {
  /** One SignedReading, Avro. */
  reading: 'application/vnd.meterchain.reading',
  /** One Readings record, Avro: 1 to 1,000 signed readings, of any lanes. */
  readings: 'application/vnd.meterchain.readings',
  /** One signed reading as JSON, or an array of them. */
  json: 'application/json',
} as const
export type MediaType = (typeof MEDIA_TYPES)[keyof typeof MEDIA_TYPES]

export type Item = { ok: true; entry: Buffer } | { ok: false; detail: string; bytes: Buffer }
export type Parsed = { ok: true; items: Item[] } | { ok: false; fault: 'malformed' | 'bad-request' | 'too-large'; detail: string }

/** The items of a body, in their order. Never throws on input. Binary entries are slices of `body`. */
export function parse(mediaType: MediaType, body: Buffer): Parsed {
  switch (mediaType) {
    case MEDIA_TYPES.reading:
      return { ok: true, items: [{ ok: true, entry: body }] }
    case MEDIA_TYPES.readings:
      return parseRecord(body)
    case MEDIA_TYPES.json:
      return parseJson(body)
  }
}

function parseRecord(body: Buffer): Parsed {
  const entries = splitEntries(body)
  // What is not in order comes back as one entry, the whole; in order, an entry lacks at least the count and the end mark.
  if (entries.length === 1 && entries[0]?.length === stripPrefix(body).length) {
    return {
      ok: false,
      fault: 'malformed',
      detail: `its ${body.length} bytes are not one canonical Readings record of 1 to ${LIMITS.readingsPerRecord} readings`,
    }
  }
  return { ok: true, items: entries.map((entry) => ({ ok: true, entry })) }
}

function parseJson(body: Buffer): Parsed {
  if (isDeeper(body, JSON_DEPTH))
    return { ok: false, fault: 'bad-request', detail: `the JSON is nested more than ${JSON_DEPTH} deep` }
  const value = jsonOf(body)
  if (value === undefined) return { ok: false, fault: 'bad-request', detail: 'the body is not JSON' }
  if (!Array.isArray(value)) return { ok: true, items: [itemOf(value)] }
  if (value.length === 0) return { ok: false, fault: 'bad-request', detail: 'the array is empty' }
  if (value.length > LIMITS.readingsPerRecord)
    return {
      ok: false,
      fault: 'too-large',
      detail: `${value.length} readings are more than ${LIMITS.readingsPerRecord} in one request`,
    }
  return { ok: true, items: value.map(itemOf) }
}

/** A reading nests 7 deep. Node's parser takes a million brackets and its writer does not, so what is deeper is not even parsed. */
const JSON_DEPTH = 32
const [QUOTE, ESCAPE, OPEN, CLOSE] = [0x22, 0x5c, [0x5b, 0x7b], [0x5d, 0x7d]]

function isDeeper(json: Buffer, limit: number): boolean {
  let depth = 0
  let isText = false
  for (let at = 0; at < json.length && depth <= limit; at++) {
    const byte = json[at] ?? 0
    if (byte === QUOTE) isText = !isText
    else if (isText) at += Number(byte === ESCAPE)
    else if (OPEN.includes(byte)) depth++
    else if (CLOSE.includes(byte)) depth--
  }
  return depth > limit
}

function jsonOf(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined // the parser's way of saying that it is not JSON; JSON itself has no undefined
  }
}

function itemOf(value: unknown): Item {
  const item = entryOfJson(value)
  return item.ok ? item : { ...item, bytes: Buffer.from(JSON.stringify(value)) }
}
