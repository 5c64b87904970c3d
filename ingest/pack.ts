/** The packer's core: a lane's accepted readings, in the order they came, into records. KafkaJS costs 25 µs to produce a record and
 *  10 µs to consume one at every stage, so what comes within some milliseconds goes into one. */

export interface PackLimits {
  /** How long a reading may wait for others. */
  readonly maxAgeMillis: number
  readonly maxCount: number
  /** Of the record: entries and frame. */
  readonly maxBytes: number
}

export interface Packable {
  readonly entry: Buffer
  readonly meter: string
}

export interface Pack<Item extends Packable> {
  readonly items: readonly Item[]
  /** Meter id, if all readings are of one meter: the record's key. */
  readonly key: string | null
}

/** The registry prefix (5), the count of at most 1,000 (2), the end mark (1). */
export const FRAME_BYTES = 8

export class Packer<Item extends Packable> {
  private readonly closed: Pack<Item>[] = []
  private open: Item[] = []
  private openBytes = FRAME_BYTES
  private openedAt = 0

  constructor(private readonly limits: PackLimits) {}

  /** Takes one reading at `now` (milliseconds of any clock that only goes forward). */
  add(item: Item, now: number): void {
    const { maxCount, maxBytes } = this.limits
    if (this.open.length > 0 && this.openBytes + item.entry.length > maxBytes) this.close()
    if (this.open.length === 0) this.openedAt = now
    this.open.push(item)
    this.openBytes += item.entry.length
    if (this.open.length >= maxCount || this.openBytes >= maxBytes) this.close()
  }

  /** When the oldest reading has waited long enough; undefined while there is none. A full pack is due at once. */
  dueAt(): number | undefined {
    if (this.closed.length > 0) return 0
    return this.open.length === 0 ? undefined : this.openedAt + this.limits.maxAgeMillis
  }

  /** The next pack, if it is full, old enough at `now`, or asked for by `flush`. */
  take(now: number, flush = false): Pack<Item> | undefined {
    const due = this.dueAt()
    if (due === undefined || (!flush && due > now)) return undefined
    if (this.closed.length === 0) this.close()
    return this.closed.shift()
  }

  private close(): void {
    this.closed.push({ items: this.open, key: oneMeter(this.open) })
    this.open = []
    this.openBytes = FRAME_BYTES
  }
}

function oneMeter(items: readonly Packable[]): string | null {
  const meter = items[0]?.meter ?? null
  return items.every((item) => item.meter === meter) ? meter : null
}
