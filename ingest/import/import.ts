/** Takes files of readings in: signs them as an importer, enrols their meters, and sends them through the door. */
import type { EnrolledMeter } from '../../schemas/records.js'
import { type DeliverOptions, type DeliveryReport, deliver } from '../meter/deliver.js'
import type { Mark, Message, MeterStore } from '../meter/meter-store.js'
import { KwhSum } from './decimal.js'
import { enrolledMark, fileMark, finishedFile, isEnrolled, newSlots } from './imported-days.js'
import { contentsOf } from './lcl.js'
import { type LineCounts, type MeterDay, meterDays } from './meter-days.js'
import { fileHash, type ReadFailure, readableLines } from './read-csv.js'

export interface ImportOptions {
  readonly files: readonly string[]
  readonly format: 'lcl'
  /** One message a meter-day, or one a half hour. */
  readonly message: 'day' | 'half-hour'
  readonly store: MeterStore
  readonly door: DeliverOptions['door']
  /** Enrols meters with these keys; safe to repeat. Readings are sent when it returns. */
  enrol(meters: EnrolledMeter[]): Promise<void>
  /** How they are sent; its progress is told by `onProgress`. */
  readonly delivery?: Omit<DeliverOptions, 'store' | 'door' | 'meters' | 'onProgress'>
  /** Messages that are signed before they are sent. */
  readonly sliceMessages?: number
  onProgress?(progress: ImportProgress): void
  onMalformed?(malformed: { file: string; line: number; reason: string }): void
}

export interface ImportProgress {
  readonly filesDone: number
  readonly files: number
  readonly lines: number
  /** Messages signed in this run, and found to count. */
  readonly messages: number
  readonly confirmed: number
}

export interface ImportSummary extends LineCounts {
  readonly files: number
  /** Files that were read to their end by an earlier import. */
  readonly knownFiles: number
  readonly meters: number
  /** Signed in this run. */
  readonly messages: number
  readonly intervals: number
  /** Intervals that an earlier import had signed. */
  readonly knownIntervals: number
  /** Energy signed in this run by meter, exact decimal text. */
  readonly kwh: ReadonlyMap<string, string>
  /** Messages found to count in this run: an earlier run's may be among them. */
  readonly confirmed: number
  readonly refused: Readonly<Record<string, number>>
  readonly givenUp: number
  readonly setAside: DeliveryReport['setAside']
  /** Messages of these meters still in the store: 0 where all counts. */
  readonly left: number
}

const MESSAGES_PER_COMMIT = 1_000
const SLICE_MESSAGES = 50_000

/** Rejects with TransientError where the door stays away: what was signed is in the store, and the same call goes on. */
export function importFiles(options: ImportOptions): Promise<ImportSummary> {
  return new Import(options).run()
}

class Import {
  readonly #meters = new Set<string>()
  readonly #counts: LineCounts = { lines: 0, malformed: 0, missing: 0 }
  readonly #kwh = new Map<string, KwhSum>()
  readonly #refused: Record<string, number> = {}
  readonly #setAside: { meter: string; reason: string }[] = []
  #pending: { messages: Message[]; marks: Mark[]; days: Set<string> } = { messages: [], marks: [], days: new Set() }
  #filesDone = 0
  #knownFiles = 0
  #messages = 0
  #unsent = 0
  #intervals = 0
  #knownIntervals = 0
  #confirmed = 0
  #givenUp = 0

  constructor(private readonly options: ImportOptions) {}

  async run(): Promise<ImportSummary> {
    for (const file of this.options.files) {
      await this.#importFile(file)
      this.#filesDone++
      this.#report()
    }
    await this.#send()
    return {
      ...this.#counts,
      files: this.options.files.length,
      knownFiles: this.#knownFiles,
      meters: this.#meters.size,
      messages: this.#messages,
      intervals: this.#intervals,
      knownIntervals: this.#knownIntervals,
      kwh: new Map([...this.#kwh].map(([meter, sum]) => [meter, sum.toString()])),
      confirmed: this.#confirmed,
      refused: this.#refused,
      givenUp: this.#givenUp,
      setAside: this.#setAside,
      left: this.options.store.countUnconfirmed(this.#meters),
    }
  }

  async #importFile(file: string): Promise<void> {
    const { store, message } = this.options
    const hash = await fileHash(file)
    const known = finishedFile(store, hash, message)
    if (known !== undefined) {
      this.#knownFiles++
      for (const meter of known.meters) this.#meters.add(meter)
      return
    }
    const before = this.#counts.lines
    const meters = new Set<string>()
    const isWhole = await this.#readFile(file, async (meterDay) => {
      meters.add(meterDay.meter)
      await this.#take(meterDay)
    })
    const mark = fileMark(hash, message, { lines: this.#counts.lines - before, meters: [...meters] })
    this.#commit(isWhole ? [mark] : [])
  }

  /** Returns whether the file could be read to its end; else it is told, and the next file goes on. */
  async #readFile(file: string, take: (meterDay: MeterDay) => Promise<void>): Promise<boolean> {
    const refuse = (line: number, reason: string) => this.options.onMalformed?.({ file, line, reason })
    const failure: ReadFailure = {}
    for await (const meterDay of meterDays(readableLines(file, failure), this.#counts, refuse)) await take(meterDay)
    if (failure.reason === undefined) return true
    this.#counts.malformed++
    refuse(failure.line ?? 1, `the rest of the file cannot be read: ${failure.reason}`)
    return false
  }

  async #take(meterDay: MeterDay): Promise<void> {
    const { meter, day } = meterDay
    this.#meters.add(meter)
    const key = `${meter} ${day}`
    if (this.#pending.days.has(key)) this.#commit()
    const { slots, mark } = newSlots(this.options.store, meterDay)
    this.#knownIntervals += meterDay.slots.size - slots.size
    if (slots.size === 0) return
    this.#intervals += slots.size
    const sum = this.#kwh.get(meter) ?? new KwhSum()
    for (const kwh of slots.values()) sum.add(kwh)
    this.#kwh.set(meter, sum)
    const contents =
      this.options.message === 'day'
        ? contentsOf(day, slots)
        : [...slots].flatMap(([slot, kwh]) => contentsOf(day, new Map([[slot, kwh]])))
    for (const content of contents) this.#pending.messages.push({ meter, content })
    this.#pending.marks.push(mark)
    this.#pending.days.add(key)
    if (this.#pending.messages.length >= MESSAGES_PER_COMMIT) this.#commit()
    if (this.#unsent >= (this.options.sliceMessages ?? SLICE_MESSAGES)) await this.#send()
  }

  #commit(marks: readonly Mark[] = []): void {
    const { store } = this.options
    const { messages } = this.#pending
    const unknown = [...new Set(messages.map(({ meter }) => meter))].filter((meter) => !store.has(meter))
    if (unknown.length > 0) store.create(unknown)
    const signed = store.sign(messages, [...this.#pending.marks, ...marks])
    this.#pending = { messages: [], marks: [], days: new Set() }
    this.#messages += signed
    this.#unsent += signed
    this.#report()
  }

  async #send(): Promise<void> {
    const { store, door, delivery } = this.options
    await this.#enrol()
    const before = this.#confirmed
    const report = await deliver({
      ...delivery,
      store,
      door,
      meters: this.#meters,
      onProgress: ({ confirmed }) => {
        this.#confirmed = before + confirmed
        this.#report()
      },
    })
    this.#unsent = 0
    this.#givenUp += report.givenUp
    this.#setAside.push(...report.setAside)
    for (const [fault, count] of Object.entries(report.refused)) this.#refused[fault] = (this.#refused[fault] ?? 0) + count
  }

  async #enrol(): Promise<void> {
    const { store } = this.options
    const unknown = [...this.#meters].filter((meter) => store.has(meter) && !isEnrolled(store, meter))
    if (unknown.length === 0) return
    await this.options.enrol(unknown.map((meter) => importedMeter(meter, store.publicKey(meter))))
    store.sign([], unknown.map(enrolledMark))
  }

  #report(): void {
    this.options.onProgress?.({
      filesDone: this.#filesDone,
      files: this.options.files.length,
      lines: this.#counts.lines,
      messages: this.#messages,
      confirmed: this.#confirmed,
    })
  }
}

/** The trial names meters, not places: a meter's usage point bears its name. */
function importedMeter(meter: string, key: Buffer): EnrolledMeter {
  const usagePoint = { id: meter, zone: 'Europe/London', feeder: '', region: '', plan: '' }
  return { meter, key, signer: 'importer', usagePoint }
}
