import { isDeepStrictEqual } from 'node:util'
import { beforeAll, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { type TestChain, variedChain } from '../testing/chain.js'
import { isFull } from '../testing/full.js'
import { copyLog, flipAt, type Place, placesOf, rewrite } from '../testing/log-copies.js'
import type { MemoryLog } from '../testing/memory-log.js'
import { isThorough } from '../testing/thorough.js'
import { describeFault } from './fault.js'
import { describeSkip, type Skip } from './skips.js'
import { type Tips, tipsOf } from './tips.js'
import { type VerifyResult, verify } from './verify.js'

const PARTITIONS = { registry: 1, readings: 2, chain: 2 } as const
let chain: TestChain
let tips: Tips
let places: Place[]
/** What is named in the chain as it is. */
let usual: string[]

interface Verified extends VerifyResult {
  readonly skips: Skip[]
}

async function verifyLog(source: MemoryLog, expectTips?: Tips): Promise<Verified> {
  const skips: Skip[] = []
  const result = await verify({ source, chainId: chain.chainId, expectTips, onSkipped: (skip) => skips.push(skip) })
  return { ...result, skips }
}

const copyOf = (): MemoryLog => copyLog(chain.log, PARTITIONS)
const covers = (skip: Skip, { topic, partition }: Place, offset: bigint) =>
  skip.topic === topic && skip.partition === partition && skip.from <= offset && offset <= skip.to
const show = ({ fault, skips }: Verified) => `${fault ? describeFault(fault) : 'no fault'}; ${skips.map(describeSkip).join('; ')}`

/** A fault “at the right place”: in the lane of the record, or in the registry that every lane stands on. */
function isAtPlace({ fault }: Verified, { topic, partition }: Place): boolean {
  if (fault === undefined) return false
  return topic === 'registry' || (fault.lane === partition && fault.height !== undefined)
}

beforeAll(async () => {
  chain = variedChain()
  // What no block covers yet is part of a log too.
  chain.send(1)
  places = placesOf(chain.log, PARTITIONS)
  const result = await verifyLog(copyOf())
  expect(result.fault).toBeUndefined()
  tips = tipsOf(result.summary.lanes)
  usual = result.skips.map(describeSkip)
})

async function checkFlip(place: Place, bit: number): Promise<void> {
  const log = copyOf()
  if (!flipAt(log, place, bit)) return
  const where = `${place.topic}/${place.partition} record ${place.index} bit ${bit}`
  const offset = log.records(place.topic, place.partition)[place.index]?.offset ?? -1n
  const alone = await verifyLog(log)
  const isNamed = alone.skips.some((skip) => covers(skip, place, offset))
  if (!isAtPlace(alone, place) && !isNamed) throw new Error(`${where} passed: ${show(alone)}`)
  const found = tipsOf(alone.summary.lanes)
  if (alone.fault !== undefined || isDeepStrictEqual(found, tips)) return
  const expected = await verifyLog(log, tips)
  if (expected.fault === undefined) throw new Error(`${where} passed against the expected tips: ${JSON.stringify(found)}`)
}

test('a bit changed in any record: the verification fails there, or names the record', async () => {
  let seed = 20_261
  for (const place of places.filter((_, index) => isThorough || index % 8 === 0)) {
    for (let round = 0; round < (isFull ? 2 : 1); round++) {
      seed = (seed * 48_271) % 0x7fffffff
      await checkFlip(place, seed)
    }
  }
}, 120_000)

test('a bit changed in the prefix by which other tools find the schema is named too', async () => {
  for (const place of places.filter((_, index) => index % (isThorough ? 4 : 16) === 0))
    await checkFlip(place, 8 + (place.index % 32))
}, 120_000)

test('any bit of any record', async () => {
  const anyFlip = fc.record({ place: fc.nat(places.length - 1), bit: fc.nat() })
  await fc.assert(
    fc.asyncProperty(anyFlip, async ({ place, bit }) => {
      const at = places[place]
      if (at !== undefined) await checkFlip(at, bit)
    }),
    { numRuns: isFull ? 60 : isThorough ? 30 : 10 },
  )
}, 120_000)

test.each(['removed', 'repeated', 'swapped with the next'] as const)(
  'a record %s: the end is the expected one, or the verification fails',
  async (kind) => {
    // Half of the places, for time: those of each kind are among them.
    for (const place of places.filter((_, index) => index % (isThorough ? (kind === 'removed' ? 1 : 2) : 8) === 0)) {
      const log = copyOf()
      rewrite(log, place, (records) => {
        const [record, next] = [records[place.index], records[place.index + 1]]
        if (record === undefined) return
        if (kind === 'removed') records.splice(place.index, 1)
        else if (kind === 'repeated') records.splice(place.index, 0, record)
        else if (next !== undefined) records.splice(place.index, 2, next, record)
      })
      const result = await verifyLog(log, tips)
      if (result.fault === undefined) expect({ place, tips: tipsOf(result.summary.lanes) }).toEqual({ place, tips })
      else expect(describeFault(result.fault)).toMatch(/lane|registry/)
    }
  },
  120_000,
)

test('in the chain as it is only late votes, readings that no block covers yet and a stranger’s garbage are named', () => {
  expect(usual.length).toBeGreaterThan(0)
  for (const line of usual) expect(line).toMatch(/not-final|no-such-candidate|schema-id: carries no schema id/)
})
