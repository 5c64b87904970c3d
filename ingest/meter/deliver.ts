/** Sends what a store holds until it counts: readings of one meter in their order, heads asked for meanwhile, what counts forgotten,
 *  what does not count after a while sent again. A crash loses nothing: all is in the store, and a second delivery goes on. */
import { fromHex } from '../../schemas/bytes.js'
import { leafHash } from '../../schemas/merkle.js'
import { decodeSignedReading } from '../../schemas/records.js'
import { Bell } from './bell.js'
import { DeliveryWindow, type OpenMeter } from './delivery-window.js'
import type { Head, PendingReset, Refusal } from './door-answers.js'
import type { DoorClient } from './door-client.js'
import type { MeterStore, Unconfirmed } from './meter-store.js'
import { conflictOf, hasTakenUp, isCounted } from './settle.js'

export interface DeliverOptions {
  readonly store: MeterStore
  readonly door: Pick<DoorClient, 'send' | 'heads'>
  /** Default: all that have unconfirmed entries. */
  readonly meters?: Iterable<string>
  /** Requests in the air. */
  readonly connections?: number
  /** Most readings and bytes of a request. */
  readonly batchReadings?: number
  readonly batchBytes?: number
  /** Meters in hand at a time, some 200 bytes each. */
  readonly openMeters?: number
  /** How often heads are asked for, ms. */
  readonly confirmMillis?: number
  /** After how long without progress a meter's readings are sent again, ms. */
  readonly resendMillis?: number
  /** After how long without any progress the delivery ends with what is left, ms. */
  readonly stallMillis?: number
  onProgress?(progress: DeliveryProgress): void
}

export interface DeliveryProgress {
  /** Readings that the door acknowledged, each time it did. */
  accepted: number
  /** Readings found to count. */
  confirmed: number
  /** Meters whose readings were sent again, each time. */
  resends: number
  /** Meters that took up a reset: what does not count was signed again from there. */
  resets: number
}

export interface DeliveryReport extends DeliveryProgress {
  /** Refusals by the fault's name, each time. */
  readonly refused: Readonly<Record<string, number>>
  /** Readings that can never count, forgotten: their meter is retired. */
  readonly givenUp: number
  /** Meters that need a person, with the reason, the first 100; what they have to send is kept. */
  readonly setAside: readonly { meter: string; reason: string }[]
  /** Readings left in the store. */
  readonly left: number
}

/** Faults that pass: the same bytes may be taken later (at once, but for a meter whose enrolment the door has not read yet). */
const PASSING = ['busy', 'unavailable', 'rate-limited', 'unknown-meter']
const HEADS_PER_REQUEST = 5_000
const MAX_LISTED = 100
/** Readings of one meter in a request, where other meters wait: so meters move together, as real ones would. */
const TURN = 32
const IDLE_MILLIS = 1_000
const MAX_PAUSE_MILLIS = 2_000

/** Ends when all counts, or nothing moved for `stallMillis`. Errors of the door client (away for too long) are thrown. */
export async function deliver(options: DeliverOptions): Promise<DeliveryReport> {
  return new Delivery(options).run()
}

class Delivery {
  readonly #options: Required<Omit<DeliverOptions, 'meters' | 'onProgress'>> & DeliverOptions
  readonly #window: DeliveryWindow
  readonly #bell = new Bell()
  readonly #progress: DeliveryProgress = { accepted: 0, confirmed: 0, resends: 0, resets: 0 }
  readonly #refused: Record<string, number> = {}
  readonly #setAside: { meter: string; reason: string }[] = []
  #givenUp = 0
  #movedAt = Date.now()
  #ended = false

  constructor(options: DeliverOptions) {
    this.#options = {
      connections: 4,
      batchReadings: 500,
      batchBytes: 512 * 1024,
      openMeters: 20_000,
      confirmMillis: 250,
      resendMillis: 5_000,
      stallMillis: 60_000,
      ...options,
    }
    const { connections, openMeters, store } = this.#options
    this.#window = new DeliveryWindow(options.meters ?? store.metersWithUnconfirmed(), connections, openMeters)
  }

  async run(): Promise<DeliveryReport> {
    const senders = Array.from({ length: this.#options.connections }, (_each, connection) => this.#sendAll(connection))
    const loops = [...senders, this.#confirmAll()].map((loop) => loop.finally(() => this.#end()))
    const failed = (await Promise.allSettled(loops)).find((result) => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
    for (const meter of this.#window.sentOf())
      this.#putAside(meter.id, meter.doubt ?? meter.refusal ?? 'what was sent does not count')
    return {
      ...this.#progress,
      refused: this.#refused,
      givenUp: this.#givenUp,
      setAside: this.#setAside,
      left: this.#options.store.countUnconfirmed(),
    }
  }

  #end(): void {
    this.#ended = true
    this.#bell.ring()
  }

  async #sendAll(connection: number): Promise<void> {
    while (!this.#ended) {
      const batch = this.#fill(connection)
      if (batch.length === 0) {
        await this.#bell.heard(IDLE_MILLIS)
        continue
      }
      const { accepted, refusals } = await this.#options.door.send(batch.map(({ entry }) => entry))
      this.#sent(batch, accepted, refusals)
    }
  }

  /** Entries for one request, in each meter's order. */
  #fill(connection: number): Unconfirmed[] {
    const { batchReadings, batchBytes, store } = this.#options
    const turn = Math.max(TURN, Math.ceil(batchReadings / Math.max(1, this.#window.queued(connection))))
    const batch: Unconfirmed[] = []
    let bytes = 0
    while (batch.length < batchReadings && bytes < batchBytes) {
      const meter = this.#window.take(connection)
      if (meter === undefined) break
      const entries = store.unconfirmed(meter.id, meter.next, Math.min(turn, batchReadings - batch.length))
      const fitting = entries.slice(0, fittingIn(batchBytes - bytes, entries, batch.length === 0))
      const last = fitting.at(-1)
      if (last === undefined) {
        if (entries.length > 0) this.#window.queue(meter)
        else meter.stage = 'waiting'
        if (entries.length > 0) break
        continue
      }
      for (const { entry } of fitting) bytes += entry.length
      batch.push(...fitting)
      meter.next = last.sequence + 1
    }
    return batch
  }

  /** Meters that came in; those with nothing to send are done. */
  #fresh(): OpenMeter[] {
    const fresh = this.#window.fresh()
    const isEmpty = ({ id }: OpenMeter) => this.#options.store.unconfirmed(id, 0, 1).length === 0
    for (const { id } of fresh.filter(isEmpty)) this.#window.close(id)
    return fresh.filter(({ id }) => this.#window.get(id) !== undefined)
  }

  #sent(batch: readonly Unconfirmed[], accepted: number, refusals: readonly Refusal[]): void {
    const now = Date.now()
    this.#progress.accepted += accepted
    for (const id of new Set(batch.map(({ meter }) => meter))) {
      const meter = this.#window.get(id)
      if (meter === undefined) continue
      meter.movedAt = now
      if (accepted > 0 && meter.next > meter.reached) {
        meter.reached = meter.next
        this.#movedAt = now
      }
      this.#window.queue(meter)
    }
    for (const refusal of refusals) this.#refusal(batch[refusal.index], refusal)
    this.#report()
  }

  #refusal(refused: Unconfirmed | undefined, { fault, detail }: Refusal): void {
    if (refused === undefined) return
    const { meter, sequence } = refused
    this.#refused[fault] = (this.#refused[fault] ?? 0) + 1
    const reason = `sequence ${sequence} is refused as ${fault}: ${detail}`
    const open = this.#window.get(meter)
    if (fault === 'retired') this.#givenUp += this.#options.store.forget(meter, sequence, (each) => each === sequence)
    else if (open !== undefined && !PASSING.includes(fault)) hold(open, reason)
    else if (open !== undefined) {
      open.refusal = reason
      if (fault !== 'unknown-meter') open.next = Math.min(open.next, sequence)
    }
  }

  #putAside(meter: string, reason: string): void {
    if (this.#window.get(meter) === undefined) return
    this.#window.close(meter)
    if (this.#setAside.length < MAX_LISTED) this.#setAside.push({ meter, reason })
  }

  async #confirmAll(): Promise<void> {
    const { confirmMillis, stallMillis } = this.#options
    while (!this.#ended && !this.#window.isDone) {
      const started = Date.now()
      await this.#confirmEach(this.#window.sentOf())
      this.#window.refill(Date.now())
      await this.#confirmEach(this.#fresh())
      this.#report()
      if (this.#window.isDone || Date.now() - this.#movedAt > stallMillis) break
      await this.#pause(pauseMillis(confirmMillis, Date.now() - started))
    }
  }

  async #pause(millis: number): Promise<void> {
    const until = Date.now() + millis
    for (let rest = millis; rest > 0 && !this.#ended; rest = until - Date.now()) await this.#bell.heard(rest)
  }

  async #confirmEach(meters: readonly OpenMeter[]): Promise<void> {
    for (let at = 0; at < meters.length && !this.#ended; at += HEADS_PER_REQUEST)
      await this.#confirm(meters.slice(at, at + HEADS_PER_REQUEST).map(({ id }) => id))
  }

  async #confirm(ids: readonly string[]): Promise<void> {
    const { heads, unknown } = await this.#options.door.heads(ids)
    const { store } = this.#options
    store.transaction(() => {
      for (const head of heads) this.#settle(head)
    })
    for (const id of unknown) this.#putAsideIfHeld(id)
    this.#admit(ids)
    const now = Date.now()
    for (const id of ids) this.#sendAgain(id, now)
  }

  #settle(head: Head): void {
    const { store } = this.#options
    const meter = this.#window.get(head.meter)
    if (meter === undefined) return
    if (head.reset !== null && !this.#hasTakenUp(meter.id, head.reset)) {
      // what is in the air is of the chain before: the next head will do
      if (meter.stage !== 'sending') this.#takeUp(meter, head.reset)
      return
    }
    const conflict = meter.doubt ?? this.#conflict(meter.id, head)
    if (conflict !== undefined) {
      this.#putAside(meter.id, conflict)
      return
    }
    const confirmed = store.forget(meter.id, head.sequence, (sequence) => isCounted(head, sequence))
    if (confirmed > 0) {
      meter.movedAt = Date.now()
      this.#movedAt = meter.movedAt
      this.#progress.confirmed += confirmed
    }
    if (store.unconfirmed(meter.id, 0, 1).length === 0) this.#window.close(meter.id)
  }

  #conflict(meter: string, place: Pick<Head, 'sequence' | 'hash'>): string | undefined {
    const { store } = this.#options
    return conflictOf(place, store.end(meter), (sequence) => {
      const entry = store.entry(meter, sequence)
      return entry === undefined ? undefined : leafHash(entry)
    })
  }

  #hasTakenUp(meter: string, reset: PendingReset): boolean {
    const { store } = this.#options
    const [first] = store.unconfirmed(meter, 0, 1)
    return hasTakenUp(reset, store.end(meter), first && decodeSignedReading(first.entry)?.reading)
  }

  /** The meter goes on at its reset. Of what this store signed before, that which does not count is signed again from there. */
  #takeUp(meter: OpenMeter, reset: PendingReset): void {
    const { store } = this.#options
    const { before } = reset
    if (this.#conflict(meter.id, before) === undefined)
      this.#progress.confirmed += store.forget(meter.id, before.sequence, (sequence) => isCounted(before, sequence))
    store.takeUp(meter.id, { sequence: reset.sequence - 1, hash: fromHex(reset.previous) })
    this.#progress.resets++
    this.#movedAt = Date.now()
    Object.assign(meter, { next: 1, reached: 0, movedAt: this.#movedAt, refusal: undefined, doubt: undefined })
    this.#window.queue(meter)
    this.#bell.ring()
  }

  #putAsideIfHeld(id: string): void {
    const doubt = this.#window.get(id)?.doubt
    if (doubt !== undefined) this.#putAside(id, doubt)
  }

  #sendAgain(id: string, now: number): void {
    const meter = this.#window.get(id)
    if (meter?.stage !== 'waiting' || now - meter.movedAt < this.#options.resendMillis) return
    meter.next = 1
    meter.movedAt = now
    this.#progress.resends++
    this.#window.queue(meter)
    this.#bell.ring()
  }

  #admit(ids: readonly string[]): void {
    for (const id of ids) {
      const meter = this.#window.get(id)
      if (meter?.stage === 'new') this.#window.queue(meter)
    }
    this.#bell.ring()
  }

  #report(): void {
    this.#options.onProgress?.({ ...this.#progress })
  }
}

/** How long not to ask for heads after an answer that took so long. Asking costs the door 5 µs a meter: it is to have the time for its
 *  work. But a door that was away for half a minute was not working all the while. */
export function pauseMillis(confirmMillis: number, tookMillis: number): number {
  return Math.max(confirmMillis, Math.min(4 * tookMillis, MAX_PAUSE_MILLIS))
}

/** Refused for good: but a reset may let it go on, which its head tells. */
function hold(meter: OpenMeter, reason: string): void {
  meter.stage = 'held'
  meter.doubt ??= reason
}

/** How many entries fit into `bytes`; at least one where the request is empty. */
function fittingIn(bytes: number, entries: readonly Unconfirmed[], isEmpty: boolean): number {
  let rest = bytes
  const at = entries.findIndex(({ entry }) => {
    rest -= entry.length
    return rest < 0
  })
  return Math.max(at < 0 ? entries.length : at, isEmpty ? 1 : 0)
}
