import { randomUUID } from 'node:crypto'
import type { LogWriter } from '../../infra/kafka/log-writer.js'
import type { SchemaIds } from '../../infra/kafka/schema-ids.js'
import { encodeRepair, type Repair } from '../../schemas/records.js'

/** What is told of a repair from its beginning to its end. */
export type RepairNote = Pick<Repair, 'kind' | 'lane' | 'subject' | 'fault' | 'by'>

/** Tells what broke and what was done. Resolves when the log has it. */
export type TellRepair = (event: Repair) => Promise<void>

/** Into topic repairs: the partition of the lane that it is about, else the first. */
export const tellInto =
  (writer: LogWriter, ids: SchemaIds): TellRepair =>
  async (event) => {
    const message = { key: event.subject, value: ids.frame('Repair', encodeRepair(event)) }
    await writer.append('repairs', Math.max(0, event.lane), [message])
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
