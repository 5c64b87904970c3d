/** The packer's shell for one lane: one send in flight, the next pack gathers meanwhile, so records grow with the load. */
import { BugError } from '../schemas/errors.js'
import { joinEntries } from '../schemas/records.js'
import { type Pack, type Packable, Packer, type PackLimits } from './pack.js'

export interface LaneWriterOptions {
  readonly limits: PackLimits
  /** Appends one record to the lane and resolves when Kafka has acknowledged it on this lane. `body` is a Readings record. */
  append(body: Buffer, key: string | null): Promise<unknown>
  /** Milliseconds of a clock that only goes forward. */
  now(): number
  /** A record was not acknowledged; its senders are told. */
  onFailed(error: unknown, readings: number): void
  /** A BugError: the process cannot go on. */
  onFatal(error: Error): void
}

interface Waiting extends Packable {
  resolve(): void
  reject(error: unknown): void
}

export class LaneWriter {
  private readonly packer: Packer<Waiting>
  private pumping: Promise<void> | undefined
  private timer: NodeJS.Timeout | undefined
  private isDraining = false

  constructor(private readonly options: LaneWriterOptions) {
    this.packer = new Packer(options.limits)
  }

  /** Offers an accepted reading. Resolves when Kafka has acknowledged the record that it went into; rejects where it did not. */
  offer(item: Packable): Promise<void> {
    const settled = new Promise<void>((resolve, reject) => {
      this.packer.add({ entry: item.entry, meter: item.meter, resolve, reject }, this.options.now())
    })
    this.schedule()
    return settled
  }

  /** Sends what was offered without waiting for its age, now and from now on. Resolves when nothing is left. */
  async drain(): Promise<void> {
    this.isDraining = true
    this.schedule()
    while (this.pumping !== undefined) await this.pumping
  }

  /** While a send is in flight its end looks again. */
  private schedule(): void {
    if (this.pumping !== undefined) return
    const dueAt = this.packer.dueAt()
    if (dueAt === undefined) return
    const wait = dueAt - this.options.now()
    if (wait <= 0 || this.isDraining) this.start()
    else this.timer ??= setTimeout(() => this.start(), wait)
  }

  private start(): void {
    clearTimeout(this.timer)
    this.timer = undefined
    if (this.pumping !== undefined) return
    this.pumping = this.pump().finally(() => {
      this.pumping = undefined
      this.schedule()
    })
  }

  private async pump(): Promise<void> {
    for (let pack = this.next(); pack !== undefined; pack = this.next()) await this.send(pack)
  }

  /** A timer may fire a fraction of a millisecond early. */
  private next(): Pack<Waiting> | undefined {
    return this.packer.take(this.options.now() + 1, this.isDraining)
  }

  private async send(pack: Pack<Waiting>): Promise<void> {
    try {
      await this.options.append(joinEntries(pack.items.map((item) => item.entry)), pack.key)
      for (const item of pack.items) item.resolve()
    } catch (error) {
      for (const item of pack.items) item.reject(error)
      this.options.onFailed(error, pack.items.length)
      if (error instanceof BugError) this.options.onFatal(error)
    }
  }
}
