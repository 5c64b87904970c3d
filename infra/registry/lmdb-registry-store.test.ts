import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { EMPTY_ROOT } from '../../schemas/merkle.js'
import { decodeRegistryEvent } from '../../schemas/records.js'
import { RegistryState } from '../../schemas/registry/state.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { applyEvent, enrolTestMeters, testGenesis, testMeter, testRegistry } from '../testing/registry.js'
import { eventOf, everythingOf, step } from '../testing/registry-arbitraries.js'
import { cases } from '../testing/thorough.js'
import { LmdbRegistryStore } from './lmdb-registry-store.js'

let folder: string
const stores: LmdbRegistryStore[] = []

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'registry-store-'))
})
afterEach(async () => {
  for (const store of stores.splice(0)) await store.close()
  await rm(folder, { recursive: true })
})

function openStore(name = 'store', cachedMeters?: number): LmdbRegistryStore {
  const store = new LmdbRegistryStore(join(folder, name), cachedMeters === undefined ? {} : { cachedMeters })
  stores.push(store)
  return store
}
async function reopen(store: LmdbRegistryStore, name = 'store'): Promise<LmdbRegistryStore> {
  stores.splice(stores.indexOf(store), 1)
  await store.close()
  return openStore(name)
}

test('disk and memory fold any log to the same state, also after it was opened again', async () => {
  let run = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
      const name = `run-${run++}`
      const store = openStore(name, 2)
      const disk = new RegistryState(store, sodiumSignatures)
      disk.apply(decodeRegistryEvent(testGenesis({ authorities: 4 })))
      const memory = testRegistry({ authorities: 4 }).state
      for (const each of steps) {
        const event = eventOf(memory, each)
        expect(disk.apply(event)).toEqual(memory.apply(event))
        expect(disk.root).toEqual(memory.root)
      }
      expect(everythingOf(disk)).toEqual(everythingOf(memory))
      const again = new RegistryState(await reopen(store, name), sodiumSignatures)
      expect(everythingOf(again)).toEqual(everythingOf(memory))
      expect(again.chainId).toEqual(memory.chainId)
    }),
    cases(25, 2),
  )
})

test('a transaction that throws leaves disk and memory as they were', async () => {
  const store = openStore()
  const { state, authorityKeys } = testRegistry({ meters: 2, store })
  const before = everythingOf(state)
  expect(() =>
    store.transaction(() => {
      enrolTestMeters(state, authorityKeys, [testMeter('m1')])
      applyEvent(state, { kind: 'SetRules', rules: 2 }, authorityKeys)
      expect([store.meter('m1')?.ordinal, store.size(), store.governance().length]).toEqual([3, 4, 2])
      throw new Error('on purpose')
    }),
  ).toThrow('on purpose')
  expect(everythingOf(state)).toEqual(before)
  expect(store.meter('m1')).toBeUndefined()
  expect(everythingOf(new RegistryState(await reopen(store), sodiumSignatures))).toEqual(before)
})

test('a meter’s new facts are seen at once, though it was cached', () => {
  const { state, authorityKeys } = testRegistry({ meters: 1, store: openStore() })
  expect(state.meterAt('meter-1', 2)?.isRetired(9)).toBe(false)
  applyEvent(state, { kind: 'RetireMeter', meter: 'meter-1', fromSequence: 9 }, authorityKeys)
  expect(state.meterAt('meter-1', 3)?.isRetired(9)).toBe(true)
})

test('any text may be asked for as a meter', () => {
  const store = openStore()
  for (const id of ['', 'nobody', '\0', '\ud800', 'x'.repeat(1_000_000)]) expect(store.meter(id)).toBeUndefined()
})

test('the cursor is kept with its anchor', () => {
  const store = openStore()
  expect(store.cursor()).toBeUndefined()
  store.setCursor({ next: 2n ** 60n })
  expect(store.cursor()).toEqual({ next: 2n ** 60n })
  store.setCursor({ next: 6n, anchor: { offset: 5n, hash: EMPTY_ROOT } })
  store.setCursor({ next: 7n })
  expect(store.cursor()).toEqual({ next: 7n, anchor: { offset: 5n, hash: EMPTY_ROOT } })
})
