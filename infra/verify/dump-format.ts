/** How a dump holds the topics, so that any language reads it: README.md of this folder has it in ten lines of Python.
 *
 *  `manifest.json`: `{ "version": 1, "topics": { "chain": { "0": { "low": "0", "high": "42", "records": 42 } } } }`, written last.
 *  `<topic>-<partition>.records`: for each record, big-endian: length of the rest (u32), offset (i64), append time in ms (i64), length
 *  of the key (i32; -1: null), key, length of the value (i32; -1: null), value. */
import { z } from 'zod'
import type { TopicName } from '../stage.js'
import type { SourceRecord } from './log-source.js'

const whole = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform(BigInt)
export const manifestFile = z.object({
  version: z.literal(1),
  topics: z.record(z.string(), z.record(z.string().regex(/^\d+$/), z.object({ low: whole, high: whole, records: z.number() }))),
})
export type Manifest = z.infer<typeof manifestFile>

export const MANIFEST = 'manifest.json'
export const recordsFile = (topic: TopicName, partition: number): string => `${topic}-${partition}.records`

/** A dump's file is not as it was written. */
export class DumpDamagedError extends Error {
  override readonly name = 'DumpDamagedError'
}

const LENGTH_BYTES = 4
const FIXED_BYTES = 8 + 8 + 4 + 4
const NULL = -1
/** No topic takes a record of half this size: a length beyond it is damaged, and must not make a reader wait for the rest. */
const MAX_BYTES = 16 * 1024 * 1024

export function encodeRecord({ offset, timestamp, key, value }: Omit<SourceRecord, 'topic' | 'partition'>): Buffer {
  const keyBytes = key ?? Buffer.alloc(0)
  const valueBytes = value ?? Buffer.alloc(0)
  const rest = FIXED_BYTES + keyBytes.length + valueBytes.length
  const bytes = Buffer.alloc(LENGTH_BYTES + rest)
  let at = bytes.writeUInt32BE(rest, 0)
  at = bytes.writeBigInt64BE(offset, at)
  at = bytes.writeBigInt64BE(BigInt(timestamp), at)
  at = bytes.writeInt32BE(key === null ? NULL : keyBytes.length, at)
  at += keyBytes.copy(bytes, at)
  at = bytes.writeInt32BE(value === null ? NULL : valueBytes.length, at)
  valueBytes.copy(bytes, at)
  return bytes
}

/** The record at the beginning of `bytes` and its length; undefined where more bytes are needed. Throws RangeError where the lengths
 *  contradict one another. Key and value are slices. */
export function decodeRecord(bytes: Buffer): { record: Omit<SourceRecord, 'topic' | 'partition'>; length: number } | undefined {
  if (bytes.length < LENGTH_BYTES) return undefined
  const length = LENGTH_BYTES + bytes.readUInt32BE(0)
  if (length < LENGTH_BYTES + FIXED_BYTES) throw new RangeError(`a record of ${length} bytes is too short`)
  if (length > MAX_BYTES) throw new RangeError(`a record of ${length} bytes is too long`)
  if (bytes.length < length) return undefined
  const offset = bytes.readBigInt64BE(4)
  const timestamp = Number(bytes.readBigInt64BE(12))
  const key = part(bytes, 20, length - 4)
  const value = part(bytes, key.end, length)
  if (value.end !== length) throw new RangeError(`key and value do not fill the record's ${length} bytes`)
  return { record: { offset, timestamp, key: key.bytes, value: value.bytes }, length }
}

function part(bytes: Buffer, at: number, limit: number): { bytes: Buffer | null; end: number } {
  const length = bytes.readInt32BE(at)
  const start = at + 4
  const end = start + Math.max(0, length)
  if (length < NULL || end > limit) throw new RangeError(`${length} bytes do not fit into the record`)
  return { bytes: length === NULL ? null : bytes.subarray(start, end), end }
}
