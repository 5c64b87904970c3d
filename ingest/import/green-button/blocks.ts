/** The second look at a feed: its blocks of intervals, as series of what the catalog says that they are. */
import { LIMITS } from '../../../schemas/limits.js'
import { MalformedFile, shown } from '../malformed-file.js'
import type { Source } from '../piece.js'
import { LONGEST_STEP, MOST_VALUES, type Series, type Value } from '../series.js'
import { type Channel, hrefOf, type MeterReading, parentOf } from './catalog.js'
import type { BlockSoFar, Entry, FeedHandler, Link, Resource } from './feed.js'
import { espiQuality, scaledBy } from './reading-type.js'

const DAY = 86_400
/** A year of quarter hours: readings of an entry whose links come after them have to wait. */
const MOST_WAITING = 35_136

/** A reading as it is written: it may come before what it is of. */
interface Raw {
  readonly line: number
  readonly block: Resource
  readonly start: string | undefined
  readonly duration: string | undefined
  readonly value: string
  readonly quality: string | undefined
  /** Place in the block: gives the time of a reading that has none. */
  readonly index: number
}
/** What is gathered of one block and day. */
interface Open {
  readonly channel: Channel
  readonly block: Resource
  readonly day: number
  readonly scaler: number
  readonly values: (Value & { readonly line: number })[]
}

export class BlockReader implements FeedHandler {
  readonly #ready: Series[] = []
  readonly #leftOut = new Map<MeterReading, number>()
  #waiting: Raw[] = []
  #open: Open | undefined

  constructor(
    private readonly source: Source,
    private readonly meterReadings: ReadonlyMap<string, MeterReading>,
    private readonly version: number,
  ) {}

  updated(): void {
    // the catalog has it
  }

  reading({ line, texts }: Resource, block: BlockSoFar, links: readonly Link[]): void {
    this.source.counts.records++
    const value = texts.get('value')
    if (value === undefined) {
      this.source.counts.missing++
      return
    }
    const raw: Raw = {
      ...{ line, block, value, index: block.index },
      start: texts.get('timePeriod/start'),
      duration: texts.get('timePeriod/duration'),
      quality: texts.get('ReadingQuality/quality'),
    }
    const meterReading = this.#meterReading(links)
    if (meterReading !== undefined) {
      this.#take(raw, meterReading)
      return
    }
    this.#waiting.push(raw)
    if (this.#waiting.length > MOST_WAITING)
      throw new MalformedFile(
        line,
        `an entry has more than ${MOST_WAITING} readings before a link that says which MeterReading they are of`,
      )
  }

  entry({ line, links }: Entry): void {
    const waiting = this.#waiting
    this.#waiting = []
    const meterReading = this.#meterReading(links)
    if (meterReading !== undefined) for (const raw of waiting) this.#take(raw, meterReading)
    else if (waiting.length > 0)
      this.source.refuse(
        line,
        `its link ${shown(hrefOf(links, 'up'))} is of no MeterReading of the file: ${waiting.length} readings are left out`,
      )
    this.#flush()
  }

  /** Series that are whole. */
  take(): Series[] {
    return this.#ready.splice(0)
  }

  /** Tells what was left out. */
  end(): void {
    for (const [{ line, channel }, count] of this.#leftOut)
      this.source.refuse(
        line,
        `a MeterReading is left out, with ${count} readings: ${typeof channel === 'string' ? channel : ''}`,
      )
  }

  #meterReading(links: readonly Link[]): MeterReading | undefined {
    const up = hrefOf(links, 'up')
    return this.meterReadings.get(up === '' ? parentOf(hrefOf(links, 'self')) : up)
  }

  #take(raw: Raw, meterReading: MeterReading): void {
    const { channel } = meterReading
    if (typeof channel === 'string') {
      this.#leftOut.set(meterReading, (this.#leftOut.get(meterReading) ?? 0) + 1)
      return
    }
    const read = readRaw(raw, channel)
    if (typeof read === 'string') this.source.refuse(raw.line, read)
    else this.#add(raw, channel, read)
  }

  #add({ line, block }: Raw, channel: Channel, { scaler, ...value }: Value & { scaler: number }): void {
    const day = dayIn(block, value.start)
    const isOfOpen = (open: Open) =>
      open.channel === channel && open.block === block && open.day === day && open.values.length < MOST_VALUES
    if (this.#open !== undefined && !isOfOpen(this.#open)) this.#flush()
    this.#open ??= { channel, block, day, scaler, values: [] }
    this.#open.values.push({ ...value, line })
  }

  #flush(): void {
    const open = this.#open
    this.#open = undefined
    if (open === undefined) return
    const { meter, zone, obis, unit } = open.channel
    const values = this.#withoutOverlap(open.values)
    if (values.length > 0) this.#ready.push({ meter, zone, obis, unit, scaler: open.scaler, version: this.version, values })
  }

  #withoutOverlap(values: Open['values']): Value[] {
    const kept: Value[] = []
    let end = 0
    for (const { line, ...value } of values.sort((a, b) => a.start - b.start)) {
      if (kept.length > 0 && (value.start < end || kept.at(-1)?.start === value.start)) {
        this.source.refuse(line, 'a second value for this time in one block')
        continue
      }
      kept.push(value)
      end = value.start + value.step
    }
    return kept
  }
}

/** Days within a block that is longer than one, counted from its start. */
function dayIn({ texts }: Resource, at: number): number {
  const [first, length] = [seconds(texts.get('interval/start')), seconds(texts.get('interval/duration'))]
  if (first !== undefined && length !== undefined && length <= LONGEST_STEP) return 0
  return Math.floor((at - (first ?? 0)) / DAY)
}

const seconds = (text: string | undefined) => (/^\d{1,12}$/.test(text ?? '') ? Number(text) : undefined)

function readRaw(raw: Raw, { exponent, isRegister, step, quality }: Channel): (Value & { scaler: number }) | string {
  const length = raw.duration === undefined ? (step ?? (isRegister ? 0 : undefined)) : seconds(raw.duration)
  if (length === undefined || (length === 0 && !isRegister))
    return `${shown(raw.duration ?? '')} is not the length of an interval, in seconds`
  if (length > LONGEST_STEP && !isRegister)
    return `an interval of ${length} s is longer than a day, and no part of a load profile`
  const blockStart = raw.block.texts.get('interval/start')
  const first = seconds(blockStart)
  const start = raw.start === undefined ? (first === undefined ? undefined : first + raw.index * length) : seconds(raw.start)
  if (start === undefined || start + length > LIMITS.epochSeconds)
    return `${shown(raw.start ?? blockStart ?? '')} is not a time: expected seconds since 1970`
  const scaled = /^-?\d{1,18}$/.test(raw.value) ? scaledBy(exponent, BigInt(raw.value)) : undefined
  if (scaled === undefined) return `${shown(raw.value)} is not a whole number that a reading can hold`
  // a register stands at the end of its period
  const time = isRegister ? { start: start + length, step: 0 } : { start, step: length }
  return { ...time, ...scaled, quality: raw.quality === undefined ? quality : espiQuality(raw.quality) }
}
