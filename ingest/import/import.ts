/** Takes files of readings in: signs them as an importer, enrols their meters, and sends them through the door. */
import type { EnrolledMeter } from '../../schemas/records.js'
import { type DeliverOptions, type DeliveryReport, deliver } from '../meter/deliver.js'
import type { Mark, Message, MeterStore } from '../meter/meter-store.js'
import type { ReadingContent } from '../meter/sign-reading.js'
import { type FormatName, formatOf, piecesOf } from './formats.js'
import { enrolledMark, fileMark, finishedFile, isEnrolled, zoneMark, zoneOf } from './imported-files.js'
import { MalformedFile } from './malformed-file.js'
import type { LclMessage } from './meter-days.js'
import { PendingMarks, type Piece, type RecordCounts, type Source } from './piece.js'
import { fileHash } from './read-csv.js'
import { type ChannelTotal, Totals } from './totals.js'

export interface ImportOptions {
  readonly files: readonly string[]
  /** Default: what each file's content says. */
  readonly format?: FormatName
  /** Of London files: one message a meter-day, or one a half hour. */
  readonly message: LclMessage
  /** Zone of usage points that are enrolled by this import; default: what the format says. */
  readonly zone?: string
  readonly store: MeterStore
  readonly door: DeliverOptions['door']
  /** Enrols meters with these keys; safe to repeat. Readings are sent when it returns. */
  enrol(meters: EnrolledMeter[]): Promise<void>
  /** How they are sent; its progress is told by `onProgress`. */
  readonly delivery?: Omit<DeliverOptions, 'store' | 'door' | 'meters' | 'onProgress'>
  /** Messages that are signed before they are sent. */
  readonly sliceMessages?: number
  onProgress?(progress: ImportProgress): void
  onMalformed?(malformed: Malformed): void
}

export interface Malformed {
  readonly file: string
  readonly line: number
  readonly reason: string
}

export interface ImportProgress {
  readonly filesDone: number
  readonly files: number
  readonly records: number
  /** Messages signed in this run, and found to count. */
  readonly messages: number
  readonly confirmed: number
}

export interface ImportSummary extends RecordCounts {
  readonly files: number
  /** Files that were read to their end by an earlier import. */
  readonly knownFiles: number
  readonly meters: number
  /** Signed in this run. */
  readonly messages: number
  readonly intervals: number
  readonly registers: number
  /** Values among them that correct what an earlier message says. */
  readonly corrected: number
  /** Values that were signed before as they are. */
  readonly known: number
  /** Values left out, for a newer version was signed before. */
  readonly outdated: number
  /** What was signed in this run, by meter and channel. */
  readonly totals: readonly ChannelTotal[]
  /** Messages found to count in this run: an earlier run's may be among them. */
  readonly confirmed: number
  readonly refused: Readonly<Record<string, number>>
  readonly givenUp: number
  readonly setAside: DeliveryReport['setAside']
  /** Messages of these meters still in the store: 0 where all counts. */
  readonly left: number
}

/** Something was malformed, and no message of any file was signed, now or before. */
export function isNothingTaken({ malformed, messages, confirmed, known, outdated, knownFiles }: ImportSummary): boolean {
  return malformed > 0 && messages + confirmed + known + outdated + knownFiles === 0
}

const MESSAGES_PER_COMMIT = 1_000
const SLICE_MESSAGES = 50_000

/** Rejects with TransientError where the door stays away: what was signed is in the store, and the same call goes on. */
export function importFiles(options: ImportOptions): Promise<ImportSummary> {
  return new Import(options).run()
}

class Import {
  readonly #meters = new Set<string>()
  readonly #counts: RecordCounts = { records: 0, malformed: 0, missing: 0 }
  readonly #values = { corrected: 0, known: 0, outdated: 0 }
  readonly #totals = new Totals()
  readonly #refused: Record<string, number> = {}
  readonly #setAside: { meter: string; reason: string }[] = []
  readonly #marks: PendingMarks
  #pending: Message[] = []
  /** Sequence of the last message of each meter that has some pending. */
  readonly #sequences = new Map<string, number>()
  #filesDone = 0
  #knownFiles = 0
  #messages = 0
  #unsent = 0
  #confirmed = 0
  #givenUp = 0

  constructor(private readonly options: ImportOptions) {
    this.#marks = new PendingMarks(options.store)
  }

  async run(): Promise<ImportSummary> {
    for (const file of this.options.files) {
      await this.#importFile(file)
      this.#filesDone++
      this.#report()
    }
    await this.#send()
    return {
      ...this.#counts,
      ...this.#values,
      files: this.options.files.length,
      knownFiles: this.#knownFiles,
      meters: this.#meters.size,
      messages: this.#messages,
      intervals: this.#totals.intervals,
      registers: this.#totals.registers,
      totals: this.#totals.all(),
      confirmed: this.#confirmed,
      refused: this.#refused,
      givenUp: this.#givenUp,
      setAside: this.#setAside,
      left: this.options.store.countUnconfirmed(this.#meters),
    }
  }

  async #importFile(file: string): Promise<void> {
    const hash = await fileHash(file)
    const meters = new Set<string>()
    const source: Source = { path: file, counts: this.#counts, refuse: (line, reason) => this.#refuse(file, line, reason) }
    let mark: Mark | undefined
    try {
      mark = await this.#readFile(source, hash, meters)
    } catch (error) {
      if (!(error instanceof MalformedFile)) throw error
      source.refuse(error.line, error.reason)
    }
    this.#commit(mark === undefined ? [] : [mark])
  }

  /** Returns the mark of a file that was read to its end; none where all that was in it was refused, so that who imports it again is told
   *  again. Throws MalformedFile where it could not: then the next file goes on. */
  async #readFile(source: Source, hash: string, meters: Set<string>): Promise<Mark | undefined> {
    const { store, message } = this.options
    const format = this.options.format ?? (await formatOf(source.path))
    const known = finishedFile(store, format, hash, message)
    if (known !== undefined) {
      this.#knownFiles++
      for (const meter of known.meters) this.#meters.add(meter)
      return undefined
    }
    const malformed = this.#counts.malformed
    let hasValues = false
    for await (const piece of piecesOf(format, message)(source)) {
      meters.add(piece.meter)
      hasValues = (await this.#take(piece)) || hasValues
    }
    if (!hasValues && this.#counts.malformed > malformed) return undefined
    return fileMark(format, hash, message, { meters: [...meters] })
  }

  #refuse(file: string, line: number, reason: string): void {
    this.#counts.malformed++
    this.options.onMalformed?.({ file, line, reason })
  }

  /** Whether it holds a value that is signed, now or before. */
  async #take(piece: Piece): Promise<boolean> {
    const { meter } = piece
    this.#meters.add(meter)
    const last = this.#sequenceOf(meter)
    const { contents, ...counts } = piece.plan(this.#marks, last + 1)
    for (const key of ['corrected', 'known', 'outdated'] as const) this.#values[key] += counts[key]
    if (contents.length === 0) return counts.known + counts.outdated > 0
    if (!this.options.store.has(meter)) this.#marks.set(...zoneMark(meter, this.options.zone ?? piece.zone))
    for (const content of contents) this.#add(meter, content)
    this.#sequences.set(meter, last + contents.length)
    if (this.#pending.length >= MESSAGES_PER_COMMIT) this.#commit()
    if (this.#unsent >= (this.options.sliceMessages ?? SLICE_MESSAGES)) await this.#send()
    return true
  }

  #sequenceOf(meter: string): number {
    const { store } = this.options
    return this.#sequences.get(meter) ?? (store.has(meter) ? store.end(meter).sequence : 0)
  }

  #add(meter: string, content: ReadingContent): void {
    this.#pending.push({ meter, content })
    this.#totals.add(meter, content)
  }

  #commit(marks: readonly Mark[] = []): void {
    const { store } = this.options
    const messages = this.#pending
    const unknown = [...this.#sequences.keys()].filter((meter) => !store.has(meter))
    const signed = store.transaction(() => {
      if (unknown.length > 0) store.create(unknown)
      const count = store.sign(messages, [...this.#marks.take(), ...marks])
      this.#checkSequences()
      return count
    })
    this.#pending = []
    this.#sequences.clear()
    this.#messages += signed
    this.#unsent += signed
    this.#report()
  }

  /** Marks and corrections name sequences: nobody else may have signed meanwhile. Thrown before anything is written. */
  #checkSequences(): void {
    for (const [meter, sequence] of this.#sequences) {
      if (this.options.store.end(meter).sequence !== sequence)
        throw new Error(`somebody else signed for meter ${meter} meanwhile: run the import again when nobody else does`)
    }
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
    await this.options.enrol(unknown.map((meter) => importedMeter(meter, store.publicKey(meter), zoneOf(store, meter))))
    store.sign([], unknown.map(enrolledMark))
  }

  #report(): void {
    this.options.onProgress?.({
      filesDone: this.#filesDone,
      files: this.options.files.length,
      records: this.#counts.records,
      messages: this.#messages,
      confirmed: this.#confirmed,
    })
  }
}

/** Files name meters, not places: a meter's usage point bears its name. */
function importedMeter(meter: string, key: Buffer, zone: string): EnrolledMeter {
  return { meter, key, signer: 'importer', usagePoint: { id: meter, zone, feeder: '', region: '', plan: '' } }
}
