import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { type EventContent, encodeRegistryEvent } from '../../schemas/records.js'
import { MemoryRegistryStore } from '../../schemas/registry/memory-store.js'
import { RegistryState } from '../../schemas/registry/state.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { testEvent, testRegistry } from '../testing/registry.js'
import { everythingOf } from '../testing/registry-arbitraries.js'
import { LmdbRegistryStore } from './lmdb-registry-store.js'
import { foldRegistry, RegistryLog, RegistryMismatchError, type RegistryRecord } from './registry-log.js'

let folder: string
let store: LmdbRegistryStore

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registry-log-'))
  store = new LmdbRegistryStore(folder)
})
afterEach(async () => {
  await store.close()
  await rm(folder, { recursive: true })
})

/** A log: the genesis, garbage, and rules 2 to 4. */
function sampleLog(): RegistryRecord[] {
  const { state, genesis, authorityKeys } = testRegistry()
  const values: (Buffer | null)[] = [genesis, null, Buffer.from('garbage')]
  for (const rules of [2, 3, 4]) {
    const content: EventContent = { kind: 'SetRules', rules }
    const event = testEvent(state, content, authorityKeys)
    state.apply(event)
    values.push(encodeRegistryEvent(event))
  }
  return values.map((value, index) => ({ offset: BigInt(index), value }))
}
const open = () => new RegistryLog(store, new RegistryState(store, sodiumSignatures), folder)

test('goes on after each record as if it had never stopped, beginning at the last that counted', async () => {
  const records = sampleLog()
  for (let upTo = 1; upTo <= records.length; upTo++) {
    const log = open()
    const again = records.filter(({ offset }) => offset >= log.from && offset < upTo)
    const results = again.map((record) => log.take(record))
    expect(results.slice(0, -1).every((result) => result?.counted !== true)).toBe(true)
    expect(results.at(-1)).toBeDefined()
    expect(log.isConfirmed).toBe(true)
    expect(log.next).toBe(BigInt(upTo))
  }
  const memory = new RegistryState(new MemoryRegistryStore(), sodiumSignatures)
  const skipped: bigint[] = []
  async function* source() {
    yield* records
  }
  const totals = await foldRegistry(source(), memory, (offset) => skipped.push(offset))
  expect(totals).toEqual({ counted: 4, skipped: 2 })
  expect(skipped).toEqual([1n, 2n])
  expect(everythingOf(new RegistryState(store, sodiumSignatures))).toEqual(everythingOf(memory))
})

test('events that stand where garbage stood, since the topic was made again from a replica, are not passed over', () => {
  const [genesis, none, garbage, ...events] = sampleLog().map(({ value }) => value)
  const before = open()
  for (const [index, value] of [genesis, none, garbage].entries()) before.take({ offset: BigInt(index), value: value ?? null })
  expect(before.next).toBe(3n)
  const log = open()
  const again = [genesis, ...events, none, garbage].map((value, index) => ({ offset: BigInt(index), value: value ?? null }))
  log.checkRange(0n, BigInt(again.length))
  const counted = again.map((record) => log.take(record)).filter((applied) => applied?.counted)
  expect([counted.length, log.next]).toEqual([events.length, BigInt(again.length)])
})

test('a topic that does not hold what was folded is told from one that does', () => {
  const records = sampleLog()
  const first = open()
  expect(first.from).toBe(0n)
  first.checkRange(0n, 0n)
  expect(() => first.checkRange(1n, 9n)).toThrow(/restore the topic/)
  for (const record of records) first.take(record)
  const log = open()
  expect([log.from, log.next, log.isConfirmed]).toEqual([5n, 6n, false])
  log.checkRange(0n, 6n)
  expect(() => log.checkRange(0n, 5n)).toThrow(RegistryMismatchError)
  expect(() => log.checkRange(6n, 9n)).toThrow(RegistryMismatchError)
  expect(() => log.take({ offset: 5n, value: Buffer.from('another record') })).toThrow(/delete that folder/)
  expect(() => log.take({ offset: 6n, value: records[5]?.value ?? null })).toThrow(RegistryMismatchError)
  expect(log.take(records[5] ?? { offset: 0n, value: null })).toBeUndefined()
  expect(log.isConfirmed).toBe(true)
})

test('the same record behind the prefix of another registry server is the one that was folded', () => {
  const [first] = sampleLog()
  const framed = (id: number) => ({
    offset: 0n,
    value: Buffer.concat([Buffer.from([0, 0, 0, 0, id]), first?.value ?? Buffer.alloc(0)]),
  })
  open().take(framed(3))
  const log = open()
  expect(log.take(framed(7))).toBeUndefined()
  expect(log.isConfirmed).toBe(true)
})
