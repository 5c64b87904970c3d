/** The five bytes before each record by which other tools find its schema. No signature covers them and no rule depends on them, so
 *  a change there would pass unseen: records that carry another schema id than most of their kind are named. */
import type { TopicName } from '../stage.js'
import type { Skip } from './skips.js'

interface Run {
  readonly kind: string
  readonly topic: TopicName
  readonly partition: number
  readonly from: bigint
  to: bigint
  readonly id: number
}

/** Runs kept before they are settled: ids change when a schema registry is lost, not with every record. */
const MAX_RUNS = 10_000
const NO_PREFIX = -1

const idOf = (value: Buffer | null): number =>
  value !== null && value.length >= 5 && value[0] === 0 ? value.readUInt32BE(1) : NO_PREFIX
const named = (id: number): string => (id === NO_PREFIX ? 'no schema id' : `schema id ${id}`)

export class SchemaPrefixes {
  readonly #open = new Map<string, Run>()
  #closed: Run[] = []
  /** Records by kind and id. */
  readonly #counts = new Map<string, Map<number, number>>()

  constructor(private readonly onOdd: (skip: Skip) => void) {}

  /** `kind`: what the record is, in the plural. */
  note(kind: string, topic: TopicName, partition: number, offset: bigint, value: Buffer | null): void {
    const id = idOf(value)
    const counts = this.#counts.get(kind) ?? new Map<number, number>()
    this.#counts.set(kind, counts.set(id, (counts.get(id) ?? 0) + 1))
    const place = `${kind} ${topic} ${partition}`
    const run = this.#open.get(place)
    if (run?.id === id) {
      run.to = offset
      return
    }
    if (run !== undefined) this.#closed.push(run)
    this.#open.set(place, { kind, topic, partition, from: offset, to: offset, id })
    if (this.#closed.length >= MAX_RUNS) this.#settle()
  }

  /** Names what is left; to be called at the end. */
  flush(): void {
    this.#closed.push(...this.#open.values())
    this.#open.clear()
    this.#settle()
  }

  #settle(): void {
    for (const { kind, topic, partition, from, to, id } of this.#closed) {
      const usual = this.#usualIds(kind)
      if (usual.length === 1 && usual[0] === id) continue
      const others = usual.length === 1 ? `most ${kind} carry ${named(usual[0] ?? NO_PREFIX)}` : `the ${kind} disagree`
      this.onOdd({ topic, partition, from, to, reason: `schema-id: carries ${named(id)}, ${others}` })
    }
    this.#closed = []
  }

  /** The most frequent id of a kind; several where they are equally frequent, for then nobody can say which is right. */
  #usualIds(kind: string): number[] {
    const counts = [...(this.#counts.get(kind) ?? [])]
    const most = Math.max(...counts.map(([, count]) => count))
    return counts.filter(([, count]) => count === most).map(([id]) => id)
  }
}
