/** The bill of a usage point and a local month: a pure function of readings that count and of events of the registry. */
import { monthDays } from './civil.js'
import type { IntervalPlan, Plan, RegisterPlan } from './document.js'
import { heldIntervals, heldRegisters, type Interval, type RegisterValue } from './held.js'
import { decimalText, energyAmount, energyOf, standingAmount } from './money.js'
import { type BillSources, type Placed, Places } from './places.js'
import { dayBounds } from './time-zone.js'
import { localTime, zoneAt } from './zone-at.js'

const WATT_HOURS = 30
/** ESPI: estimated, interpolated, questionable, derived, projected, mixed, other. As in analytics.daily. */
const isEstimated = (quality: number): boolean => (quality >= 8 && quality <= 13) || quality === 16

/** `time-zone-not-published`: its days and months are those of UTC. Where there is any of these, there is no amount. */
export const BILL_PROBLEMS = ['time-zone-not-published', 'wrong-unit', 'register-fell'] as const
export type BillProblem = (typeof BILL_PROBLEMS)[number]

export interface BillLine {
  readonly plan: string
  /** Index of the event of the plan’s version. */
  readonly event: number
  /** Null: the standing charge. */
  readonly zone: number | null
  readonly name: string
  /** 10^-12 kWh; of the standing charge 0. */
  readonly energy: bigint
  readonly estimated: bigint
  /** Intervals or differences of registers; of the standing charge days. */
  readonly count: number
  readonly price: number
  readonly priceScaler: number
  readonly currency: string
  readonly decimals: number
  /** In 10^-decimals of the currency: rounded once, here. */
  readonly amount: bigint
}

export interface Bill {
  readonly point: string
  readonly month: string
  readonly lines: readonly BillLine[]
  /** For each currency, sorted; decimal text; null where there is a problem. */
  readonly totals: readonly { readonly currency: string; readonly amount: string | null }[]
  readonly problems: readonly BillProblem[]
  /** Seconds that the intervals of its lines cover. */
  readonly covered: number
}

/** Sums of one line before it is priced. */
interface Sum {
  readonly plan: string
  readonly event: number
  readonly document: Plan
  readonly zone: number
  energy: bigint
  estimated: bigint
  count: number
}

/** Throws RangeError where `month` is none (YYYY-MM). Nothing measured in the month: no lines. */
export function billOf(sources: BillSources, point: string, month: string): Bill {
  const days = monthDays(month)
  if (days === undefined) throw new RangeError(`not a month: ${month} (YYYY-MM)`)
  const billing = new Billing(new Places(sources, point), days)
  for (const readings of sources.readings.values()) {
    const [first] = readings
    if (first === undefined) continue
    for (const each of heldIntervals(readings)) billing.addInterval(first.meter, each)
    const registers = heldRegisters(readings)
    for (const [from, to] of consecutive(registers)) billing.addDifference(first.meter, from, to)
  }
  const lines = billing.lines()
  const problems = [...billing.problems].sort()
  return { point, month, lines, totals: totalsOf(lines, problems.length > 0), problems, covered: billing.covered }
}

/** Neighbours of each OBIS code. */
function consecutive(registers: readonly RegisterValue[]): [RegisterValue, RegisterValue][] {
  const last = new Map<string, RegisterValue>()
  return registers.flatMap((each): [RegisterValue, RegisterValue][] => {
    const before = last.get(each.obis)
    last.set(each.obis, each)
    return before === undefined ? [] : [[before, each]]
  })
}

class Billing {
  readonly problems = new Set<BillProblem>()
  covered = 0
  readonly #sums = new Map<string, Sum>()

  constructor(
    private readonly places: Places,
    private readonly days: { readonly first: number; readonly end: number },
  ) {}

  addInterval(meter: string, interval: Interval): void {
    const { start, unit, scaler, value } = interval
    const placed = this.places.at(meter, start)
    if (placed?.document.kind !== 'interval-plan' || placed.document.measures !== interval.obis) return
    const local = localTime(start, placed.offset)
    if (!this.#isMine(placed, local.day)) return
    if (unit !== WATT_HOURS) return void this.problems.add('wrong-unit')
    const zone = zoneAt(placed.document, this.places.signals(placed.plan), start, local)
    const energy = energyOf(value, scaler)
    this.covered += interval.step
    this.#add(placed, zone, energy, isEstimated(interval.quality) ? energy : 0n)
  }

  /** What a register rose by belongs, like an interval, to where it begins. */
  addDifference(meter: string, from: RegisterValue, to: RegisterValue): void {
    const placed = this.places.at(meter, from.at)
    if (placed?.document.kind !== 'register-plan') return
    const zone = placed.document.zones.findIndex(({ register }) => register === from.obis)
    if (zone < 0 || !this.#isMine(placed, localTime(from.at, placed.offset).day)) return
    if (from.unit !== WATT_HOURS || to.unit !== WATT_HOURS) return void this.problems.add('wrong-unit')
    const energy = energyOf(to.value, to.scaler) - energyOf(from.value, from.scaler)
    if (energy < 0n) return void this.problems.add('register-fell')
    this.#add(placed, zone, energy, 0n)
  }

  lines(): BillLine[] {
    const sums = [...this.#sums.values()].sort((a, b) => a.event - b.event || a.zone - b.zone)
    if (sums.length === 0) return []
    return [...sums.map(energyLine), ...this.#standingLines()]
  }

  #isMine({ isZonePublished }: Placed, day: number): boolean {
    if (day < this.days.first || day >= this.days.end) return false
    if (!isZonePublished) this.problems.add('time-zone-not-published')
    return true
  }

  #add({ plan, event, document }: Placed, zone: number, energy: bigint, estimated: bigint): void {
    const key = `${event} ${zone}`
    const sum = this.#sums.get(key) ?? { plan, event, document, zone, energy: 0n, estimated: 0n, count: 0 }
    sum.energy += energy
    sum.estimated += estimated
    sum.count++
    this.#sums.set(key, sum)
  }

  /** A day is charged by the plan that the point has at its first moment, whatever was measured; once, however many meters. */
  #standingLines(): BillLine[] {
    const days = new Map<number, { placed: Placed; dates: Set<number> }>()
    for (const period of this.places.periods) {
      for (let day = this.days.first; day < this.days.end; day++) {
        const start = dayBounds(this.places.spans(period.usagePoint.zone), day)?.start
        const isHere = start !== undefined && period.from <= start && start < period.to
        const placed = isHere ? this.places.at(period.meter, start) : undefined
        if (placed === undefined || placed.document.standing === 0) continue
        const entry = days.get(placed.event) ?? { placed, dates: new Set() }
        days.set(placed.event, { ...entry, dates: entry.dates.add(day) })
      }
    }
    return [...days.values()].map(({ placed, dates }) => standingLine(placed, dates.size)).sort((a, b) => a.event - b.event)
  }
}

const moneyOf = ({ priceScaler, currency, decimals }: IntervalPlan | RegisterPlan) => ({ priceScaler, currency, decimals })

function energyLine({ plan, event, document, zone, energy, estimated, count }: Sum): BillLine {
  const { name = '', price = 0 } = document.zones[zone] ?? {}
  const money = moneyOf(document)
  return {
    ...{ plan, event, zone, name, energy, estimated, count, price, ...money },
    amount: energyAmount(energy, { price, ...money }),
  }
}

function standingLine({ plan, event, document }: Placed, days: number): BillLine {
  const money = moneyOf(document)
  const price = document.standing
  return {
    ...{ plan, event, zone: null, name: 'standing', energy: 0n, estimated: 0n, count: days, price, ...money },
    amount: standingAmount(days, { price, ...money }),
  }
}

/** Lines of one currency may have other minor units: the sum has the most digits of them. */
function totalsOf(lines: readonly BillLine[], hasProblem: boolean): Bill['totals'] {
  const currencies = [...new Set(lines.map(({ currency }) => currency))].sort()
  return currencies.map((currency) => {
    const mine = lines.filter((line) => line.currency === currency)
    const digits = Math.max(...mine.map(({ decimals }) => decimals))
    const sum = mine.reduce((total, { amount, decimals }) => total + amount * 10n ** BigInt(digits - decimals), 0n)
    return { currency, amount: hasProblem ? null : decimalText(sum, digits) }
  })
}
