/** The meters that a delivery has in hand, at most so many at a time: memory does not grow with their number. A meter belongs to
 *  one connection, which has one request in the air, so its readings cannot overtake each other. */
import { laneOf } from '../../schemas/murmur2.js'

/** `new`: nothing is sent before its head is known, which may tell of a reset. `queued`: has entries to send. `sending`: in the request in the air. `waiting`: all was sent, and may count or not. `held`: refused
 *  for good; nothing is sent until its head is known. */
export type Stage = 'new' | 'queued' | 'sending' | 'waiting' | 'held'

export interface OpenMeter {
  readonly id: string
  readonly connection: number
  stage: Stage
  /** Next sequence to send. */
  next: number
  /** Highest `next` so far: below it, things are sent again. */
  reached: number
  /** When something of it was last sent or found to count, ms. */
  movedAt: number
  /** Why the door refused it last. */
  refusal: string | undefined
  /** Why it is held. */
  doubt: string | undefined
}

export class DeliveryWindow {
  readonly #meters: Iterator<string>
  readonly #open = new Map<string, OpenMeter>()
  readonly #queues: OpenMeter[][]
  #hasMore = true

  constructor(
    meters: Iterable<string>,
    connections: number,
    private readonly capacity: number,
  ) {
    this.#meters = meters[Symbol.iterator]()
    this.#queues = Array.from({ length: connections }, () => [])
  }

  /** Whether no meter is in hand and none is to come. */
  get isDone(): boolean {
    return !this.#hasMore && this.#open.size === 0
  }

  /** Takes meters in until the window is full. */
  refill(now: number): void {
    while (this.#hasMore && this.#open.size < this.capacity) {
      const { done, value } = this.#meters.next()
      if (done === true) this.#hasMore = false
      else if (!this.#open.has(value)) this.#add(value, now)
    }
  }

  /** Meters of which nothing was sent or asked yet. */
  fresh(): OpenMeter[] {
    return [...this.#open.values()].filter(({ stage }) => stage === 'new')
  }

  get(id: string): OpenMeter | undefined {
    return this.#open.get(id)
  }

  queued(connection: number): number {
    return this.#queues[connection]?.length ?? 0
  }

  /** The next meter of a connection with something to send, now `sending`. */
  take(connection: number): OpenMeter | undefined {
    for (;;) {
      const meter = this.#queues[connection]?.shift()
      if (meter === undefined) return undefined
      if (this.#open.get(meter.id) !== meter || meter.stage !== 'queued') continue
      meter.stage = 'sending'
      return meter
    }
  }

  /** Puts a meter at the end of its connection's queue. */
  queue(meter: OpenMeter): void {
    if (meter.stage === 'queued') return
    meter.stage = 'queued'
    this.#queues[meter.connection]?.push(meter)
  }

  close(id: string): void {
    this.#open.delete(id)
  }

  /** Meters of which something was sent. */
  sentOf(): OpenMeter[] {
    return [...this.#open.values()].filter((meter) => meter.next > 0)
  }

  #add(id: string, now: number): void {
    const connection = laneOf(id, this.#queues.length)
    const meter: OpenMeter = {
      ...{ id, connection, stage: 'new', next: 0, reached: 0, movedAt: now },
      ...{ refusal: undefined, doubt: undefined },
    }
    this.#open.set(id, meter)
  }
}
