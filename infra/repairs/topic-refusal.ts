/** A stage that finds a topic not as it must be does not start: it tells so in `repairs` where that can be, and its first life after
 *  somebody has mended the topic tells how long that took. Neither keeps a stage from ending, or from starting. */
import { randomUUID } from 'node:crypto'
import { basename } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { TopicMismatchError } from '../kafka/topics.js'
import { OpenRepairs } from './open-repairs.js'
import type { TellRepair } from './repair-events.js'

const FAULT = 'topic-settings'
/** How long a start, or an end, waits for it, milliseconds. */
const TOLD_MILLIS = 5_000
/** Characters: a repair event stays far below what `repairs` takes. */
const DETAIL = 400

export class TopicRefusal {
  private readonly open: OpenRepairs

  constructor(
    /** The stage's own. */
    private readonly folder: string,
    private readonly logger: Logger,
  ) {
    this.open = new OpenRepairs(folder, logger)
  }

  /** Told once, however often the stage is started again meanwhile. */
  async refused({ message }: TopicMismatchError, tell: TellRepair): Promise<void> {
    if (this.mine().length > 0) return
    const by = basename(this.folder)
    const note = {
      id: `wait/${FAULT}/${by}/${randomUUID()}`,
      kind: 'wait',
      lane: -1,
      subject: 'topics',
      fault: FAULT,
      by,
    } as const
    const detail = message.length > DETAIL ? `${message.slice(0, DETAIL)}…` : message
    const began = Date.now()
    this.open.keep({ ...note, began, detail })
    await this.told(() => tell({ ...note, status: 'requested', at: began, tookMillis: null, range: null, detail }))
  }

  /** The topics are as they must be. */
  async isOver(tell: TellRepair): Promise<void> {
    for (const { began, detail, ...note } of this.mine())
      await this.told(async () => {
        const at = Date.now()
        const end = { status: 'completed', at, tookMillis: Math.max(0, at - began), range: null } as const
        // nobody knows whether it could be told: it may be topic repairs that was not as it must be
        await tell({ ...note, status: 'requested', at: began, tookMillis: null, range: null, detail })
        await tell({ ...note, ...end, detail: `somebody mended them, and ${note.by} started` })
        this.open.drop(note.id)
      })
  }

  private mine() {
    return this.open.all().filter(({ kind, fault }) => kind === 'wait' && fault === FAULT)
  }

  private async told(telling: () => Promise<void>): Promise<void> {
    const late = new AbortController()
    const tooLate = pause(TOLD_MILLIS, undefined, { signal: late.signal }).then(
      () => Promise.reject(new Error(`not within ${TOLD_MILLIS} ms`)),
      () => undefined,
    )
    try {
      await Promise.race([telling(), tooLate])
    } catch (err) {
      this.logger.warn({ err }, 'it cannot be told in repairs yet that the topics were refused')
    } finally {
      late.abort()
    }
  }
}
