/** Repairs that a stage began and has not ended, in a small file: one that is killed leaves them to its next life, which goes on with
 *  them or ends them. Without it they would stay under way for ever. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import type { RepairKind } from '../../schemas/records.js'
import type { TellRepair } from './repair-events.js'

const openRepair = z.object({
  ...{ id: z.string(), kind: z.enum(['reproject', 'rebuild', 'wait', 'restore']), lane: z.number(), subject: z.string() },
  ...{ fault: z.string(), by: z.string(), detail: z.string() },
  /** Milliseconds. */
  began: z.number(),
})
export type OpenRepair = z.infer<typeof openRepair>

export class OpenRepairs {
  readonly #file: string
  readonly #open: Map<string, OpenRepair>

  constructor(
    private readonly folder: string,
    private readonly logger: Logger,
  ) {
    this.#file = join(folder, 'repairs.json')
    this.#open = new Map(this.#read().map((each) => [each.id, each]))
  }

  /** Those that this process or one before it began. */
  all(): OpenRepair[] {
    return [...this.#open.values()]
  }

  keep({ id, kind, lane, subject, fault, by, detail, began }: OpenRepair): void {
    this.#open.set(id, { id, kind, lane, subject, fault, by, detail, began })
    this.#write()
  }

  drop(id: string): void {
    if (this.#open.delete(id)) this.#write()
  }

  /** The same way of telling, by which repairs of that kind are kept until it is told that they ended. */
  through(tell: TellRepair, kind: OpenRepair['kind']): TellRepair {
    return async (event) => {
      if (event.kind === kind && event.status === 'requested') this.keep({ ...event, kind, began: event.at })
      await tell(event)
      if (event.status !== 'requested') this.drop(event.id)
    }
  }

  /** Ends those of a kind that a former life began. */
  async endCutOff(kind: RepairKind, tell: TellRepair): Promise<void> {
    for (const each of this.all().filter((open) => open.kind === kind)) await this.end(each, tell)
  }

  async end({ began, ...note }: OpenRepair, tell: TellRepair): Promise<void> {
    const at = Date.now()
    const detail = `cut off when ${note.by} ended`
    await tell({ ...note, status: 'failed', at, tookMillis: Math.max(0, at - began), range: null, detail })
    this.drop(note.id)
  }

  /** A file that cannot be read says nothing. */
  #read(): OpenRepair[] {
    try {
      return z.array(openRepair).parse(JSON.parse(readFileSync(this.#file, 'utf8')))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.logger.warn({ err: error, file: this.#file }, 'what was under way cannot be read; it is not told to its end')
      return []
    }
  }

  /** Whole or not at all. To tell of a repair is not worth more than the repair: where it cannot be kept, it goes on. */
  #write(): void {
    try {
      mkdirSync(this.folder, { recursive: true })
      writeFileSync(`${this.#file}.part`, JSON.stringify(this.all()))
      renameSync(`${this.#file}.part`, this.#file)
    } catch (error) {
      this.logger.warn({ err: error, file: this.#file }, 'what is under way cannot be kept')
    }
  }
}
