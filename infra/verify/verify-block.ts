import { equalBytes, hex } from '../../schemas/bytes.js'
import { faultOfCode } from '../../schemas/faults.js'
import type { Hash } from '../../schemas/hash.js'
import type { JudgeContext } from '../../schemas/judge.js'
import { LIMITS } from '../../schemas/limits.js'
import type { Header, NotCounted } from '../../schemas/records.js'
import { sourceEpochOf } from '../../schemas/registry/governance-rules.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { type BlockJudgement, judgeBlock } from '../chain/judge-block.js'
import type { Finalized } from '../chain/lane-reader.js'
import type { MeterStates } from '../chain/meter-states.js'
import type { HeldReadings } from './held-readings.js'

/** What is wrong with a final block. */
export interface BlockWrong {
  readonly entry?: number
  readonly reason: string
}

/** The registry’s roots at the sizes that blocks name: neighbours mostly name the same. */
export class RegistryRoots {
  #size = -1
  #root: Hash | undefined

  constructor(private readonly registry: RegistryState) {}

  at(size: number): Hash | undefined {
    if (size !== this.#size) {
      this.#root = this.registry.rootAt(size)
      this.#size = size
    }
    return this.#root
  }
}

export interface BlockContext {
  readonly registry: RegistryState
  readonly roots: RegistryRoots
  readonly states: MeterStates
  readonly readings: HeldReadings
  readonly verify: JudgeContext['verify']
}

/** Whether the registry state that a block names is the registry’s. */
export function wrongRoot(
  { registrySize, registryRoot }: Header,
  registry: RegistryState,
  roots: RegistryRoots,
): BlockWrong | undefined {
  if (registrySize > registry.size) {
    return { reason: `it names a registry of ${registrySize} events, and the topic holds ${registry.size} that count` }
  }
  const root = roots.at(registrySize)
  if (root !== undefined && equalBytes(root, registryRoot)) return undefined
  const found = root === undefined ? 'none' : hex(root)
  return { reason: `its registry root ${hex(registryRoot)} is not that of size ${registrySize}, ${found}` }
}

/** The same of its source epoch too. */
export function wrongRegistry({ header }: Finalized, { registry, roots }: BlockContext): BlockWrong | undefined {
  const wrong = wrongRoot(header, registry, roots)
  if (wrong !== undefined) return wrong
  const epoch = sourceEpochOf(registry.governanceAt(header.registrySize), header.lane)
  if (header.sourceEpoch === epoch) return undefined
  return { reason: `its source epoch is ${header.sourceEpoch}, the registry says ${epoch}` }
}

/** A single record is taken whatever it holds, or nothing could ever cover it. */
export function wrongSize({ header, blockBytes }: Finalized, { readings }: BlockContext): BlockWrong | undefined {
  if (blockBytes.length > LIMITS.blockBytes) return { reason: `${blockBytes.length} bytes are more than ${LIMITS.blockBytes}` }
  if (header.count <= LIMITS.entriesPerBlock || readings.lastRecords < 2) return undefined
  return { reason: `${header.count} entries are more than ${LIMITS.entriesPerBlock}, of ${readings.lastRecords} records` }
}

/** Judges every entry again and compares with the final verdict. */
export async function verifyVerdict(
  { lane, header, block, notCounted }: Finalized,
  { registry, states, verify }: BlockContext,
): Promise<{ judgement: BlockJudgement; wrong: BlockWrong | undefined }> {
  const source = { lane, registry, registrySize: header.registrySize, meterState: (meter: string) => states.get(meter) }
  const judgement = await judgeBlock(block.entries, source, verify)
  return { judgement, wrong: verdictDifference(notCounted, judgement.notCounted) }
}

const said = (code: number | undefined): string =>
  code === undefined ? 'counts it' : `does not count it (${faultOfCode(code)?.name ?? `code ${code}`})`

/** The first entry on which two verdicts differ; both are in rising order. */
export function verdictDifference(final: readonly NotCounted[], derived: readonly NotCounted[]): BlockWrong | undefined {
  const finals = new Map(final.map(({ entry, code }) => [entry, code]))
  const deriveds = new Map(derived.map(({ entry, code }) => [entry, code]))
  const differs = [...finals.keys(), ...deriveds.keys()].filter((entry) => finals.get(entry) !== deriveds.get(entry))
  if (differs.length === 0) return undefined
  const entry = differs.reduce((least, each) => Math.min(least, each))
  return {
    entry,
    reason: `the final verdict ${said(finals.get(entry))}; derived again, the verdict ${said(deriveds.get(entry))}`,
  }
}

/** How many entries a verdict leaves out, by the name of the fault. */
export function countFaults(notCounted: readonly NotCounted[], totals: Record<string, number>): void {
  for (const { code } of notCounted) {
    const name = faultOfCode(code)?.name ?? `code ${code}`
    totals[name] = (totals[name] ?? 0) + 1
  }
}
