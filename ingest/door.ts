/** What becomes of the readings of one request, apart from HTTP: judged, offered to their lanes, awaited. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { BugError } from '../schemas/errors.js'
import { type AcceptContext, type Accepted, accept, type Refused } from './accept.js'
import { isLasting, type Outcome } from './answer.js'
import type { DoorMetrics } from './door-metrics.js'
import type { LaneWriter } from './lane-writer.js'
import type { Item } from './parse.js'
import type { Rejections } from './rejections.js'
import type { Room } from './room.js'

export interface DoorOptions {
  /** As of now: the registry may have grown since the last request. */
  context(): AcceptContext
  /** By lane. */
  readonly writers: readonly LaneWriter[]
  readonly room: Room
  readonly rejections: Pick<Rejections, 'note'>
  readonly metrics: Pick<DoorMetrics, 'count'>
  /** How long a sender waits for the log's acknowledgement. */
  readonly answerMillis: number
}

/** Signatures checked in one go: some 5 ms, so that one request’s batch does not hold up all the others. */
const CHUNK = 64

/** A failure counts for this long: a gateway that sends nothing to a door that is not ready would never let it find out. */
const AWAY_MILLIS = 5_000

export class Door {
  private isClosed = false
  private failedAt = 0
  private acknowledgedAt = 0

  constructor(private readonly options: DoorOptions) {}

  /** Why nothing can be taken at present, if so. */
  get whyNot(): string | undefined {
    if (this.isClosed) return 'the door is closing'
    const isAway = this.failedAt > this.acknowledgedAt && performance.now() - this.failedAt < AWAY_MILLIS
    return isAway ? 'the log did not acknowledge the newest record' : undefined
  }

  /** Each item’s outcome, in their order: when Kafka has acknowledged or failed all that were accepted, or at the end of the wait. */
  async take(items: readonly Item[]): Promise<Outcome[]> {
    const since = performance.now()
    const bytes = items.reduce((sum, item) => sum + (item.ok ? item.entry.length : 0), 0)
    const outcomes = await (this.whyFull(items.length, bytes) ?? this.takeAll(items, bytes))
    this.options.metrics.count(outcomes, performance.now() - since)
    return outcomes
  }

  /** Notes a body that could not be cut into readings. */
  refuseWhole(body: Buffer, refused: Refused): void {
    this.options.metrics.count([refused], 0)
    this.options.rejections.note(body, refused)
  }

  /** From now on nothing is accepted; resolves when the log has acknowledged or failed all that was. */
  async close(): Promise<void> {
    this.isClosed = true
    while (this.options.room.readings > 0) {
      await Promise.all(this.options.writers.map((writer) => writer.drain()))
      await nextTurn()
    }
  }

  /** Takes room for the request, or refuses it as a whole: what is not even looked at costs a busy door nothing. */
  private whyFull(readings: number, bytes: number): Outcome[] | undefined {
    const { room } = this.options
    const refuse = (detail: string) => Array.from({ length: readings }, () => refused('busy', detail))
    if (this.isClosed) return refuse('the door is closing')
    return room.take(readings, bytes) ? undefined : refuse(`the queue is full: ${room.readings} readings wait for the log`)
  }

  private async takeAll(items: readonly Item[], bytes: number): Promise<Outcome[]> {
    const outcomes: (Outcome | undefined)[] = items.map(() => undefined)
    const appends: Promise<void>[] = []
    try {
      const context = this.options.context()
      for (const [index, item] of items.entries()) {
        const judged = this.judge(item, context)
        if (!judged.ok) outcomes[index] = judged
        else
          appends.push(
            this.append(judged).then((outcome) => {
              outcomes[index] = outcome
            }),
          )
        if (index % CHUNK === CHUNK - 1) await nextTurn()
      }
    } finally {
      // Room is held until the log has answered, however long the sender waits.
      void Promise.allSettled(appends).then(() => this.options.room.give(items.length, bytes))
    }
    await this.within(Promise.all(appends))
    return outcomes.map(
      (outcome) => outcome ?? refused('unavailable', `the log did not acknowledge it within ${this.options.answerMillis} ms`),
    )
  }

  private judge(item: Item, context: AcceptContext): Accepted | Refused {
    const result = item.ok ? accept(item.entry, context) : refused('malformed', item.detail)
    if (!result.ok && isLasting(result.fault)) this.options.rejections.note(item.ok ? item.entry : item.bytes, result)
    return result
  }

  /** Rejects where we are wrong alone: that the log fails is an outcome. */
  private async append(accepted: Accepted): Promise<Outcome> {
    const { ok, leaf, lane, meter } = accepted
    const writer = this.options.writers[lane]
    if (writer === undefined) throw new BugError(`there is no writer for lane ${lane}`)
    try {
      await writer.offer(accepted)
      this.acknowledgedAt = performance.now()
      return { ok, leaf, lane, meter }
    } catch (error) {
      this.failedAt = performance.now()
      return refused('unavailable', `the log did not acknowledge it: ${String(error)}`, meter)
    }
  }

  private async within(work: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const deadline = new Promise((resolve) => {
      timer = setTimeout(resolve, this.options.answerMillis)
    })
    await Promise.race([work, deadline])
    clearTimeout(timer)
  }
}

const refused = (fault: Refused['fault'], detail: string, meter?: string): Refused => ({
  ok: false,
  fault,
  detail,
  ...(meter !== undefined && { meter }),
})
