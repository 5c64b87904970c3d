/** Rows as PostgreSQL's binary COPY takes them: https://www.postgresql.org/docs/18/sql-copy.html (Binary Format). Chunks are large:
 *  one row a write makes 52 k rows/s, thousands of rows a write 1.4 M (notes of measurement, 2 cores). */
import type { ArrayKind, Kind, Row, Table, Value } from './tables.js'

const CHUNK_BYTES = 256 * 1024
/** Most tables get a few rows of a batch. */
const FIRST_BYTES = 4 * 1024
const SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1')
const END = Buffer.from([0xff, 0xff])
/** Milliseconds from 1970 to 2000, from where PostgreSQL counts microseconds. */
const EPOCH_MILLIS = 946_684_800_000
const INFINITY = 0x7fff_ffff_ffff_ffffn
/** Type of the elements, as in pg_type, and their bytes. */
const ELEMENTS: Record<ArrayKind, readonly [oid: number, bytes: number]> = {
  'int2[]': [21, 2],
  'int4[]': [23, 4],
  'int8[]': [20, 8],
}
/** Dimensions, whether there are nulls, type, length and lower bound. */
const ARRAY_HEAD = 20
const isArray = (value: Value): value is readonly number[] => Array.isArray(value)

/** The statement that takes what `binaryCopy` gives. */
export const copyStatement = (table: Table): string =>
  `COPY ${table.name} (${table.columns.map((column) => column.name).join(', ')}) FROM STDIN (FORMAT binary)`

/** Rows as chunks. Throws RangeError where a number does not fit its column. */
export const binaryCopy = (table: Table, rows: Iterable<Row>): Generator<Buffer> => new CopyData(table).chunks(rows)

/** Rows of one table that wait to be copied, as the bytes of their COPY: many tuples that live for long are what the collector of
 *  garbage takes longest with (a replay of hourly messages: a third of its CPU time). */
export class CopyData {
  readonly #full: Buffer[] = []
  readonly #kinds: readonly Kind[]
  #chunk = new Chunk(FIRST_BYTES)

  constructor(readonly table: Table) {
    this.#kinds = table.columns.map((column) => column.kind)
    this.#chunk.at = SIGNATURE.copy(this.#chunk.bytes)
  }

  get isEmpty(): boolean {
    return this.#full.length === 0 && this.#chunk.at === SIGNATURE.length
  }

  /** Throws RangeError where a number does not fit its column. */
  add(row: Row): void {
    const size = mostBytes(this.#kinds, row)
    if (!this.#chunk.hasRoom(size)) {
      this.#full.push(this.#chunk.written)
      this.#chunk = new Chunk(Math.max(CHUNK_BYTES, size))
    }
    this.#chunk.writeRow(this.#kinds, row)
  }

  /** All that was added, and rows after it that are made as they are asked for. As often as it is asked for. */
  *chunks(more: Iterable<Row> = []): Generator<Buffer> {
    yield* this.#full
    let chunk = this.#chunk
    for (const row of more) {
      const size = mostBytes(this.#kinds, row)
      if (chunk === this.#chunk || !chunk.hasRoom(size)) {
        yield chunk.written
        chunk = new Chunk(Math.max(CHUNK_BYTES, size))
      }
      chunk.writeRow(this.#kinds, row)
    }
    yield chunk.written
    yield END
  }
}

/** An upper bound: a UTF-16 unit takes at most 3 bytes of UTF-8. */
function mostBytes(kinds: readonly Kind[], row: Row): number {
  let bytes = 2 + 12 * kinds.length
  for (const value of row) {
    if (typeof value === 'string') bytes += 3 * value.length
    else if (isArray(value)) bytes += ARRAY_HEAD + 12 * value.length
    else if (value !== null && typeof value === 'object') bytes += value.length
  }
  return bytes
}

function checkRange(value: number, bits: number): void {
  if (!Number.isInteger(value) || value < -(2 ** (bits - 1)) || value >= 2 ** (bits - 1))
    throw new RangeError(`not an integer of ${bits} bits: ${value}`)
}

/** A DataView: an interval’s ten columns take 0.3 µs. */
class Chunk {
  at = 0
  readonly bytes: Buffer
  readonly #view: DataView

  constructor(size: number) {
    this.bytes = Buffer.allocUnsafeSlow(size)
    this.#view = new DataView(this.bytes.buffer)
  }

  get written(): Buffer {
    return this.bytes.subarray(0, this.at)
  }

  hasRoom(bytes: number): boolean {
    return this.at + bytes <= this.bytes.length
  }

  writeRow(kinds: readonly Kind[], row: Row): void {
    this.#view.setInt16(this.at, kinds.length)
    this.at += 2
    for (let i = 0; i < kinds.length; i++) this.#writeField(kinds[i] ?? 'text', row[i] ?? null)
  }

  #writeField(kind: Kind, value: Value): void {
    const start = this.at
    this.at += 4
    if (value !== null) this.#writeValue(kind, value)
    this.#view.setInt32(start, value === null ? -1 : this.at - start - 4)
  }

  #writeValue(kind: Kind, value: Exclude<Value, null>): void {
    if (isArray(value)) this.#writeArray(kind as ArrayKind, value)
    else if (typeof value === 'string') this.at += this.bytes.write(value, this.at)
    else if (typeof value === 'object') this.at += value.copy(this.bytes, this.at)
    else if (typeof value === 'bigint') this.#writeBigint(value)
    else if (kind === 'time') this.#writeTime(value)
    else if (kind === 'int2') this.#writeShort(value)
    else if (kind === 'int4') this.#writeInt(value)
    else this.#writeLong(value)
  }

  /** One dimension, numbered from 1: `array_send` of PostgreSQL writes the same. */
  #writeArray(kind: ArrayKind, values: readonly number[]): void {
    const [oid, bytes] = ELEMENTS[kind]
    for (const field of [1, 0, oid, values.length, 1]) this.#writeInt(field)
    for (const value of values) {
      this.#view.setInt32(this.at, bytes)
      this.at += 4
      if (bytes === 2) this.#writeShort(value)
      else if (bytes === 4) this.#writeInt(value)
      else this.#writeLong(value)
    }
  }

  #writeShort(value: number): void {
    checkRange(value, 16)
    this.#view.setInt16(this.at, value)
    this.at += 2
  }

  #writeInt(value: number): void {
    checkRange(value, 32)
    this.#view.setInt32(this.at, value)
    this.at += 4
  }

  /** Two halves: a bigint for each value would cost more than the rest of the row. */
  #writeLong(value: number): void {
    if (!Number.isSafeInteger(value)) throw new RangeError(`not an exact integer: ${value}`)
    this.#view.setInt32(this.at, Math.floor(value / 0x1_0000_0000))
    this.#view.setUint32(this.at + 4, value)
    this.at += 8
  }

  #writeBigint(value: bigint): void {
    this.#view.setBigInt64(this.at, value)
    this.at += 8
  }

  /** Microseconds since 2000; beyond 2285 they leave exact doubles, so these go by bigint. */
  #writeTime(millis: number): void {
    const micros = (millis - EPOCH_MILLIS) * 1000
    if (Number.isSafeInteger(micros)) this.#writeLong(micros)
    else if (millis === Number.POSITIVE_INFINITY) this.#writeBigint(INFINITY)
    else this.#writeBigint(BigInt(millis - EPOCH_MILLIS) * 1000n)
  }
}
