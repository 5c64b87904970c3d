/** The repair events of a lane whose block another had to seal: the one in turn sealed wrongly (its block went void), or was silent.
 *  Pure. All authorities tell under one id, so that their events are one repair. */
import type { Finalized } from '../infra/chain/lane-reader.js'
import type { AuthoritySet } from '../schemas/consensus/turns.js'
import { turnOrder } from '../schemas/consensus/turns.js'
import { faultOfCode } from '../schemas/faults.js'
import type { Hash } from '../schemas/hash.js'
import type { Candidate } from '../schemas/lane-fold.js'
import type { Repair } from '../schemas/records.js'

interface Void {
  readonly since: number
  readonly subject: string
  readonly faults: string
}

interface Silence {
  readonly since: number
  readonly height: bigint
}

export class Reseals {
  /** The first candidate at this height that went void. */
  private failed: Void | undefined
  /** Authorities whose turns others have taken, since when. */
  private readonly silent = new Map<string, Silence>()

  constructor(
    private readonly lane: number,
    private readonly chainId: Hash,
    private readonly by: string,
  ) {}

  /** A candidate went void at that time, milliseconds. */
  voided(candidate: Candidate, at: number): Repair[] {
    if (this.failed !== undefined) return []
    const { proposer, height } = candidate.header
    this.failed = { since: at, subject: proposer, faults: faultsOf(candidate) }
    return [this.reseal(height, 'requested', at, `its block of height ${height} was rejected: ${this.failed.faults}`)]
  }

  /** A block became final; `before`: those whose turn it was. */
  settled({ header, timestamp }: Finalized, before: AuthoritySet): Repair[] {
    const { height, proposer } = header
    const events: Repair[] = []
    if (this.failed !== undefined) {
      events.push(this.reseal(height, 'completed', timestamp, `${proposer} sealed height ${height}, attempt ${header.attempt}`))
      this.failed = undefined
    } else {
      events.push(...this.noteSilence(before, header, timestamp))
    }
    const heard = this.silent.get(proposer)
    if (heard === undefined) return events
    this.silent.delete(proposer)
    return [...events, this.silence(proposer, heard, 'completed', timestamp, `it sealed height ${height}`)]
  }

  /** Of those before the proposer in the order each had time to seal, and did not. */
  private noteSilence(set: AuthoritySet, { height, proposer }: Finalized['header'], at: number): Repair[] {
    const order = turnOrder(set, { chainId: this.chainId, lane: this.lane, height })
    const passed = order.slice(0, Math.max(0, order.indexOf(proposer)))
    return passed.flatMap((id) => {
      if (this.silent.has(id)) return []
      const begun = { since: at, height }
      this.silent.set(id, begun)
      return [this.silence(id, begun, 'requested', at, `${proposer} sealed height ${height} in its place`)]
    })
  }

  private reseal(height: bigint, status: Repair['status'], at: number, detail: string): Repair {
    const { since, subject } = this.failed ?? { since: at, subject: '' }
    return this.event(`reseal/${this.lane}/${height}`, subject, 'void-block', status, since, at, detail)
  }

  private silence(id: string, { since, height }: Silence, status: Repair['status'], at: number, detail: string): Repair {
    return this.event(`reseal/${this.lane}/${height}/${id}`, id, 'silent', status, since, at, detail)
  }

  private event(
    id: string,
    subject: string,
    fault: string,
    status: Repair['status'],
    since: number,
    at: number,
    detail: string,
  ): Repair {
    const tookMillis = status === 'requested' ? null : Math.max(0, at - since)
    return { id, kind: 'reseal', lane: this.lane, subject, fault, status, by: this.by, at, tookMillis, range: null, detail }
  }
}

/** Grounds of the rejects, by name, with how many gave each. */
function faultsOf({ ballots }: Candidate): string {
  const counts = new Map<string, number>()
  for (const { vote } of ballots.values()) {
    const { judgement } = vote.vote
    const name = judgement.kind === 'accept' ? 'accepted' : (faultOfCode(judgement.fault)?.name ?? `fault ${judgement.fault}`)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].map(([name, count]) => `${name} ${count}`).join(', ')
}
