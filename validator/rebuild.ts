/** What is told of a validator's state that is made again from the log: when that began and why, and when it was done. */
import type { OpenRepair, OpenRepairs } from '../infra/repairs/open-repairs.js'
import { type TellRepair, ToldRepair } from '../infra/repairs/repair-events.js'

const FAULT = 'state-lost'

export interface RebuildOptions {
  readonly by: string
  /** Why there was nothing to go on from; undefined: there was. */
  readonly why: string | undefined
  readonly beganAt: number
  readonly open: OpenRepairs
  /** Resolves when the log has it. */
  readonly tell: TellRepair
}

export class Rebuild {
  private isOver = false

  private constructor(
    private readonly told: ToldRepair,
    private readonly why: string,
  ) {}

  /** One that begins, or one that goes on: a validator that was ended in the middle of it has kept what it made. Undefined: none. */
  static async begin({ by, why, beganAt, open, tell }: RebuildOptions): Promise<Rebuild | undefined> {
    const keeping = open.through(tell, 'rebuild')
    const former = open.all().filter(({ kind, fault }) => kind === 'rebuild' && fault === FAULT)
    if (why === undefined) return former.map((each) => Rebuild.goOn(each, keeping)).at(-1)
    for (const each of former) await open.end(each, tell)
    const note = { kind: 'rebuild', lane: -1, subject: `states of ${by}`, fault: FAULT, by } as const
    const told = new ToldRepair(note, keeping, beganAt, `rebuild/${by}/${beganAt}`)
    await told.requested(why)
    return new Rebuild(told, why)
  }

  private static goOn({ id, began, detail, ...note }: OpenRepair, tell: TellRepair): Rebuild {
    return new Rebuild(new ToldRepair(note, tell, began, id), detail)
  }

  /** All lanes have been read to their ends. Told once, however often it is said. */
  async done(): Promise<void> {
    if (this.isOver) return
    this.isOver = true
    await this.told.ended('completed', this.why)
  }
}
