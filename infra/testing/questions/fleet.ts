/** A simulated fleet as a ledger: what the questions are asked of where the London data is too small, and what storage is measured with.
 *  Feeders of fifty with a meter at their head, and a little of everything that the questions look for. */
import { drawBelow } from '../../../ingest/simulate/draw.js'
import type { Profile, Register, UsagePoint } from '../../../schemas/records.js'
import type { Batch, DataSet, PlannedMessage, PlannedMeter } from './data-set.js'
import type { Subject } from './questions.js'

export interface FleetOptions {
  /** Households; the heads of feeders come on top. */
  readonly meters: number
  readonly days: number
  /** Quarter-hours in a message; undefined: a local day. */
  readonly perMessage?: number
  /** Nothing but intervals: neither registers nor what is wrong. */
  readonly isPlain?: boolean
}

export const FLEET_SUBJECT: Subject = {
  ...{ point: 'point-2', feeder: 'feeder-1', region: 'north', plan: 'std', exchanged: 'point-3' },
  ...{ month: '2025-06-01', day: '2025-06-12' },
}

const DAY = 86_400
const QUARTER = 900
const HOUSEHOLDS_A_FEEDER = 50
const FIRST_DAY = Date.parse('2025-01-01T00:00Z') / 1000
/** Days on which London's clocks go forward and back: 31 March and 27 October are the first that begin by the new time. */
const SUMMER = { from: dayOf('2025-03-31'), to: dayOf('2025-10-26') } as const
const EXCHANGE = { household: 3, meter: 'meter-3-b', day: dayOf('2025-06-12') } as const
const SEED = 2025
const IMPORT = Buffer.from([1, 0, 1, 29, 0, 255])
const REGISTER = Buffer.from([1, 0, 1, 8, 0, 255])
const STORE: UsagePoint = { id: 'store', zone: 'Europe/London', feeder: '', region: '', plan: '' }

function dayOf(date: string): number {
  return (Date.parse(`${date}T00:00Z`) / 1000 - FIRST_DAY) / DAY
}

/** Start of a local day, seconds. */
const startOf = (day: number): number => FIRST_DAY + day * DAY - (day >= SUMMER.from && day <= SUMMER.to ? 3_600 : 0)
const feederOf = (household: number): string => `feeder-${Math.ceil(household / HOUSEHOLDS_A_FEEDER)}`

function pointOf(household: number): UsagePoint {
  const [region, plan] = [household % 100 < 50 ? 'north' : 'south', household % 4 === 0 ? 'tou' : 'std']
  return { id: `point-${household}`, zone: 'Europe/London', feeder: feederOf(household), region, plan }
}

export function fleetData(options: FleetOptions): DataSet {
  return { meters: metersOf(options), batches: () => batches(options) }
}

function metersOf({ meters, isPlain = false }: FleetOptions): PlannedMeter[] {
  const households = Array.from({ length: meters }, (_, i): PlannedMeter => {
    const usagePoint = pointOf(i + 1)
    const isExchanged = !isPlain && i + 1 === EXCHANGE.household
    const moves = isExchanged ? [{ validFrom: startOf(EXCHANGE.day), usagePoint: STORE }] : []
    return { meter: `meter-${i + 1}`, signer: 'device', usagePoint, moves }
  })
  if (isPlain) return households
  const moves = [{ validFrom: startOf(EXCHANGE.day), usagePoint: pointOf(EXCHANGE.household) }]
  const heads = Array.from({ length: Math.ceil(meters / HOUSEHOLDS_A_FEEDER) }, (_, i): PlannedMeter => {
    const usagePoint = { ...STORE, id: `feeder-${i + 1}`, feeder: 'substation-1', region: 'north' }
    return { meter: `head-${i + 1}`, signer: 'device', usagePoint }
  })
  return [...households, { meter: EXCHANGE.meter, signer: 'device', usagePoint: STORE, moves }, ...heads]
}

function* batches({ meters, days, perMessage, isPlain = false }: FleetOptions): Generator<Batch> {
  const sent = new Sent()
  for (let day = 0; day < days; day++) {
    const [start, next] = [startOf(day), startOf(day + 1)]
    const length = (next - start) / QUARTER
    const each = perMessage ?? length
    const heads = new Map<string, number[]>()
    const whole = Array.from({ length: meters }, (_, i) => ({ household: i + 1, values: valuesOf(i + 1, day, length, isPlain) }))
    for (const { household, values } of whole) addTo(heads, feederOf(household), values)
    for (let from = 0; from < length; from += each) {
      const at = (start + Math.min(from + each, length) * QUARTER) * 1000
      const messages: PlannedMessage[] = []
      for (const { household, values } of whole) {
        const part = values.slice(from, from + each)
        messages.push(
          ...(isPlain
            ? [message(`meter-${household}`, start + from * QUARTER, part, at)]
            : sent.of(household, day, start, part, at)),
        )
      }
      if (!isPlain)
        for (const [feeder, sums] of heads)
          messages.push(headMessage(feeder, sums.slice(from, from + each), start + from * QUARTER, at))
      yield { finalAt: at + 60_000, messages }
    }
  }
}

function valuesOf(household: number, day: number, length: number, isPlain: boolean): number[] {
  const most = 150 + drawBelow(600, SEED, household)
  const values = Array.from({ length }, (_, i) => 20 + drawBelow(most, SEED, household, day, i))
  if (isPlain) return values
  if (household % 20 === 0 && day % 365 > 180 && day % 365 < 190) return values.map(() => 0)
  if (drawBelow(500, SEED, household, day, 1_000) === 0) values[40] = most * 30
  return values
}

function addTo(heads: Map<string, number[]>, feeder: string, values: readonly number[]): void {
  const sums = heads.get(feeder) ?? Array<number>(values.length).fill(20)
  heads.set(feeder, sums)
  for (const [i, value] of values.entries()) sums[i] = (sums[i] ?? 0) + value
}

const profileOf = (start: number, values: readonly number[], code = 0): Profile => {
  const quality = code === 0 ? [] : [{ code, count: values.length }]
  return { obis: IMPORT, unit: 30, scaler: 0, start, step: QUARTER, values: [...values], quality }
}

const message = (
  meter: string,
  start: number,
  values: readonly number[],
  sentAt: number,
  registers: Register[] = [],
): PlannedMessage => {
  return { meter, content: { sentAt, profiles: [profileOf(start, values)], registers } }
}

/** Four percent are lost on the way. */
const headMessage = (feeder: string, sums: readonly number[], start: number, at: number): PlannedMessage =>
  message(
    feeder.replace('feeder', 'head'),
    start,
    sums.map((sum) => Math.round(sum * 1.04)),
    at,
  )

const WITH_REGISTERS = 10
const [ESTIMATES, CORRECTS, AHEAD, FORGED, ROLLS_OVER] = [12, 13, 14, 15, 6]
const LATE_DAYS = 50

/** What households sent so far: their sequences and registers. */
class Sent {
  readonly #sequences = new Map<string, number>()
  readonly #registers = new Map<number, number>()
  readonly #late = new Map<number, PlannedMessage>()

  of(household: number, day: number, start: number, values: readonly number[], at: number): PlannedMessage[] {
    const meter = household === EXCHANGE.household && day >= EXCHANGE.day ? EXCHANGE.meter : `meter-${household}`
    const forged = { ...message(meter, start, values, at), fault: 'bad-signature' } as const
    const sent: PlannedMessage[] = household === FORGED && day % 30 === 0 ? [forged] : []
    if (drawBelow(300, SEED, household, day, 2_000) === 0) return sent
    const registers = household <= WITH_REGISTERS ? [this.#register(household, start, values)] : []
    const sentAt = household === AHEAD && day % 60 < 7 ? at + 7 * 60_000 : at
    const isEstimated = household % 50 === ESTIMATES && day % 60 < 3
    const sequence = this.#next(meter)
    const profiles = [profileOf(start, isEstimated ? values.map(() => 150) : values, isEstimated ? 8 : 0)]
    sent.push({ meter, content: { sentAt, profiles, registers } })
    const isLate = isEstimated || (household % 50 === CORRECTS && day % 60 === 5)
    if (isLate) this.#late.set(day + household * 1_000, this.#correction(meter, sequence, start, values, at))
    const due = this.#late.get(day - LATE_DAYS + household * 1_000)
    if (due === undefined) return sent
    this.#next(meter)
    return [...sent, due]
  }

  #next(meter: string): number {
    const sequence = (this.#sequences.get(meter) ?? 0) + 1
    this.#sequences.set(meter, sequence)
    return sequence
  }

  #correction(meter: string, revises: number, start: number, values: readonly number[], at: number): PlannedMessage {
    return { meter, content: { sentAt: at + LATE_DAYS * DAY * 1000, profiles: [profileOf(start, values)], revises } }
  }

  #register(household: number, start: number, values: readonly number[]): Register {
    const begins = household === ROLLS_OVER ? 99_000_000 : 0
    const total = (this.#registers.get(household) ?? begins) + values.reduce((sum, value) => sum + value, 0)
    this.#registers.set(household, total)
    return { obis: REGISTER, unit: 30, scaler: 0, at: start + values.length * QUARTER, value: total % 100_000_000 }
  }
}
