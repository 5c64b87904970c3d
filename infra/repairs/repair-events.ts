import { randomUUID } from 'node:crypto'
import type { Registry } from 'prom-client'
import { encodeRepair, type Repair } from '../../schemas/records.js'
import type { LogWriter } from '../kafka/log-writer.js'
import type { SchemaIds } from '../kafka/schema-ids.js'
import { repairCounts } from './repair-metrics.js'

/** Repair events in one append: 200 of at most 600 bytes are half of what a record batch of `repairs` may hold. */
const AT_ONCE = 200

/** What is told of a repair from its beginning to its end. */
export type RepairNote = Pick<Repair, 'kind' | 'lane' | 'subject' | 'fault' | 'by'>

/** Tells what broke and what was done. Resolves when the log has it. */
export type TellRepair = (event: Repair) => Promise<void>

/** The same of several, in their order. */
export type TellRepairs = (events: readonly Repair[]) => Promise<void>

interface Into {
  readonly writer: Pick<LogWriter, 'append'>
  readonly ids: Pick<SchemaIds, 'frame'>
  /** Whose metrics count what was told. A command has none. */
  readonly metrics?: Registry
}

/** Into topic repairs: the partition of the lane that each is about, else the first. */
export function tellAllInto({ writer, ids, metrics }: Into): TellRepairs {
  const count = metrics && repairCounts(metrics)
  return async (events) => {
    for (const [partition, mine] of byPartition(events))
      for (let at = 0; at < mine.length; at += AT_ONCE) {
        const some = mine.slice(at, at + AT_ONCE)
        const messages = some.map((event) => ({ key: event.subject, value: ids.frame('Repair', encodeRepair(event)) }))
        await writer.append('repairs', partition, messages)
        if (count !== undefined) some.forEach(count)
      }
  }
}

export function tellInto(into: Into): TellRepair {
  const tellAll = tellAllInto(into)
  return (event) => tellAll([event])
}

function byPartition(events: readonly Repair[]): Map<number, Repair[]> {
  const found = new Map<number, Repair[]>()
  for (const event of events) {
    const partition = Math.max(0, event.lane)
    const mine = found.get(partition) ?? []
    mine.push(event)
    found.set(partition, mine)
  }
  return found
}

/** One repair, which is told when it is requested and when it ended. */
export class ToldRepair {
  constructor(
    private readonly note: RepairNote,
    private readonly tell: TellRepair,
    private readonly began = Date.now(),
    readonly id = `${note.kind}/${note.subject}/${randomUUID()}`,
  ) {}

  requested(detail: string): Promise<void> {
    return this.tell(this.#event('requested', this.began, null, detail))
  }

  ended(status: 'completed' | 'failed', detail: string): Promise<void> {
    const now = Date.now()
    return this.tell(this.#event(status, now, now - this.began, detail))
  }

  #event(status: Repair['status'], at: number, tookMillis: number | null, detail: string): Repair {
    return { id: this.id, ...this.note, status, at, tookMillis, range: null, detail }
  }
}
