/** What is told of a validator's state that is made again from the log: when that began and why, and when it was done. */
import type { Repair } from '../schemas/records.js'

export interface RebuildOptions {
  readonly by: string
  /** Why there was nothing to go on from. */
  readonly why: string
  readonly beganAt: number
  /** Resolves when the log has it. */
  tell(event: Repair): Promise<void>
}

export class Rebuild {
  private isOver = false

  private constructor(private readonly options: RebuildOptions) {}

  static async begin(options: RebuildOptions): Promise<Rebuild> {
    const begun = new Rebuild(options)
    await options.tell(begun.event('requested', options.beganAt))
    return begun
  }

  /** All lanes have been read to their ends. Told once, however often it is said. */
  async done(now: number): Promise<void> {
    if (this.isOver) return
    this.isOver = true
    await this.options.tell(this.event('completed', now))
  }

  private event(status: 'requested' | 'completed', at: number): Repair {
    const { by, why, beganAt } = this.options
    return {
      ...{
        id: `rebuild/${by}/${beganAt}`,
        kind: 'rebuild',
        lane: -1,
        subject: `states of ${by}`,
        fault: 'state-lost',
        status,
        by,
        at,
      },
      ...{ tookMillis: status === 'completed' ? at - beganAt : null, range: null, detail: why },
    }
  }
}
