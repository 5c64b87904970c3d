/** Judges a block's entries on top of stored meter states, and takes over final verdicts: what validator, door and verify share. */

import { faultCode } from '../../schemas/faults.js'
import type { Hash } from '../../schemas/hash.js'
import { type JudgeContext, type Judged, judgeEntry } from '../../schemas/judge.js'
import { leafHash } from '../../schemas/merkle.js'
import { advance, applyReset, type Gap, type MeterState } from '../../schemas/meter-chain.js'
import { readEntry } from '../../schemas/reading.js'
import type { NotCounted } from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'

export interface BlockJudgement {
  readonly notCounted: NotCounted[]
  /** What the block made of its meters. */
  readonly states: Map<string, MeterState>
  readonly opened: { meter: string; gap: Gap }[]
  readonly closed: { meter: string; gap: Gap }[]
  readonly givenUp: { meter: string; gap: Gap }[]
}

export interface JudgeSource {
  readonly lane: number
  readonly registry: RegistryState
  readonly registrySize: number
  meterState(meter: string): MeterState
}

const emptyJudgement = (): BlockJudgement => ({ notCounted: [], states: new Map(), opened: [], closed: [], givenUp: [] })

function note(judgement: BlockJudgement, meter: string, step: { opened?: Gap; closed?: Gap; givenUp?: Gap }): void {
  if (step.opened) judgement.opened.push({ meter, gap: step.opened })
  if (step.closed) judgement.closed.push({ meter, gap: step.closed })
  if (step.givenUp) judgement.givenUp.push({ meter, gap: step.givenUp })
}

/** Entries judged before the event loop gets its turn: 100 signatures are 8 ms. */
const CHUNK = 100

/** Judges every entry, signatures included; gives way between chunks so that heartbeats go on. */
export async function judgeBlock(
  entries: readonly Buffer[],
  source: JudgeSource,
  verify: JudgeContext['verify'],
  onJudged?: (judged: Judged, index: number) => void,
): Promise<BlockJudgement> {
  const judgement = emptyJudgement()
  const context: JudgeContext = {
    lane: source.lane,
    lanes: source.registry.lanes,
    facts: (meter) => source.registry.meterAt(meter, source.registrySize),
    meterState: (meter) => judgement.states.get(meter) ?? source.meterState(meter),
    keep: (meter, state) => judgement.states.set(meter, state),
    verify,
  }
  for (const [index, entry] of entries.entries()) {
    if (index % CHUNK === CHUNK - 1) await new Promise(setImmediate)
    const judged = judgeEntry(entry, context)
    if (!judged.counted) judgement.notCounted.push({ entry: index, code: faultCode(judged.fault) })
    else note(judgement, judged.signed.reading.meter, judged.step)
    onJudged?.(judged, index)
  }
  return judgement
}

/** What a final verdict made of the meters. It binds, so signatures need no second look. `differences` are counted entries that the
 *  meters' own chains would not have taken: reported, and taken over all the same. */
export function adoptVerdict(
  entries: readonly Buffer[],
  notCounted: readonly NotCounted[],
  source: JudgeSource,
): BlockJudgement & { differences: { entry: number; meter: string; fault: string }[] } {
  const judgement = {
    ...emptyJudgement(),
    notCounted: [...notCounted],
    differences: [] as { entry: number; meter: string; fault: string }[],
  }
  const dropped = new Set(notCounted.map((each) => each.entry))
  for (const [index, entry] of entries.entries()) {
    if (dropped.has(index)) continue
    const read = readEntry(entry)
    if (!read.ok) {
      judgement.differences.push({ entry: index, meter: '', fault: 'malformed' })
      continue
    }
    adoptEntry(judgement, source, index, read.signed.reading, leafHash(entry))
  }
  return judgement
}

function adoptEntry(
  judgement: BlockJudgement & { differences: { entry: number; meter: string; fault: string }[] },
  source: JudgeSource,
  entry: number,
  { meter, sequence, previous }: { meter: string; sequence: number; previous: Hash },
  leaf: Hash,
): void {
  const before = judgement.states.get(meter) ?? source.meterState(meter)
  const reset = source.registry.meterAt(meter, source.registrySize)?.reset
  const state = applyReset(before, reset)
  const step = advance(state, sequence, previous, leaf)
  if (step.ok) {
    judgement.states.set(meter, step.state)
    note(judgement, meter, step)
    return
  }
  judgement.differences.push({ entry, meter, fault: step.fault })
  if (sequence > state.sequence) judgement.states.set(meter, { ...state, sequence, hash: leaf })
}
