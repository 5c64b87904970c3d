import { expect, test } from '@jest/globals'
import { Registry } from 'prom-client'
import type { Finalized } from '../infra/chain/lane-reader.js'
import { TestLane } from '../infra/testing/final-blocks.js'
import { testRegistry } from '../infra/testing/registry.js'
import type { NotCounted, Repair } from '../schemas/records.js'
import { Disagreements, difference } from './disagreement.js'

const none: NotCounted[] = []

test('how two verdicts differ is said in words: the first entries, and how many', () => {
  expect(difference([{ entry: 1, code: 5 }], [{ entry: 1, code: 5 }])).toBeUndefined()
  expect(difference(none, [{ entry: 4, code: 5 }])).toBe('one entry differs; entry 4: final bad-signature, here counts')
  const many = [1, 2, 3, 9].map((entry) => ({ entry, code: 30 }))
  expect(difference([{ entry: 1, code: 7 }], many)).toBe(
    '4 entries differ; entry 1: final code 30, here broken-link; entry 2: final code 30, here counts; entry 3: final code 30, here counts',
  )
})

test('a lane whose final verdicts differ is told once, is not ready, and is told again when they agree', async () => {
  const registry = new Registry()
  const told: Repair[] = []
  const disagreements = new Disagreements(registry, 'authority-1', async (event) => void told.push(event))
  const lane = new TestLane(testRegistry({ lanes: 1 }), 0)
  const next = (notCounted: NotCounted[] = []): Finalized => lane.finalize([Buffer.from('x')], notCounted)

  await disagreements.note(next(), none, [])
  await disagreements.note(next(), undefined, [])
  expect([told, disagreements.readiness()]).toEqual([[], { ready: true }])

  await disagreements.note(next([{ entry: 0, code: 5 }]), none, [])
  await disagreements.note(next(), undefined, [{ entry: 0, fault: 'broken-link' }])
  await disagreements.note(next(), undefined, [])
  expect(disagreements.readiness()).toEqual({
    ready: false,
    why: 'other verdicts are final than are found here: lane 0 since height 3. See topic repairs',
  })
  await disagreements.note(next(), none, [])
  expect(disagreements.readiness()).toEqual({ ready: true })
  expect(told).toMatchObject([
    {
      ...{
        id: 'rebuild/verdict/authority-1/0/3',
        kind: 'rebuild',
        status: 'requested',
        fault: 'other-verdict',
        tookMillis: null,
      },
      detail: 'height 3: one entry differs; entry 0: final bad-signature, here counts. The final verdict was taken over',
    },
    { id: 'rebuild/verdict/authority-1/0/3', status: 'completed', tookMillis: expect.any(Number), lane: 0 },
  ])
  expect(await registry.metrics()).toContain('meterchain_verdict_differences_total 2')
})

test('where nothing was judged here, entries that count and could not are told', async () => {
  const told: Repair[] = []
  const disagreements = new Disagreements(new Registry(), 'b', async (event) => void told.push(event))
  const block = new TestLane(testRegistry({ lanes: 1 }), 0).finalize([Buffer.from('x')])
  await disagreements.note(block, undefined, [{ entry: 0, fault: 'malformed' }])
  expect(told[0]?.detail).toContain('one entry differs; entry 0: final counts, here malformed')
})
