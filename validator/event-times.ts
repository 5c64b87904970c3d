/** When the registry outgrew a size: by the append times of the newest events, for a voter who asks whether a block names an old state. */
export class EventTimes {
  private readonly times = new Map<number, number>()
  /** The oldest index kept, and a time at which all before it had surely come. */
  private oldest: number
  private before: number
  private size: number

  /** The registry held `size` events at `now`, milliseconds; `kept` of those that follow are remembered one by one. */
  constructor(
    size: number,
    now: number,
    private readonly kept = 1_000,
  ) {
    this.size = size
    this.oldest = size
    this.before = now
  }

  note(index: number, timestamp: number): void {
    this.times.set(index, timestamp)
    this.size = index + 1
    for (; this.oldest < this.size - this.kept; this.oldest++) {
      this.before = this.times.get(this.oldest) ?? this.before
      this.times.delete(this.oldest)
    }
  }

  /** Since when, milliseconds, at the latest, the registry is larger than `size`; undefined where it is not. */
  outgrownAt(size: number): number | undefined {
    return size >= this.size ? undefined : (this.times.get(size) ?? this.before)
  }
}
