/** What was signed of a channel, value by value, kept in the meter store by days of UTC: it tells what is new, what is a correction, and
 *  of which message. About 3 bytes a value. */
import type { Marks } from './piece.js'
import { type Channel, LONGEST_STEP, type Value } from './series.js'

export interface Known extends Value {
  readonly scaler: number
  /** Of the message that it stands in. */
  readonly sequence: number
  readonly version: number
}

/** Values of one message that follow each other; qualities in runs: code, count, code, count, … */
type Run = [start: number, step: number, scaler: number, sequence: number, version: number, values: number[], qualities: number[]]

const DAY = 86_400
const dayOf = (start: number) => Math.floor(start / DAY)

export class KnownValues {
  /** By day and start. */
  readonly #days = new Map<number, Map<number, Known>>()
  readonly #changed = new Set<number>()

  constructor(
    private readonly marks: Marks,
    private readonly series: Channel & { readonly meter: string; readonly version: number },
  ) {}

  /** What was signed of the same time: the same interval, or those that it overlaps; or the register read then. */
  overlapping({ start, step }: Pick<Value, 'start' | 'step'>): Known[] {
    const same = this.#day(dayOf(start)).get(start)
    if (same?.step === step) return [same]
    if (step === 0) return []
    // one that began earlier may last into it
    return daysFrom(dayOf(start - LONGEST_STEP), dayOf(start + step - 1)).flatMap((day) =>
      [...this.#day(day).values()].filter((each) => each.start < start + step && each.start + each.step > start),
    )
  }

  isEqual(known: Known, { start, step, value, quality }: Value): boolean {
    if (known.start !== start || known.step !== step || (step > 0 && known.quality !== quality)) return false
    const least = Math.min(known.scaler, this.series.scaler)
    const scaled = (n: number, scaler: number) => BigInt(n) * 10n ** BigInt(scaler - least)
    return scaled(known.value, known.scaler) === scaled(value, this.series.scaler)
  }

  /** A newer version says the same. */
  confirm(known: Known): void {
    const { version } = this.series
    if (version > known.version) this.#change(known.start).set(known.start, { ...known, version })
  }

  /** It stands in the message of this sequence from now on, in place of what it overlaps. */
  replace(before: readonly Known[], value: Value, sequence: number): void {
    // several values may replace one: the first has its place by now
    for (const each of before)
      if (this.#day(dayOf(each.start)).get(each.start) === each) this.#change(each.start).delete(each.start)
    const { scaler, version } = this.series
    this.#change(value.start).set(value.start, { ...value, scaler, sequence, version })
  }

  save(): void {
    for (const day of this.#changed) this.marks.set(this.#key(day), runsOf([...this.#day(day).values()]))
    this.#changed.clear()
  }

  #change(start: number): Map<number, Known> {
    this.#changed.add(dayOf(start))
    return this.#day(dayOf(start))
  }

  #day(day: number): Map<number, Known> {
    const loaded = this.#days.get(day)
    if (loaded !== undefined) return loaded
    const values = valuesOf((this.marks.mark(this.#key(day)) ?? []) as Run[])
    const known = new Map(values.map((value) => [value.start, value]))
    this.#days.set(day, known)
    return known
  }

  #key = (day: number) => ['values', this.series.meter, this.series.obis.toString('hex'), day]
}

const daysFrom = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_each, index) => first + index)

function runsOf(values: Known[]): Run[] {
  const runs: Run[] = []
  for (const value of values.sort((a, b) => a.start - b.start)) {
    const { start, step, scaler, sequence, version, quality } = value
    let run = runs.at(-1)
    if (run === undefined || !goesOn(run, value)) {
      run = [start, step, scaler, sequence, version, [], []]
      runs.push(run)
    }
    run[5].push(value.value)
    const qualities = run[6]
    if (qualities.at(-2) === quality) qualities.push((qualities.pop() ?? 0) + 1)
    else qualities.push(quality, 1)
  }
  return runs
}

const goesOn = ([first, step, scaler, sequence, version, values]: Run, next: Known): boolean =>
  step > 0 &&
  first + step * values.length === next.start &&
  step === next.step &&
  scaler === next.scaler &&
  sequence === next.sequence &&
  version === next.version

const valuesOf = (runs: readonly Run[]): Known[] =>
  runs.flatMap(([first, step, scaler, sequence, version, values, qualities]) => {
    const codes = qualities.flatMap((code, index) => (index % 2 === 0 ? Array<number>(qualities[index + 1] ?? 0).fill(code) : []))
    return values.map((value, index) => ({
      ...{ start: first + index * step, step, value, quality: codes[index] ?? 0 },
      ...{ scaler, sequence, version },
    }))
  })
