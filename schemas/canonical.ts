/** The canonical form of our records: the one Avro encoding that SPEC.md allows. Avro itself lets one value be written in many
 *  ways, and avsc reads past the end and believes any array count, so each message is walked by these functions before avsc sees
 *  it: minimal varints, 32-bit ints, longs within ±(2^52 - 1), an array as one block with a positive count, valid UTF-8, known
 *  enum symbols and union branches, nothing past the end. */
import { isUtf8 } from 'node:buffer'
import type { Avro } from './avsc.js'
import { LIMITS } from './limits.js'

/** Where the value that begins at `at` ends, or -1 where it is not canonical. */
export type Walk = (bytes: Buffer, at: number) => number

const MAX_LONG_BYTES = 8

/** The end of a minimal varint of at most `maxBytes`; its zigzag-decoded value is left in `varint.value`. */
const varint = { value: 0 }
function walkVarint(bytes: Buffer, at: number, maxBytes: number): number {
  let unsigned = 0
  let scale = 1
  for (let n = 0; n < maxBytes; n++) {
    const byte = bytes[at + n]
    if (byte === undefined) return -1
    unsigned += (byte & 0x7f) * scale
    if (byte < 0x80) {
      if (byte === 0 && n > 0) return -1
      varint.value = unsigned % 2 === 0 ? unsigned / 2 : -(unsigned + 1) / 2
      return at + n + 1
    }
    scale *= 128
  }
  return -1
}

function walkInt(bytes: Buffer, at: number): number {
  const end = walkVarint(bytes, at, 5)
  return end < 0 || varint.value > 0x7fffffff || varint.value < -0x80000000 ? -1 : end
}

/** Eight bytes carry 56 bits, of which a double holds 53; what is rounded is beyond the limit all the same. */
function walkLong(bytes: Buffer, at: number): number {
  const end = walkVarint(bytes, at, MAX_LONG_BYTES)
  return end < 0 || Math.abs(varint.value) > LIMITS.long ? -1 : end
}

function walkBytes(bytes: Buffer, at: number): number {
  const start = walkLong(bytes, at)
  if (start < 0 || varint.value < 0 || varint.value > bytes.length - start) return -1
  return start + varint.value
}

function walkString(bytes: Buffer, at: number): number {
  const end = walkBytes(bytes, at)
  if (end < 0) return -1
  return isUtf8(bytes.subarray(end - varint.value, end)) ? end : -1
}

function walkArray(items: Walk): Walk {
  return (bytes, at) => {
    let end = walkLong(bytes, at)
    if (end < 0) return -1
    const count = varint.value
    if (count === 0) return end
    if (count < 0 || count > bytes.length - end) return -1
    for (let i = 0; i < count; i++) {
      end = items(bytes, end)
      if (end < 0) return -1
    }
    return bytes[end] === 0 ? end + 1 : -1
  }
}

const PRIMITIVES: Record<string, Walk> = {
  null: (_bytes, at) => at,
  int: walkInt,
  long: walkLong,
  string: walkString,
  bytes: walkBytes,
}

interface Node {
  type: string
  name?: string
  namespace?: string
  size?: number
  symbols?: string[]
  items?: Avro
  fields?: { type: Avro }[]
}

/** Makes the walk of a schema. Throws on a schema of a kind that our records do not use. */
export function walkOf(schema: Avro, named = new Map<string, Walk>()): Walk {
  if (typeof schema === 'string') {
    const walk = PRIMITIVES[schema] ?? named.get(schema)
    if (walk === undefined) throw new RangeError(`no canonical form is known for the Avro type '${schema}'`)
    return walk
  }
  if (Array.isArray(schema)) return walkChoice(schema.map((branch: Avro) => walkOf(branch, named)))
  const node = schema as unknown as Node
  const walk = walkNode(node, named)
  if (node.name !== undefined) named.set(`${node.namespace}.${node.name}`, walk)
  return walk
}

function walkNode(node: Node, named: Map<string, Walk>): Walk {
  switch (node.type) {
    case 'fixed': {
      const size = node.size ?? 0
      return (bytes, at) => (at + size <= bytes.length ? at + size : -1)
    }
    case 'enum':
      return walkChoice((node.symbols ?? []).map(() => (_bytes: Buffer, at: number) => at))
    case 'array':
      return walkArray(walkOf(node.items ?? '', named))
    case 'record':
      return walkRecord((node.fields ?? []).map((field) => walkOf(field.type, named)))
    default:
      throw new RangeError(`no canonical form is known for the Avro type '${node.type}'`)
  }
}

function walkRecord(fields: readonly Walk[]): Walk {
  return (bytes, at) => {
    let end = at
    for (const field of fields) {
      end = field(bytes, end)
      if (end < 0) return -1
    }
    return end
  }
}

function walkChoice(branches: readonly Walk[]): Walk {
  return (bytes, at) => {
    const end = walkLong(bytes, at)
    if (end < 0) return -1
    const branch = branches[varint.value]
    return branch === undefined ? -1 : branch(bytes, end)
  }
}

/** The ends of an array's items: `undefined` unless `bytes` from `at` on are just one canonical, non-empty array of `items`. */
export function itemEnds(bytes: Buffer, at: number, items: Walk, maxItems: number): number[] | undefined {
  let end = walkLong(bytes, at)
  const count = varint.value
  if (end < 0 || count < 1 || count > maxItems) return undefined
  const ends = [end]
  for (let i = 0; i < count; i++) {
    end = items(bytes, end)
    if (end < 0) return undefined
    ends.push(end)
  }
  return bytes[end] === 0 && end + 1 === bytes.length ? ends : undefined
}

/** The items of the array of `bytes` that begins at `at` and ends with the buffer, as slices of it; undefined where it is not canonical. */
export function sliceItems(bytes: Buffer, at: number): Buffer[] | undefined {
  let end = walkLong(bytes, at)
  const count = varint.value
  if (end < 0 || count < 0 || count > bytes.length - end) return undefined
  const items: Buffer[] = []
  for (let i = 0; i < count; i++) {
    end = walkBytes(bytes, end)
    if (end < 0) return undefined
    items.push(bytes.subarray(end - varint.value, end))
  }
  if (count > 0 && bytes[end++] !== 0) return undefined
  return end === bytes.length ? items : undefined
}
