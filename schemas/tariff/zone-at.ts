/** Which tariff zone a moment is in. */
import { DAY, dateOf, dayOfDate, weekdayOf } from './civil.js'
import type { IntervalPlan, Rule, Signal } from './document.js'
import type { Dated } from './versions.js'

/** A moment of local time: days since 1970-01-01, and the second of that day. */
export interface LocalTime {
  readonly day: number
  readonly second: number
}

export function localTime(at: number, offset: number): LocalTime {
  const local = at + offset
  const day = Math.floor(local / DAY)
  return { day, second: local - day * DAY }
}

const minutesOf = (clock: string): number => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3))
const monthDayOf = (text: string): number => Number(text.slice(0, 2)) * 100 + Number(text.slice(3))

/** A rule in numbers; undefined: it asks for nothing there. */
export interface RuleNumbers {
  readonly zone: number
  /** Bit n: weekday n + 1. */
  readonly weekdays: number | undefined
  readonly holidays: boolean | undefined
  /** Month * 100 + day, both included. */
  readonly season: { readonly from: number; readonly to: number } | undefined
  /** Minutes of the day, the end outside. */
  readonly minutes: { readonly from: number; readonly to: number } | undefined
}

export const ruleNumbers = ({ zone, days, holidays, season, hours }: Rule): RuleNumbers => ({
  zone,
  weekdays: days === undefined ? undefined : [...days].reduce((bits, digit) => bits | (1 << (Number(digit) - 1)), 0),
  holidays,
  season: season && { from: monthDayOf(season.from), to: monthDayOf(season.to) },
  minutes: hours && { from: minutesOf(hours.from), to: minutesOf(hours.to) },
})

/** By signals, where the plan listens to them and they say something; else by its schedule. */
export function zoneAt(plan: IntervalPlan, signals: readonly Dated<Signal>[], at: number, local: LocalTime): number {
  const said = plan.signal ? signalAt(signals, at) : undefined
  return said !== undefined && said < plan.zones.length ? said : plannedZone(plan, local)
}

/** What the latest event that says something of that moment says. */
function signalAt(signals: readonly Dated<Signal>[], at: number): number | undefined {
  let best: { index: number; zone: number } | undefined
  for (const { index, validFrom, document } of signals) {
    const digit = document.zones[Math.floor((at - validFrom) / document.step)]
    if (at < validFrom || digit === undefined || digit === '-') continue
    if (best === undefined || best.index < index) best = { index, zone: Number(digit) }
  }
  return best?.zone
}

function plannedZone({ schedule, holidays }: IntervalPlan, { day, second }: LocalTime): number {
  const date = dateOf(day)
  const isHoliday = holidays.some((each) => dayOfDate(each) === day)
  const moment = { monthDay: date.month * 100 + date.day, weekday: weekdayOf(day), isHoliday, minute: Math.floor(second / 60) }
  return scheduledZone(schedule.map(ruleNumbers), moment)
}

/** What rules ask of a moment. */
export interface Moment {
  readonly monthDay: number
  readonly weekday: number
  readonly isHoliday: boolean
  readonly minute: number
}

/** The first rule that fits; none: zone 0. */
export const scheduledZone = (rules: readonly RuleNumbers[], moment: Moment): number =>
  rules.find((rule) => fits(rule, moment))?.zone ?? 0

const fits = (rule: RuleNumbers, { monthDay, weekday, isHoliday, minute }: Moment): boolean =>
  (rule.weekdays === undefined || ((rule.weekdays >> (weekday - 1)) & 1) === 1) &&
  (rule.holidays === undefined || rule.holidays === isHoliday) &&
  (rule.season === undefined || isWithin(monthDay, rule.season.from, rule.season.to)) &&
  (rule.minutes === undefined || isWithin(minute, rule.minutes.from, rule.minutes.to - 1))

/** From an end to the other, both included, or around. `to` may be one before 0: around as well. */
const isWithin = (value: number, from: number, to: number): boolean =>
  from <= to ? from <= value && value <= to : value >= from || value <= to
