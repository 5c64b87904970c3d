/** Where a final verdict is not the one found here, this authority is wrong, or more than 2/3 of the weight are: the final one binds, and
 *  people have to look. Told in topic `repairs`, once a lane, until a verdict found here is final again. */
import { Counter, type Registry } from 'prom-client'
import type { Finalized } from '../infra/chain/lane-reader.js'
import type { Readiness } from '../infra/health.js'
import type { OpenRepair } from '../infra/repairs/open-repairs.js'
import type { TellRepair } from '../infra/repairs/repair-events.js'
import { faultOfCode } from '../schemas/faults.js'
import type { NotCounted, Repair } from '../schemas/records.js'

/** Entries that are named; all are counted. */
const NAMED = 3

/** How two verdicts on a block differ, in words; undefined: they do not. */
export function difference(mine: readonly NotCounted[], final: readonly NotCounted[]): string | undefined {
  const codesOf = (verdict: readonly NotCounted[]) => new Map(verdict.map(({ entry, code }) => [entry, code]))
  const [here, there] = [codesOf(mine), codesOf(final)]
  const entries = [...new Set([...here.keys(), ...there.keys()])]
    .filter((entry) => here.get(entry) !== there.get(entry))
    .sort((a, b) => a - b)
  return inWords(entries.map((entry) => `entry ${entry}: final ${say(there.get(entry))}, here ${say(here.get(entry))}`))
}

function inWords(all: readonly string[]): string | undefined {
  if (all.length === 0) return undefined
  return `${all.length === 1 ? 'one entry differs' : `${all.length} entries differ`}; ${all.slice(0, NAMED).join('; ')}`
}

const say = (code: number | undefined): string => (code === undefined ? 'counts' : (faultOfCode(code)?.name ?? `code ${code}`))

/** The same where nothing was judged here, of entries that count and could not. */
export function adoptedDifference(differences: readonly Adopted[]): string | undefined {
  return inWords(differences.map(({ entry, fault }) => `entry ${entry}: final counts, here ${fault}`))
}

export interface Adopted {
  readonly entry: number
  readonly fault: string
}

interface Open {
  readonly id: string
  readonly height: bigint
  readonly since: number
}

const FAULT = 'other-verdict'
const idOf = (by: string, lane: number, height: bigint): string => `rebuild/verdict/${by}/${lane}/${height}`

export class Disagreements {
  private readonly open = new Map<number, Open>()
  private readonly counter: Counter

  constructor(
    registry: Registry,
    private readonly by: string,
    private readonly tell: TellRepair,
    /** What a life before this one told and did not end. */
    former: readonly OpenRepair[] = [],
  ) {
    for (const { id, lane, fault, began } of former)
      if (fault === FAULT) this.open.set(lane, { id, height: BigInt(/\d+$/.exec(id)?.[0] ?? 0), since: began })
    this.counter = new Counter({
      name: 'meterchain_verdict_differences_total',
      help: 'final blocks whose verdict is not the one found here',
      registers: [registry],
    })
  }

  /** A block became final. `mine`: what was found of it here, if anything was; `adopted`: entries that its verdict counts and could not. */
  async note(finalized: Finalized, mine: readonly NotCounted[] | undefined, adopted: readonly Adopted[]): Promise<void> {
    const detail = mine === undefined ? adoptedDifference(adopted) : difference(mine, finalized.notCounted)
    if (detail !== undefined) await this.differs(finalized, detail)
    else if (mine !== undefined) await this.agrees(finalized)
  }

  private async differs({ lane, header: { height } }: Finalized, detail: string): Promise<void> {
    this.counter.inc()
    if (this.open.has(lane)) return
    const open = { id: idOf(this.by, lane, height), height, since: Date.now() }
    this.open.set(lane, open)
    await this.tell(this.event(lane, open, 'requested', `height ${height}: ${detail}. The final verdict was taken over`))
  }

  private async agrees({ lane, header: { height } }: Finalized): Promise<void> {
    const open = this.open.get(lane)
    if (open === undefined) return
    this.open.delete(lane)
    await this.tell(this.event(lane, open, 'completed', `height ${height}: the verdict found here is the final one again`))
  }

  readiness(): Readiness {
    const lanes = [...this.open].map(([lane, { height }]) => `lane ${lane} since height ${height}`)
    if (lanes.length === 0) return { ready: true }
    return { ready: false, why: `other verdicts are final than are found here: ${lanes.join(', ')}. See topic repairs` }
  }

  private event(lane: number, { id, since }: Open, status: Repair['status'], detail: string): Repair {
    const at = Date.now()
    return {
      ...{ id, kind: 'rebuild', lane, subject: `verdicts of ${this.by}`, fault: FAULT, status, by: this.by, at },
      ...{ tookMillis: status === 'requested' ? null : at - since, range: null, detail },
    }
  }
}
