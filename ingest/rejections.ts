/** Refused readings into topic `rejections`, for whoever looks after the meters. They are news, not ledger: what comes faster than
 *  allowed, or while the log is away, is dropped and counted, and never makes a sender wait. */
import type { Logger } from 'pino'
import { faultCode } from '../schemas/faults.js'
import { isMeterId } from '../schemas/ids.js'
import { LIMITS } from '../schemas/limits.js'
import { leafHash } from '../schemas/merkle.js'
import { laneOf } from '../schemas/murmur2.js'
import { encodeRejection } from '../schemas/records.js'
import type { Refused } from './accept.js'

export interface RejectionsOptions {
  readonly lanes: number
  /** How many are written in a second at most; 0: none. */
  readonly perSecond: number
  /** How many may wait. */
  readonly maxQueued: number
  /** Appends to a partition of the topic; resolves when acknowledged. `body` is a Rejection record without the registry prefix. */
  append(partition: number, messages: { key: string; body: Buffer }[]): Promise<unknown>
  /** Milliseconds since 1970. */
  now(): number
  onDropped(count: number): void
  readonly logger: Logger
}

interface Queued {
  readonly partition: number
  readonly key: string
  readonly body: Buffer
}

const MAX_BATCH = 100

export class Rejections {
  private queue: Queued[] = []
  private sending: Promise<void> | undefined
  private allowance: number
  private refilledAt: number

  constructor(private readonly options: RejectionsOptions) {
    this.allowance = options.perSecond
    this.refilledAt = options.now()
  }

  get queued(): number {
    return this.queue.length
  }

  /** Notes that `bytes` were refused. Returns at once. */
  note(bytes: Buffer, { fault, detail, meter: claimed }: Refused): void {
    if (this.queue.length >= this.options.maxQueued || !this.isAllowed()) {
      this.options.onDropped(1)
      return
    }
    const meter = claimed !== undefined && isMeterId(claimed) ? claimed : ''
    const lane = meter === '' ? -1 : laneOf(meter, this.options.lanes)
    const body = encodeRejection({
      at: this.options.now(),
      meter,
      lane,
      leaf: leafHash(bytes),
      fault: faultCode(fault),
      detail: detail.slice(0, LIMITS.textBytes),
      bytes: bytes.subarray(0, LIMITS.rejectionBytes),
    })
    this.queue.push({ partition: Math.max(lane, 0), key: meter, body })
    this.sending ??= this.send().finally(() => {
      this.sending = undefined
    })
  }

  /** Resolves when what waits was written or dropped. */
  async drain(): Promise<void> {
    while (this.sending !== undefined) await this.sending
  }

  /** A bucket that holds a second's worth. */
  private isAllowed(): boolean {
    const { perSecond, now } = this.options
    const at = now()
    this.allowance = Math.min(perSecond, this.allowance + (Math.max(0, at - this.refilledAt) * perSecond) / 1000)
    this.refilledAt = at
    if (this.allowance < 1) return false
    this.allowance--
    return true
  }

  private async send(): Promise<void> {
    await Promise.resolve() // what one request refuses goes together
    while (this.queue.length > 0) {
      const partition = this.queue[0]?.partition ?? 0
      const batch = this.queue.filter((each) => each.partition === partition).slice(0, MAX_BATCH)
      const taken = new Set(batch)
      this.queue = this.queue.filter((each) => !taken.has(each))
      await this.append(partition, batch)
    }
  }

  private async append(partition: number, batch: readonly Queued[]): Promise<void> {
    try {
      await this.options.append(
        partition,
        batch.map(({ key, body }) => ({ key, body })),
      )
    } catch (error) {
      this.options.onDropped(batch.length)
      this.options.logger.warn({ err: error, lane: partition, rejections: batch.length }, 'rejections were not written')
    }
  }
}
