/** Tells garbage that was stepped over. One repair a minute at most for each partition, with how many records it was and where: whoever
 *  may write to a topic must not be answered with as many events again. */
import type { Logger } from 'pino'
import type { TellRepair } from '../../infra/repairs/repair-events.js'
import type { TopicName } from '../../infra/stage.js'
import type { Repair } from '../../schemas/records.js'

/** Records that come together are told together. */
const TOGETHER_MILLIS = 1_000
const MINUTE = 60_000
/** Different reasons that are told by name. */
const MOST_REASONS = 10

export interface Garbage {
  readonly topic: TopicName
  readonly partition: number
  readonly offset: bigint
  /** Why it is no record, in a few words. */
  readonly reason: string
}

interface Waiting {
  readonly topic: TopicName
  readonly partition: number
  /** When the first was found, milliseconds. */
  readonly since: number
  first: bigint
  last: bigint
  count: number
  readonly reasons: Map<string, number>
}

export interface SkippedGarbageOptions {
  readonly tell: TellRepair
  readonly logger: Logger
  /** Default: a second, so that records that come together are told together. */
  readonly togetherMillis?: number
  /** From one repair of a partition to the next. Default: a minute. */
  readonly apartMillis?: number
}

export class SkippedGarbage {
  readonly #waiting = new Map<string, Waiting>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  /** By partition: when the next may be told. */
  readonly #next = new Map<string, number>()
  readonly #telling = new Set<Promise<void>>()

  constructor(private readonly options: SkippedGarbageOptions) {}

  found({ topic, partition, offset, reason }: Garbage): void {
    const key = `${topic}/${partition}`
    const made = { topic, partition, since: Date.now(), first: offset, last: offset, count: 0, reasons: new Map() }
    const waiting = this.#waiting.get(key) ?? made
    waiting.count++
    if (offset < waiting.first) waiting.first = offset
    if (offset > waiting.last) waiting.last = offset
    if (waiting.reasons.has(reason) || waiting.reasons.size < MOST_REASONS)
      waiting.reasons.set(reason, (waiting.reasons.get(reason) ?? 0) + 1)
    this.#waiting.set(key, waiting)
    this.#schedule(key)
  }

  /** What waits is told now. */
  async stop(): Promise<void> {
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
    for (const key of [...this.#waiting.keys()]) this.#tell(key)
    await Promise.all(this.#telling)
  }

  #schedule(key: string): void {
    if (this.#timers.has(key)) return
    const { togetherMillis = TOGETHER_MILLIS } = this.options
    const millis = Math.max(togetherMillis, (this.#next.get(key) ?? 0) - Date.now())
    const timer = setTimeout(() => {
      this.#timers.delete(key)
      this.#tell(key)
    }, millis)
    this.#timers.set(key, timer.unref())
  }

  #tell(key: string): void {
    const waiting = this.#waiting.get(key)
    if (waiting === undefined) return
    const { tell, logger, apartMillis = MINUTE } = this.options
    this.#waiting.delete(key)
    this.#next.set(key, Date.now() + apartMillis)
    const [requested, completed] = eventsOf(waiting, Date.now())
    const told = tell(requested)
      .then(() => tell(completed))
      .catch((err: Error) => logger.warn({ err, key, detail: completed.detail }, 'skipped garbage could not be told'))
      .finally(() => this.#telling.delete(told))
    this.#telling.add(told)
  }
}

/** That it was found, and that it was stepped over: the same under one id, however often the records are read. */
function eventsOf({ topic, partition, since, first, last, count, reasons }: Waiting, now: number): [Repair, Repair] {
  const isOfLane = topic !== 'registry' && topic !== 'checkpoints'
  const where = first === last ? `offset ${first}` : `offsets ${first} to ${last}`
  const why = [...reasons].map(([reason, times]) => `${reason} ${times}`).join(', ')
  const note = {
    ...({ id: `skip/${topic}/${partition}/${first}`, kind: 'skip', lane: isOfLane ? partition : -1 } as const),
    ...{ subject: `topic ${topic}`, fault: 'garbage', by: 'projector', range: null },
    detail: `${count} ${count === 1 ? 'record that is' : 'records that are'} none, ${where}: ${why}`,
  } as const
  return [
    { ...note, status: 'requested', at: since, tookMillis: null },
    { ...note, status: 'completed', at: now, tookMillis: Math.max(0, now - since) },
  ]
}
