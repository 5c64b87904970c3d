import { equalBytes } from '../../schemas/bytes.js'
import { type Header, splitEntries } from '../../schemas/records.js'
import type { LogDamage } from '../kafka/log-reader.js'
import type { LogSource, OffsetRange, SourceRecord } from './log-source.js'
import type { SchemaPrefixes } from './schema-prefixes.js'

export interface HeldReadingsOptions {
  readonly source: LogSource
  readonly lane: number
  /** What the partition held at the beginning; undefined where there is no such partition. */
  readonly range: OffsetRange | undefined
  /** The epoch of the lane’s source that the partition holds. */
  readonly epoch: number
  readonly prefixes: SchemaPrefixes
  onRecord(): void
  onDamaged(damage: LogDamage): void
}

/** How a block differs from the records it was made from. */
export interface EntriesFault {
  readonly entry?: number
  readonly reason: string
}

interface HeldEntry {
  readonly offset: bigint
  readonly entry: Buffer
}

/** What a lane’s partition of `readings` still holds, against which its blocks are compared in order. Records are deleted from the
 *  front once they are final, so a block may be held in part: its last entries. */
export class HeldReadings {
  /** First offset that was compared; undefined: none. */
  comparedFrom: bigint | undefined
  /** Records of more than one offset lay behind the last block that was compared whole. */
  lastRecords = 0
  readonly #records: AsyncIterator<SourceRecord>
  #ahead: SourceRecord | undefined
  #low: bigint
  #hasBegun = false

  constructor(private readonly options: HeldReadingsOptions) {
    this.#records = options.source.read('readings', options.lane, options.onDamaged)[Symbol.asyncIterator]()
    this.#low = options.range?.low ?? 0n
  }

  /** Whether a final block’s entries are those of the records in its range, as far as these are there. */
  async compare(header: Header, entries: readonly Buffer[]): Promise<EntriesFault | undefined> {
    const { firstOffset, lastOffset, sourceEpoch } = header
    const { range, epoch } = this.options
    this.lastRecords = 0
    if (lastOffset < firstOffset) {
      return entries.length === 0 ? undefined : { entry: 0, reason: 'it holds entries, and covers no record of readings' }
    }
    if (range === undefined || sourceEpoch !== epoch) return undefined
    if (lastOffset >= range.high) {
      return { reason: `it covers readings up to offset ${lastOffset}, and the topic ends before ${range.high}` }
    }
    const held = await this.#take(lastOffset)
    if (this.#low > lastOffset) return undefined
    this.comparedFrom ??= this.#low > firstOffset ? this.#low : firstOffset
    return difference(entries, held, this.#low > firstOffset, header)
  }

  /** Ends the reading of the topic. */
  async close(): Promise<void> {
    await this.#records.return?.()
  }

  async #take(lastOffset: bigint): Promise<HeldEntry[]> {
    const held: HeldEntry[] = []
    for (;;) {
      this.#ahead ??= await this.#next()
      const record = this.#ahead
      if (record === undefined || record.offset > lastOffset) return held
      this.#ahead = undefined
      this.lastRecords++
      const { offset, value } = record
      this.options.prefixes.note('readings', 'readings', this.options.lane, offset, value)
      for (const entry of splitEntries(value)) held.push({ offset, entry })
    }
  }

  async #next(): Promise<SourceRecord | undefined> {
    const result = await this.#records.next()
    if (result.done === true) return undefined
    this.options.onRecord()
    if (!this.#hasBegun && result.value.offset > this.#low) await this.#lookAgain()
    this.#hasBegun = true
    return result.value
  }

  /** Records may have been deleted since the partition’s range was asked for. */
  async #lookAgain(): Promise<void> {
    const { source, lane } = this.options
    const low = (await source.endOffsets('readings')).get(lane)?.low ?? 0n
    if (low > this.#low) this.#low = low
  }
}

function difference(
  entries: readonly Buffer[],
  held: readonly HeldEntry[],
  isPart: boolean,
  { firstOffset, lastOffset }: Header,
): EntriesFault | undefined {
  const from = isPart ? entries.length - held.length : 0
  for (const [index, { offset, entry }] of held.entries()) {
    const claimed = entries[from + index]
    if (claimed === undefined || !equalBytes(claimed, entry)) {
      return { entry: Math.max(0, from + index), reason: `it is not the entry that stands at offset ${offset} of readings` }
    }
  }
  if (from + held.length === entries.length) return undefined
  const range = `offsets ${firstOffset} to ${lastOffset}`
  return { entry: held.length, reason: `the block holds ${entries.length} entries, and readings hold ${held.length} in ${range}` }
}
