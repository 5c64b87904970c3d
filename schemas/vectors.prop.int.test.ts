// Random vectors, judged by the code and by the Python that was written from SPEC.md: what the frozen ones do not happen to hold.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from '@jest/globals'
import avro from 'avsc'
import fc from 'fast-check'
import { mutated, valuesOf } from '../infra/testing/avro-arbitraries.js'
import { step } from '../infra/testing/registry-arbitraries.js'
import { isThorough } from '../infra/testing/thorough.js'
import { billVector } from '../infra/testing/vectors/bills.js'
import { shuffledChainVectors } from '../infra/testing/vectors/chain.js'
import { shuffledCheckpointVectors } from '../infra/testing/vectors/checkpoints.js'
import { frozenText, plain } from '../infra/testing/vectors/frozen.js'
import { type ChainStep, meterChainOf, turnsOf } from '../infra/testing/vectors/hashes.js'
import { randomBill } from '../infra/testing/vectors/random-bills.js'
import { randomRegistryVectors } from '../infra/testing/vectors/registry.js'
import { AVRO_SCHEMAS, type Avro, PART_SCHEMAS } from './avsc.js'
import { walkOf } from './canonical.js'

interface Encoded {
  record: string
  name: string
  bytes: Buffer
  value?: unknown
}

/** Encodings with changes in them, and what the code takes them for. */
function encodings(seed: number): Encoded[] {
  return Object.entries<Avro>({ ...AVRO_SCHEMAS, ...PART_SCHEMAS }).flatMap(([record, schema]) => {
    const type = avro.Type.forSchema(schema as avro.Schema)
    const walk = walkOf(schema)
    const good = valuesOf(schema).map((value) => type.toBuffer(value))
    const any = fc.oneof(
      good,
      good.chain(mutated),
      fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes)),
    )
    return fc.sample(any, { seed, numRuns: 200 }).map((bytes, index): Encoded => {
      const isCanonical = walk(bytes, 0) === bytes.length
      return { record, name: `number ${index}`, bytes, ...(isCanonical && { value: plain(type.fromBuffer(bytes)) }) }
    })
  })
}

const sequence = fc.integer({ min: 1, max: 24 })
const chainStep: fc.Arbitrary<ChainStep> = fc.oneof(
  { arbitrary: sequence, weight: 8 },
  { arbitrary: fc.record({ forged: sequence }), weight: 1 },
  { arbitrary: fc.record({ reset: sequence, since: fc.integer({ min: 1, max: 9 }) }), weight: 1 },
)
const weights = fc
  .array(fc.oneof(fc.nat(3), fc.nat(10 ** 10)), { minLength: 1, maxLength: 9 })
  .filter((all) => all.some((each) => each > 0))
const places = fc.array(fc.record({ lane: fc.nat(1023), height: fc.nat(2 ** 52 - 1) }), { minLength: 1, maxLength: 9 })

/** Mostly in order, so that blocks become final; some places again, some late, some never. */
const picksOf = (count: number) =>
  fc
    .array(fc.tuple(fc.integer({ min: -6, max: 6 }), fc.nat(9)), { minLength: count, maxLength: count })
    .map((moves) =>
      moves.flatMap(([move, luck], index) => (luck === 0 ? [] : luck < 3 ? [index, Math.abs(index + move)] : [index])),
    )
const picks = picksOf(60)
const picksOfMore = picksOf(96)

function randomVectors(seed: number): Record<string, unknown> {
  const encoded = encodings(seed)
  const sample = <T>(arbitrary: fc.Arbitrary<T>, numRuns: number): T[] => fc.sample(arbitrary, { seed, numRuns })
  return {
    records: encoded.filter((each) => each.value !== undefined),
    malformed: encoded.filter((each) => each.value === undefined),
    'meter-chain': sample(fc.array(chainStep, { maxLength: 60 }), 60).map((steps, index) =>
      meterChainOf(`number ${index}`, steps),
    ),
    turns: sample(fc.tuple(weights, places), 40).flatMap(([all, where]) => turnsOf(all, where)),
    registry: randomRegistryVectors(
      sample(step, 80).map((each, index) => (index % 4 === 0 ? each : { ...each, signers: [1, 2, 3, 4] })),
    ),
    chain: shuffledChainVectors(sample(picks, 1)[0] ?? []),
    checkpoints: shuffledCheckpointVectors(sample(picksOfMore, 1)[0] ?? []),
    bills: { documents: [], bills: sample(randomBill, 200).map(billVector), proofs: [] },
  }
}

const hasPython = spawnSync('python3', ['--version']).status === 0
const differential = hasPython ? test : test.skip
const promise = 'code and specification agree on random encodings, meters’ chains, turns, registries, logs, checkpoints and bills'
differential(
  `${promise}${hasPython ? '' : ' (skipped: no python3 here)'}`,
  () => {
    const script = fileURLToPath(new URL('vectors/check.py', import.meta.url))
    for (const seed of fc.sample(fc.nat(), isThorough ? 2 : 1)) {
      const folder = mkdtempSync(join(tmpdir(), 'meterchain-vectors-'))
      for (const [name, value] of Object.entries(randomVectors(seed)))
        writeFileSync(join(folder, `${name}.json`), frozenText(value))
      const { status, stderr } = spawnSync('python3', [script, folder], { encoding: 'utf8' })
      rmSync(folder, { recursive: true })
      expect({ seed, status, stderr }).toEqual({ seed, status: 0, stderr: '' })
    }
  },
  120_000,
)
