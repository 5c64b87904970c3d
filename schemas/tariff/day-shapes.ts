import type { IntervalPlan } from './document.js'
import { ruleNumbers, scheduledZone } from './zone-at.js'

const MINUTES = 1_440

/** The zone of each minute on days of one kind, by the plan's schedule. */
export interface DayShape {
  /** Part of the year, from 0; within one no rule's season begins or ends. */
  readonly season: number
  /** Month * 100 + day, 0 at the new year: a part lasts until the next one's. */
  readonly firstDay: number
  readonly weekday: number
  readonly isHoliday: boolean
  readonly zones: Buffer
}

export function dayShapes(plan: IntervalPlan): DayShape[] {
  const rules = plan.schedule.map(ruleNumbers)
  const ends = rules.flatMap(({ season }) => (season === undefined ? [] : [season.from, season.to + 1]))
  const firstDays = [...new Set([0, ...ends])].sort((a, b) => a - b)
  return firstDays.flatMap((firstDay, season) =>
    [1, 2, 3, 4, 5, 6, 7].flatMap((weekday) =>
      [false, true].map((isHoliday) => {
        const zoneOf = (minute: number) => scheduledZone(rules, { monthDay: firstDay, weekday, isHoliday, minute })
        return { season, firstDay, weekday, isHoliday, zones: Buffer.from(Array.from({ length: MINUTES }, (_, i) => zoneOf(i))) }
      }),
    ),
  )
}
