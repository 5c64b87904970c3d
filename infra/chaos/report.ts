/** What a run of faults came to, for people and for programs. Pure. */
import { FAULTS } from './faults.js'

export interface HealedFault {
  readonly kind: string
  /** From the fault (of an outage: from its end) until the whole line went on and that fault was healed. */
  readonly millis: number
}

export interface ChaosResult {
  readonly seed: number
  readonly seconds: number
  readonly healed: readonly HealedFault[]
  /** Readings: that the door acknowledged, that count in the log, that stand in the tables. */
  readonly acknowledged: number
  readonly final: number
  readonly visible: number
  /** Acknowledged readings that do not count; readings that count twice. */
  readonly lost: number
  readonly twice: number
  /** Blocks on which honest authorities accepted different verdicts. */
  readonly contradicted: number
}

interface Healing {
  readonly count: number
  readonly medianHealedMillis: number
  readonly maxHealedMillis: number
}

/** By kind, those that were injected. */
export function healings(healed: readonly HealedFault[]): Map<string, Healing> {
  const byKind = new Map<string, number[]>()
  for (const { kind, millis } of healed) byKind.set(kind, [...(byKind.get(kind) ?? []), millis])
  return new Map([...byKind].map(([kind, millis]) => [kind, healingOf(millis)]))
}

function healingOf(millis: readonly number[]): Healing {
  const sorted = millis.toSorted((a, b) => a - b)
  return {
    count: sorted.length,
    medianHealedMillis: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0,
    maxHealedMillis: sorted.at(-1) ?? 0,
  }
}

/** Nothing lost, nothing twice, log and tables alike, all honest authorities of one mind. */
export const isRight = ({ lost, twice, contradicted, final, visible }: ChaosResult): boolean =>
  lost === 0 && twice === 0 && contradicted === 0 && final === visible

/** The last line on stdout. */
export function resultJson(result: ChaosResult): string {
  const { healed, seconds, ...rest } = result
  const faults = Object.fromEntries(healings(healed))
  const counts = { injected: healed.length, repaired: healed.length }
  return JSON.stringify({ ...rest, seconds: Number(seconds.toFixed(1)), ...counts, faults, verified: isRight(result) })
}

/** A row a fault, in Markdown, for ARCHITECTURE.md. */
export function healingTable(healed: readonly HealedFault[]): string {
  const found = healings(healed)
  const rows = FAULTS.flatMap(({ kind, meaning }) => {
    const healing = found.get(kind)
    if (healing === undefined) return []
    const seconds = (millis: number) => `${(millis / 1_000).toFixed(1)} s`
    return [`| ${meaning} | ${healing.count} | ${seconds(healing.medianHealedMillis)} | ${seconds(healing.maxHealedMillis)} |`]
  })
  return ['| fault | times | healed after (median) | at the latest |', '|---|---|---|---|', ...rows].join('\n')
}
