/** `meterchain registry check FILE`: the dry run, for people. */
import { recoverLanes } from '../../../chainer/recover.js'
import { hex } from '../../../schemas/bytes.js'
import { turnOrder } from '../../../schemas/consensus/turns.js'
import type { RegistryState } from '../../../schemas/registry/state.js'
import type { GovernanceState } from '../../../schemas/registry/store.js'
import { sodiumSignatures } from '../../crypto/sodium.js'
import { type DryRun, dryRun, quorumWeight, type Tally, tolerated } from '../../registry/dry-run.js'
import { assertUsable, type Proposal, readProposal } from '../../registry/proposal-file.js'
import { eventSummary, readableContent } from '../../registry/readable-event.js'
import type { Runtime } from '../../stage-runtime.js'
import { table } from '../table.js'
import { meterFacts, meterLines } from './meter.js'
import { print, withRegistry } from './session.js'

export interface CheckOptions {
  heights: number
  json?: boolean
}

/** Turn orders shown to people: more lanes say nothing new. */
const LANES_SHOWN = 4

export async function checkProposal(file: string, { heights, json }: CheckOptions): Promise<void> {
  const proposal = await readProposal(file)
  await withRegistry(async (state, runtime) => {
    assertUsable(proposal, state)
    const run = dryRun(state, proposal)
    const turns = await turnChanges(state, run, runtime, heights)
    print(json, checkJson(state, proposal, run, turns), () => checkLines(state, proposal, run, turns))
    if (!run.counts) process.exitCode = 1
  })
}

interface TurnChange {
  readonly lane: number
  readonly height: number
  readonly before: readonly string[]
  readonly after: readonly string[]
}

async function turnChanges(state: RegistryState, { changes }: DryRun, runtime: Runtime, heights: number): Promise<TurnChange[]> {
  const after = changes?.governance
  if (after === undefined) return []
  const before = state.governanceAt(state.size)
  const lanes = Array.from({ length: state.lanes }, (_, lane) => lane)
  const tips = await recoverLanes(lanes, { ...runtime, verify: sodiumSignatures.verify })
  return lanes.flatMap((lane) =>
    Array.from({ length: heights }, (_, ahead) => {
      const height = (tips.get(lane)?.final.height ?? 0n) + 1n + BigInt(ahead)
      const order = (set: GovernanceState) => turnOrder(set, { chainId: state.chainId, lane, height })
      return { lane, height: Number(height), before: order(before), after: order(after) }
    }),
  )
}

const governanceJson = (governance: GovernanceState, total = quorumOf(governance)) => ({
  consensus: governance.consensus,
  rules: governance.rules,
  sourceEpochs: governance.sourceEpochs,
  authorities: governance.authorities.map(({ id, key, weight }) => ({ id, key: hex(key), weight })),
  ...total,
})

function quorumOf(governance: GovernanceState) {
  const totalWeight = governance.authorities.reduce((sum, { weight }) => sum + weight, 0)
  return { totalWeight, neededWeight: quorumWeight(totalWeight), toleratedWeight: tolerated(governance) }
}

function checkJson(state: RegistryState, { body }: Proposal, run: DryRun, turns: readonly TurnChange[]) {
  const { holding: _holding, ...tally } = run.tally
  const { governance, meters = [] } = run.changes ?? {}
  return {
    eventId: hex(body.id),
    ...{ content: readableContent(body.content), size: state.size, expiresAtSize: body.expiresAtSize },
    ...{ signatures: tally, refused: run.refused ?? null, counts: run.counts },
    governance: governance && { before: governanceJson(state.governanceAt(state.size)), after: governanceJson(governance) },
    meters: meters.map(([id, record]) => meterFacts(id, record, state.lanes)),
    turns,
  }
}

function checkLines(state: RegistryState, { body }: Proposal, run: DryRun, turns: readonly TurnChange[]): string[] {
  return [
    `${eventSummary(body.content)}`,
    `event ${hex(body.id)}, expires at registry size ${body.expiresAtSize}; the registry holds ${state.size}`,
    '',
    ...tallyLines(run.tally),
    '',
    ...(run.refused === undefined ? changeLines(state, run, turns) : [`the rules say no: ${run.refused}`]),
    '',
    verdictLine(run),
  ]
}

function verdictLine({ counts, refused, tally }: DryRun): string {
  if (counts) return 'it would count if it were submitted now'
  if (refused !== undefined) return 'it would not count: the rules say no'
  return `it would not count yet: ${tally.weight} of ${tally.neededWeight} weight signed`
}

const NEEDS = {
  founders: 'all founders',
  one: 'any one authority',
  'meter-or-quorum': 'the meter’s present key, or authorities of more than 2/3 of the weight',
  quorum: 'authorities of more than 2/3 of the weight',
} as const

/** Who signed, and whether that is enough. */
export function tallyLines({ seen, needs, weight, neededWeight, totalWeight, isEnough }: Tally): string[] {
  return [
    ...seen.map(({ signer, holds, why, weight: each }) => {
      const who = signer === '' ? 'the meter' : signer
      return holds ? `signed by ${who}${signer === '' ? '' : ` (weight ${each})`}` : `a signature of ${who} does not hold: ${why}`
    }),
    `it needs ${NEEDS[needs]}: ${weight} of ${neededWeight} (all together ${totalWeight}) have signed, ${isEnough ? 'which is enough' : 'more must sign'}`,
  ]
}

function changeLines(state: RegistryState, { changes }: DryRun, turns: readonly TurnChange[]): string[] {
  const { governance, meters = [] } = changes ?? {}
  if (governance !== undefined) return [...governanceChange(state.governanceAt(state.size), governance), ...turnLines(turns)]
  if (meters.length === 0) return ['nothing else in the registry changes: the event is kept, and can be looked up']
  return meters.flatMap(([id, record]) => {
    const before = state.store.meter(id)
    return [
      ...(before === undefined ? [] : ['before:', ...meterLines(meterFacts(id, before, state.lanes))]),
      ...['after:', ...meterLines(meterFacts(id, record, state.lanes))],
    ]
  })
}

function governanceChange(before: GovernanceState, after: GovernanceState): string[] {
  const [was, is] = [quorumOf(before), quorumOf(after)]
  const rows: [string, unknown, unknown][] = [
    ...authorityRows(before, after),
    ['all together', was.totalWeight, is.totalWeight],
    ['weight that decides', was.neededWeight, is.neededWeight],
    ['weight that may be false', was.toleratedWeight, is.toleratedWeight],
    ['consensus', before.consensus, after.consensus],
    ['rules', before.rules, after.rules],
    ...epochRows(before, after),
  ]
  const mark = (a: unknown, b: unknown) => (String(a) === String(b) ? '' : 'changes')
  return table(
    ['', 'before', 'after', ''],
    rows.map(([name, a, b]) => [name, a, b, mark(a, b)]),
  ).split('\n')
}

function authorityRows(before: GovernanceState, after: GovernanceState): [string, string, string][] {
  const ids = [...new Set([...before.authorities, ...after.authorities].map(({ id }) => id))].sort()
  const told = (set: GovernanceState, id: string) => {
    const authority = set.authorities.find((each) => each.id === id)
    return authority === undefined ? '' : `weight ${authority.weight}, key ${hex(authority.key).slice(0, 16)}…`
  }
  return ids.map((id) => [id, told(before, id), told(after, id)])
}

function epochRows(before: GovernanceState, after: GovernanceState): [string, number, number][] {
  return Object.entries(after.sourceEpochs).map(([lane, epoch]) => [
    `source epoch of lane ${lane}`,
    before.sourceEpochs[Number(lane)] ?? 0,
    epoch,
  ])
}

function turnLines(turns: readonly TurnChange[]): string[] {
  const shown = turns.filter(({ lane }) => lane < LANES_SHOWN)
  if (shown.length === 0) return []
  const rows = shown.map(({ lane, height, before, after }) => [lane, height, before.join(' '), after.join(' ')])
  const more =
    turns.length > shown.length ? [`… and ${new Set(turns.map(({ lane }) => lane)).size - LANES_SHOWN} lanes more (--json)`] : []
  return ['', 'order of turns at the next heights:', ...table(['lane', 'height', 'before', 'after'], rows).split('\n'), ...more]
}
