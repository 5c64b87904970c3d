import fc from 'fast-check'
import type { Avro } from '../../schemas/avsc.js'
import { LIMITS } from '../../schemas/limits.js'

// Any value of an Avro schema as avsc takes it, within the longs that our canonical form allows.

interface Node {
  type: string
  name?: string
  namespace?: string
  size?: number
  symbols?: string[]
  items?: Avro
  fields?: { name: string; type: Avro }[]
}

const PRIMITIVES: Record<string, fc.Arbitrary<unknown>> = {
  null: fc.constant(null),
  int: fc.oneof(fc.integer(), fc.constantFrom(0, 63, 64, -64, -65, 0x7fffffff, -0x80000000)),
  long: fc.oneof(fc.integer({ min: -200, max: 200 }), fc.integer({ min: -LIMITS.long, max: LIMITS.long })),
  string: fc.string({ unit: 'grapheme', maxLength: 12 }),
  bytes: fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
}

export function valuesOf(schema: Avro, named = new Map<string, fc.Arbitrary<unknown>>()): fc.Arbitrary<unknown> {
  if (typeof schema === 'string') {
    const found = PRIMITIVES[schema] ?? named.get(schema)
    if (found === undefined) throw new RangeError(`no values are known for the Avro type '${schema}'`)
    return found
  }
  if (Array.isArray(schema)) return valuesOfUnion(schema, named)
  const node = schema as unknown as Node
  const values = valuesOfNode(node, named)
  if (node.name !== undefined) named.set(`${node.namespace}.${node.name}`, values)
  return values
}

/** avsc takes records of a union of several by name, and what stands beside null as it is. */
function valuesOfUnion(branches: readonly Avro[], named: Map<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  const hasNull = branches.includes('null')
  return fc.oneof(
    ...branches.map((branch) => {
      const { name, namespace } = branch as unknown as Node
      const values = valuesOf(branch, named)
      return hasNull ? values : values.map((value) => ({ [`${namespace}.${name}`]: value }))
    }),
  )
}

function valuesOfNode(node: Node, named: Map<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  switch (node.type) {
    case 'fixed':
      return fc.uint8Array({ minLength: node.size ?? 0, maxLength: node.size ?? 0 }).map((bytes) => Buffer.from(bytes))
    case 'enum':
      return fc.constantFrom(...(node.symbols ?? []))
    case 'array':
      return fc.array(valuesOf(node.items ?? '', named), { maxLength: 4 })
    default:
      return fc.record(Object.fromEntries((node.fields ?? []).map(({ name, type }) => [name, valuesOf(type, named)])))
  }
}

/** `bytes` with one change that a careless or a hostile writer could make. */
export function mutated(bytes: Buffer): fc.Arbitrary<Buffer> {
  const at = fc.nat(Math.max(0, bytes.length - 1))
  return fc.oneof(
    fc.tuple(at, fc.nat(255)).map(([index, byte]) => splice(bytes, index, 1, [byte])),
    fc.tuple(at, fc.nat(7)).map(([index, bit]) => splice(bytes, index, 1, [(bytes[index] ?? 0) ^ (1 << bit)])),
    fc.tuple(at, fc.nat(255)).map(([index, byte]) => splice(bytes, index, 0, [byte])),
    // A varint made longer by an empty byte.
    at.map((index) => splice(bytes, index, 1, [(bytes[index] ?? 0) | 0x80, 0])),
    at.map((index) => splice(bytes, index, 1, [])),
    at.map((index) => bytes.subarray(0, index)),
    fc.nat(255).map((byte) => Buffer.concat([bytes, Buffer.from([byte])])),
  )
}

const splice = (bytes: Buffer, at: number, remove: number, insert: readonly number[]): Buffer =>
  Buffer.concat([bytes.subarray(0, at), Buffer.from(insert), bytes.subarray(at + remove)])
