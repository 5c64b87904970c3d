/** NEM12 files (AEMO, Meter Data File Format Specification): records 100 (header), 200 (a channel), 300 (a day of it), 400 (qualities
 *  within the day), 500 (of market processes, passed over), 900 (end). A later version of a day is a correction of it, by the time at
 *  which it was made. One day is in memory at a time. */
import { MalformedFile, shown } from '../malformed-file.js'
import type { Piece, Source } from '../piece.js'
import { seriesPiece } from '../plan-series.js'
import { readableLines } from '../read-csv.js'
import { addEvent, closeDay, type IntervalDay, readDay } from './interval-day.js'
import { nemSeconds } from './nem-time.js'
import { readStream, type Stream } from './stream.js'

export async function* nem12Pieces(source: Source): AsyncGenerator<Piece> {
  const reader = new Nem12Reader(source)
  let end: MalformedFile | undefined
  let last = 1
  try {
    for await (const { line, fields } of readableLines(source.path)) {
      last = line
      source.counts.records++
      const closed = reader.read(
        line,
        fields.map((field) => field.trim()),
      )
      if (closed !== undefined) yield closed
    }
    if (reader.isCutOff) end = new MalformedFile(last, `the file ends without a 900 record: ${CUT_OFF}`)
  } catch (error) {
    if (!(error instanceof MalformedFile)) throw error
    end = error
  }
  const piece = reader.close()
  if (piece !== undefined) yield piece
  if (end !== undefined) throw end
}

const CUT_OFF = 'it is cut off, get it again; what stands before is taken'

class Nem12Reader {
  /** When the file was made; undefined before a 100 record: some send files without 100 and 900. */
  #created: number | undefined
  #hasEnded = false
  #stream: Stream | 'refused' | undefined
  #day: IntervalDay | 'refused' | undefined

  constructor(private readonly source: Source) {}

  /** Takes a record, and gives the day that it closes. */
  read(line: number, fields: readonly string[]): Piece | undefined {
    const [indicator = ''] = fields
    if (indicator === '400') {
      this.#event(line, fields)
      return undefined
    }
    const piece = this.close()
    if (this.#hasEnded && indicator !== '100') this.source.refuse(line, 'it stands after the 900 record, which ends a file')
    else this.#record(indicator, line, fields)
    return piece
  }

  /** Gives the day that is open. */
  close(): Piece | undefined {
    const day = this.#day
    this.#day = undefined
    if (day === undefined || day === 'refused') return undefined
    const closed = closeDay(day)
    if (typeof closed === 'string') {
      this.source.refuse(day.line, closed)
      return undefined
    }
    this.source.counts.missing += closed.missing
    return seriesPiece(closed.series)
  }

  get isCutOff(): boolean {
    return this.#created !== undefined && !this.#hasEnded
  }

  #record(indicator: string, line: number, fields: readonly string[]): void {
    if (indicator === '100') this.#header(line, fields)
    else if (indicator === '200') this.#details(line, fields)
    else if (indicator === '300') this.#openDay(line, fields)
    else if (indicator === '900') this.#hasEnded = true
    else if (indicator !== '500')
      this.source.refuse(line, `${shown(indicator)} is not a record of NEM12: expected 100, 200, 300, 400, 500 or 900`)
  }

  #header(line: number, fields: readonly string[]): void {
    const [, version = '', created = ''] = fields
    if (version.toUpperCase() !== 'NEM12') throw new MalformedFile(line, `it is a file of version ${shown(version)}, not NEM12`)
    const seconds = nemSeconds(created)
    if (seconds === undefined) this.source.refuse(line, `${shown(created)} is not a time: expected YYYYMMDDHHMM`)
    this.#created = seconds ?? 0
    this.#hasEnded = false
    this.#stream = undefined
  }

  #details(line: number, fields: readonly string[]): void {
    const stream = readStream(fields)
    if (typeof stream === 'string') this.source.refuse(line, `${stream}; its days are left out`)
    this.#stream = typeof stream === 'string' ? 'refused' : stream
  }

  #openDay(line: number, fields: readonly string[]): void {
    this.#day = 'refused'
    // told at its 200 record
    if (this.#stream === 'refused') return
    const day =
      this.#stream === undefined
        ? 'a 300 record stands before any 200 record'
        : readDay(this.#stream, line, fields, this.#created ?? 0)
    if (typeof day === 'string') this.source.refuse(line, day)
    else this.#day = day
  }

  #event(line: number, fields: readonly string[]): void {
    // told at its 300 record
    if (this.#day === 'refused') return
    const reason = this.#day === undefined ? 'a 400 record stands after no 300 record' : addEvent(this.#day, fields)
    if (reason === undefined) return
    this.source.refuse(line, this.#day === undefined ? reason : `${reason}; the day is left out`)
    if (this.#day !== undefined) this.#day = 'refused'
  }
}
