/** Rows as PostgreSQL's binary COPY takes them: https://www.postgresql.org/docs/18/sql-copy.html (Binary Format). Chunks are large:
 *  one row a write makes 52 k rows/s, thousands of rows a write 1.4 M (notes of measurement, 2 cores). */
import type { Kind, Row, Table, Value } from './tables.js'

const CHUNK_BYTES = 256 * 1024
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const END = Buffer.from([0xff, 0xff])
/** Milliseconds from 1970 to 2000, from where PostgreSQL counts microseconds. */
const EPOCH_MILLIS = 946_684_800_000
const INFINITY = 0x7fff_ffff_ffff_ffffn
const FIXED_BYTES: Partial<Record<Kind, number>> = { int2: 2, int4: 4, int8: 8, channel: 8, time: 8 }

/** The statement that takes what `binaryCopy` gives. */
export const copyStatement = (table: Table): string =>
  `COPY ${table.name} (${table.columns.map((column) => column.name).join(', ')}) FROM STDIN (FORMAT binary)`

/** Rows as chunks. Throws RangeError where a number does not fit its column. */
export function* binaryCopy(table: Table, rows: Iterable<Row>): Generator<Buffer> {
  const kinds = table.columns.map((column) => column.kind)
  let chunk = Buffer.allocUnsafe(CHUNK_BYTES)
  let at = SIGNATURE.copy(chunk)
  for (const row of rows) {
    const size = rowBytes(kinds, row)
    if (at + size > chunk.length) {
      yield chunk.subarray(0, at)
      chunk = Buffer.allocUnsafe(Math.max(CHUNK_BYTES, size))
      at = 0
    }
    at = writeRow(chunk, at, kinds, row)
  }
  yield chunk.subarray(0, at)
  yield END
}

function rowBytes(kinds: readonly Kind[], row: Row): number {
  let bytes = 2
  for (let i = 0; i < kinds.length; i++) bytes += 4 + valueBytes(kinds[i] ?? 'text', row[i] ?? null)
  return bytes
}

function valueBytes(kind: Kind, value: Value): number {
  if (value === null) return 0
  return FIXED_BYTES[kind] ?? (typeof value === 'string' ? Buffer.byteLength(value) : (value as Buffer).length)
}

function writeRow(chunk: Buffer, start: number, kinds: readonly Kind[], row: Row): number {
  let at = chunk.writeInt16BE(kinds.length, start)
  for (let i = 0; i < kinds.length; i++) {
    const kind = kinds[i] ?? 'text'
    const value = row[i] ?? null
    if (value === null) {
      at = chunk.writeInt32BE(-1, at)
      continue
    }
    const size = valueBytes(kind, value)
    at = chunk.writeInt32BE(size, at)
    writeValue(chunk, at, kind, value)
    at += size
  }
  return at
}

function writeValue(chunk: Buffer, at: number, kind: Kind, value: string | number | bigint | Buffer): void {
  if (typeof value === 'string') chunk.write(value, at)
  else if (typeof value === 'object') value.copy(chunk, at)
  else if (kind === 'int2') chunk.writeInt16BE(Number(value), at)
  else if (kind === 'int4') chunk.writeInt32BE(Number(value), at)
  else if (typeof value === 'bigint') chunk.writeBigInt64BE(value, at)
  else if (kind === 'time') writeTime(chunk, at, value)
  else writeLong(chunk, at, value)
}

/** Microseconds since 2000; beyond 2285 they leave exact doubles, so these go by bigint. */
function writeTime(chunk: Buffer, at: number, millis: number): void {
  if (millis === Infinity) chunk.writeBigInt64BE(INFINITY, at)
  else {
    const micros = (millis - EPOCH_MILLIS) * 1000
    if (Number.isSafeInteger(micros)) writeLong(chunk, at, micros)
    else chunk.writeBigInt64BE(BigInt(millis - EPOCH_MILLIS) * 1000n, at)
  }
}

/** Two halves: a bigint for each value would cost more than the rest of the row. */
function writeLong(chunk: Buffer, at: number, value: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not an exact integer: ${value}`)
  chunk.writeInt32BE(Math.floor(value / 0x1_0000_0000), at)
  chunk.writeUInt32BE(value >>> 0, at + 4)
}
