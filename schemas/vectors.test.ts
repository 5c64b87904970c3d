import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import avro from 'avsc'
import { sodiumSignatures } from '../infra/crypto/sodium.js'
import { MemoryLog } from '../infra/testing/memory-log.js'
import { isThorough } from '../infra/testing/thorough.js'
import { avscFiles, vectorFiles } from '../infra/testing/vectors/all.js'
import { plain } from '../infra/testing/vectors/frozen.js'
import { verify } from '../infra/verify/verify.js'
import { AVRO_SCHEMAS, type Avro, PART_SCHEMAS } from './avsc.js'
import { fromHex, hex } from './bytes.js'
import { walkOf } from './canonical.js'
import { apply, laneGenesis } from './lane-fold.js'
import { decodeChainRecord, decodeRegistryEvent, splitEntries } from './records.js'
import { MemoryRegistryStore } from './registry/memory-store.js'
import { RegistryState } from './registry/state.js'

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8')
const frozen = <T>(name: string): T => JSON.parse(read(`vectors/${name}.json`)) as T
const made = vectorFiles()
const SCHEMAS: Record<string, Avro> = { ...AVRO_SCHEMAS, ...PART_SCHEMAS }

test('schemas/avsc/ holds what schemas/avsc.ts says (npm run schemas writes it)', () => {
  expect(readdirSync(new URL('avsc/', import.meta.url)).sort()).toEqual([...avscFiles().keys()].sort())
  for (const [name, text] of avscFiles()) expect(read(`avsc/${name}`)).toBe(text)
})

describe('the code still makes the frozen vectors of', () => {
  test.each([...made])('%s', (name, text) => {
    expect(text).toBe(read(`vectors/${name}`))
  })
})

describe('each frozen record', () => {
  const cases = frozen<{ record: string; name: string; bytes: string; value: unknown }[]>('records')
  test.each(cases)('$record: $name decodes to its value and encodes to its bytes', ({ record, bytes, value }) => {
    const type = avro.Type.forSchema(SCHEMAS[record] as avro.Schema)
    const raw = fromHex(bytes)
    expect(walkOf(SCHEMAS[record] ?? '')(raw, 0)).toBe(raw.length)
    const decoded = type.fromBuffer(raw)
    expect(plain(decoded)).toEqual(value)
    expect(hex(type.toBuffer(decoded))).toBe(bytes)
  })

  test('stands for every record and every content of an event', () => {
    expect(new Set(cases.map(({ record }) => record))).toEqual(new Set(Object.keys(SCHEMAS)))
    expect(cases.filter(({ record }) => record === 'EventBody')).toHaveLength(15)
  })
})

describe('each frozen encoding that is not canonical is refused', () => {
  test.each(frozen<{ record: string; name: string; bytes: string }[]>('malformed'))('$record: $name', ({ record, bytes }) => {
    const raw = fromHex(bytes)
    expect(walkOf(SCHEMAS[record] ?? '')(raw, 0)).not.toBe(raw.length)
  })
})

interface RegistryRecord {
  name: string
  value: string | null
  counted: boolean
  size: number
  root: string
}
const bytesOf = (value: string | null) => (value === null ? null : fromHex(value))

function foldRegistry(records: readonly RegistryRecord[]): RegistryState {
  const state = new RegistryState(new MemoryRegistryStore(), sodiumSignatures)
  for (const { name, value, counted, size, root } of records) {
    const applied = state.apply(decodeRegistryEvent(bytesOf(value)))
    expect({ name, counted: applied.counted, size: state.size, root: hex(state.root) }).toEqual({ name, counted, size, root })
  }
  return state
}

test('the frozen registry folds from its raw records to its frozen states', () => {
  const { records, chainId } = frozen<{ records: RegistryRecord[]; chainId: string }>('registry')
  expect(hex(foldRegistry(records).chainId)).toBe(chainId)
})

test('the frozen lane folds from its raw records, each to the frozen outcome, and to the frozen final blocks', () => {
  const chain = frozen<{
    lane: number
    registry: RegistryRecord[]
    readings: { value: string | null; entries: string[] }[]
    log: { name: string; value: string | null; outcome: string; reason?: string; state?: { final: unknown } }[]
  }>('chain')
  for (const { value, entries } of chain.readings) expect(splitEntries(bytesOf(value)).map(hex)).toEqual(entries)
  const registry = foldRegistry(chain.registry)
  const authoritiesAt = (size: number) => registry.governanceAt(size)
  const rules = { chainId: registry.chainId, authoritiesAt, verify: sodiumSignatures.verify }
  let lane = laneGenesis(registry.chainId, chain.lane)
  for (const { name, value, outcome, reason, state } of chain.log) {
    const record = decodeChainRecord(bytesOf(value))
    if (record === undefined) {
      expect({ name, outcome }).toEqual({ name, outcome: 'no-record' })
      continue
    }
    const applied = apply(lane, record, rules)
    lane = applied.state
    const why = applied.outcome.kind === 'skipped' ? applied.outcome.reason : undefined
    expect({ name, outcome: applied.outcome.kind, reason: why, final: plain(lane.final) }).toEqual({
      name,
      outcome,
      reason,
      final: state?.final,
    })
  }
  const seen = new Set(chain.log.map(({ outcome, reason }) => reason ?? outcome))
  expect(seen.size).toBe(20)
})

interface CheckpointLine {
  name: string
  value: string | null
  outcome: string
  reason?: string
  isRight?: boolean
  signature?: { by: string; holds: boolean | null; isOfHead: boolean }
  tree: { size: number; root: string }
}

/** As `verify` counts what changed nothing. */
function whyPassedOver({ outcome, reason, signature }: CheckpointLine): string | undefined {
  if (outcome === 'no-record') return 'undecodable'
  if (signature === undefined) return reason
  const { by, holds, isOfHead } = signature
  if (by === 'witness') return 'unverified'
  if (holds === null) return 'unknown-authority'
  if (!holds) return 'bad-signature'
  return isOfHead ? undefined : 'contradiction'
}

function counted(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}

test('the frozen checkpoints are verified up to the first that is wrong and final, and that one is a fault', async () => {
  const { lanes, registry, chain, log, heads } = frozen<{
    lanes: number
    registry: RegistryRecord[]
    chain: { lane: number; values: string[] }[]
    log: CheckpointLine[]
    heads: { height: number; signers: string[] }[]
  }>('checkpoints')
  const reportOf = async (lines: readonly CheckpointLine[]) => {
    const source = new MemoryLog({ registry: 1, readings: lanes, chain: lanes, checkpoints: 1 })
    for (const { value } of registry) source.append('registry', 0, bytesOf(value))
    for (const { lane, values } of chain) for (const value of values) source.append('chain', lane, bytesOf(value))
    for (const { value } of lines) source.append('checkpoints', 0, bytesOf(value))
    const { fault, summary } = await verify({ source })
    return { fault, checkpoint: summary.checkpoint, skipped: summary.skipped }
  }
  const wrong = log.findIndex(({ name }) => name === 'wrong leaves: authority-4')
  const before = log.slice(0, wrong)
  const { size, root } = before.at(-1)?.tree ?? {}
  const { height, signers } = heads[1] ?? {}
  expect(log[wrong]?.isRight).toBe(false)
  expect(height).toBe(2)
  const skipped = counted(before.flatMap((line) => whyPassedOver(line) ?? []).map((reason) => `checkpoints ${reason}`))
  const hasNoPrefix = { 'checkpoints schema-id': 1 }
  expect(await reportOf(before)).toEqual({
    fault: undefined,
    checkpoint: { size, root, signers },
    skipped: { ...skipped, ...hasNoPrefix },
  })
  expect((await reportOf(log)).fault).toMatchObject({ topic: 'checkpoints', height: 3n, offset: BigInt(wrong) })
})

const hasPython = isThorough && spawnSync('python3', ['--version']).status === 0
const why = hasPython ? '' : isThorough ? ' (skipped: no python3 here)' : ' (skipped in daily work: 2 s)'
const independent = hasPython ? test : test.skip
independent(
  `SPEC.md alone is enough: a reader in another language verifies every vector${why}`,
  () => {
    const script = fileURLToPath(new URL('vectors/check.py', import.meta.url))
    const { status, stdout, stderr } = spawnSync('python3', [script], { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/^all vectors hold/m)
  },
  60_000,
)
