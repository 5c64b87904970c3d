import type { TopicName } from '../stage.js'

/** Records that changed nothing, or that nothing vouches for: neighbours in a partition, of one reason. */
export interface Skip {
  readonly topic: TopicName
  readonly partition: number
  readonly from: bigint
  /** The last of them, included. */
  readonly to: bigint
  /** Begins with a code; after a colon, what it is about. */
  readonly reason: string
}

export const describeSkip = ({ topic, partition, from, to, reason }: Skip): string =>
  `${topic}/${partition} ${from === to ? `offset ${from}` : `offsets ${from} to ${to}`}: ${reason}`

/** Names every record that was skipped, and keeps only counts: each range is handed on when it ends. */
export class Skips {
  /** Records by topic and code of the reason. */
  readonly counts = new Map<string, number>()
  #open: Skip | undefined

  constructor(private readonly onSkipped: (skip: Skip) => void) {}

  add(topic: TopicName, partition: number, offset: bigint, reason: string): void {
    this.addRange({ topic, partition, from: offset, to: offset, reason })
  }

  addRange(skip: Skip): void {
    const key = `${skip.topic} ${skip.reason.replace(/:.*/s, '')}`
    this.counts.set(key, (this.counts.get(key) ?? 0) + Number(skip.to - skip.from) + 1)
    const open = this.#open
    if (open !== undefined && isNext(open, skip)) {
      this.#open = { ...open, to: skip.to }
      return
    }
    this.flush()
    this.#open = skip
  }

  /** Hands on the range that is still open. */
  flush(): void {
    const open = this.#open
    this.#open = undefined
    if (open !== undefined) this.onSkipped(open)
  }
}

const isNext = (open: Skip, { topic, partition, from, reason }: Skip): boolean =>
  open.topic === topic && open.partition === partition && open.reason === reason && open.to + 1n === from
