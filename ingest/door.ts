/** What becomes of the readings of one request, apart from HTTP: judged, offered to their lanes, awaited. */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { type AcceptContext, type Accepted, accept, type Refused } from './accept.js'
import type { Outcome } from './answer.js'
import type { DoorMetrics } from './door-metrics.js'
import { isLasting } from './answer.js'
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
  readonly metrics: DoorMetrics
}

/** Signatures checked in one go: some 5 ms, so that one request’s batch does not hold up all the others. */
const CHUNK = 64

export class Door {
  private isClosed = false
  private failedAt = 0
  private acknowledgedAt = 0

  constructor(private readonly options: DoorOptions) {}

  /** Whether the log took the newest record that it was sent. */
  get isLogAway(): boolean {
    return this.failedAt > this.acknowledgedAt
  }

  /** Each item’s outcome, in their order, when Kafka has acknowledged or failed all that were accepted. */
  async take(items: readonly Item[]): Promise<Outcome[]> {
    const bytes = items.reduce((sum, item) => sum + (item.ok ? item.entry.length : 0), 0)
    const held = this.isClosed ? 'the door is closing' : this.admit(items.length, bytes)
    const outcomes = held === undefined ? await this.takeAll(items, bytes) : items.map(() => busy(held))
    this.options.metrics.count(outcomes)
    return outcomes
  }

  /** Notes a body that could not be cut into readings. */
  refuseWhole(body: Buffer, refused: Refused): void {
    this.options.metrics.count([refused])
    this.options.rejections.note(body, refused)
  }

  /** From now on nothing is accepted; resolves when all that was is acknowledged. */
  async close(): Promise<void> {
    this.isClosed = true
    while (this.options.room.readings > 0) {
      await Promise.all(this.options.writers.map((writer) => writer.drain()))
      await nextTurn()
    }
  }

  private admit(readings: number, bytes: number): string | undefined {
    const { room } = this.options
    return room.take(readings, bytes) ? undefined : `the queue is full: ${room.readings} readings wait for the log`
  }

  private async takeAll(items: readonly Item[], bytes: number): Promise<Outcome[]> {
    try {
      const pending: (Outcome | Promise<Outcome>)[] = []
      const context = this.options.context()
      for (const item of items) {
        pending.push(this.takeOne(item, context))
        if (pending.length % CHUNK === 0) await nextTurn()
      }
      return await Promise.all(pending)
    } finally {
      this.options.room.give(items.length, bytes)
    }
  }

  private takeOne(item: Item, context: AcceptContext): Outcome | Promise<Outcome> {
    const result = item.ok ? accept(item.entry, context) : malformed(item.detail)
    if (result.ok) return this.append(result)
    if (isLasting(result.fault)) this.options.rejections.note(item.ok ? item.entry : item.bytes, result)
    return result
  }

  /** Never rejects. */
  private async append(accepted: Accepted): Promise<Outcome> {
    const writer = this.options.writers[accepted.lane]
    if (writer === undefined) throw new RangeError(`no writer for lane ${accepted.lane}`)
    const { entry: _entry, ...receipt } = accepted
    try {
      await writer.offer(accepted)
      this.acknowledgedAt = performance.now()
      return receipt
    } catch (error) {
      this.failedAt = performance.now()
      const why = error instanceof Error ? error.message : String(error)
      return { ok: false, fault: 'unavailable', detail: `the log did not acknowledge it: ${why}`, meter: accepted.meter }
    }
  }
}

const malformed = (detail: string): Refused => ({ ok: false, fault: 'malformed', detail })
const busy = (detail: string): Refused => ({ ok: false, fault: 'busy', detail })
