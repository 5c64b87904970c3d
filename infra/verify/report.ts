/** What a verification found, for people and as JSON. */
import { describeFault } from './fault.js'
import { describeSkip, type Skip } from './skips.js'
import type { VerifyResult } from './verify.js'
import type { CheckpointReport } from './verify-checkpoints.js'
import type { LaneReport } from './verify-lane.js'

/** By what the chain was known to be the right one. */
export type Trust = 'genesis file' | 'chain id' | 'first genesis in the topic'

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)

export function resultLines({ fault, summary }: VerifyResult, trust: Trust): string[] {
  const { chainId, network, lanes, checkpoint, registryEvents, skipped, seconds } = summary
  const entries = sum(lanes.map((each) => each.entries))
  const counted = sum(lanes.map((each) => each.counted))
  return [
    ...(chainId === undefined ? [] : [`chain ${chainId} (${network}), trusted by: ${trust}`]),
    ...lanes.map(laneLine),
    ...(checkpoint === undefined ? [] : [checkpointLine(checkpoint)]),
    `registry: ${registryEvents} events`,
    `blocks: ${sum(lanes.map((each) => Number(each.height)))}, votes: ${sum(lanes.map((each) => each.votes))}`,
    `entries: ${entries}, of which ${counted} count and ${entries - counted} do not${faultsText(lanes)}`,
    ...Object.entries(skipped).map(([reason, count]) => `skipped or not vouched for: ${count} of ${reason.replace(' ', ': ')}`),
    fault === undefined ? `verified in ${seconds.toFixed(1)} s` : `FAULT: ${describeFault(fault)}`,
  ]
}

function laneLine({ lane, height, hash, readingsFrom, unsettled }: LaneReport): string {
  const compared = readingsFrom === undefined ? 'no longer held, not compared' : `compared from offset ${readingsFrom} on`
  const others = unsettled === 0 ? '' : `, ${unsettled} candidates did not become final`
  return `lane ${lane}: height ${height}, block ${hash}, readings ${compared}${others}`
}

function checkpointLine({ size, root, signers }: CheckpointReport): string {
  if (size === 0) return 'checkpoint: none yet'
  return `checkpoint: ${size} blocks, root ${root}, signed by ${signers.length === 0 ? 'nobody yet' : signers.join(', ')}`
}

function faultsText(lanes: readonly LaneReport[]): string {
  const totals = Object.entries(faultTotals(lanes))
  return totals.length === 0 ? '' : ` (${totals.map(([name, count]) => `${name} ${count}`).join(', ')})`
}

function faultTotals(lanes: readonly LaneReport[]): Record<string, number> {
  const totals: Record<string, number> = {}
  for (const { notCounted } of lanes)
    for (const [name, count] of Object.entries(notCounted)) totals[name] = (totals[name] ?? 0) + count
  return totals
}

/** Heights and offsets as numbers, which hold them exactly. `skips`: the first of them; the summary counts all. */
export function resultJson({ fault, summary }: VerifyResult, trust: Trust, skips: readonly Skip[]): string {
  const { lanes } = summary
  const totals = {
    blocks: sum(lanes.map((each) => Number(each.height))),
    entries: sum(lanes.map((each) => each.entries)),
    counted: sum(lanes.map((each) => each.counted)),
    votes: sum(lanes.map((each) => each.votes)),
    notCounted: faultTotals(lanes),
  }
  const failed = fault === undefined ? {} : { fault: { ...fault, text: describeFault(fault) } }
  const report = {
    ok: fault === undefined,
    trust,
    ...failed,
    ...summary,
    totals,
    skips: skips.map((each) => ({ ...each, text: describeSkip(each) })),
  }
  return JSON.stringify(report, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value))
}
