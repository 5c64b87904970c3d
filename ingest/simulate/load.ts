/** How much a simulated household uses: a pure function of seed, household and time. Whole numbers and tables only, so that every
 *  machine simulates the same readings to the last watt-hour. */
import { drawBelow } from './draw.js'
import { type Household, household, PURPOSE } from './household.js'

const HOUR = 3_600
const DAY = 24 * HOUR
const PERMILLE = 1_000

/** Watts for each person at each hour: quiet nights, a morning peak, a higher one in the evening. */
const WEEKDAY = [40, 30, 25, 25, 30, 60, 170, 260, 200, 110, 90, 90, 110, 100, 90, 100, 150, 260, 340, 360, 320, 260, 160, 80]
const WEEKEND = [60, 40, 30, 25, 25, 35, 70, 130, 210, 250, 240, 230, 250, 220, 190, 180, 200, 260, 310, 320, 290, 250, 190, 110]
/** What is used in the middle of each month against the year's mean, ‰: light and cooking; and heating against its full power. */
const SEASON = [1_180, 1_130, 1_050, 970, 910, 870, 860, 870, 930, 1_020, 1_110, 1_200]
const HEATING = [900, 850, 650, 400, 180, 50, 20, 30, 150, 400, 680, 860]
/** Sun at each hour of a clear day, ‰ of the roof's peak, and how much of that each month leaves. */
const SUN = [0, 0, 0, 0, 0, 20, 90, 220, 400, 580, 740, 850, 900, 880, 790, 640, 460, 270, 120, 30, 0, 0, 0, 0]
const SUN_SEASON = [180, 290, 480, 700, 880, 960, 940, 820, 620, 390, 220, 150]
/** Heating follows the clock of the house: less at night. */
const HEATING_DAY = [
  300, 300, 300, 300, 400, 900, 1000, 900, 700, 500, 450, 450, 450, 450, 450, 500, 700, 950, 1000, 1000, 900, 700, 400, 300,
]
/** Several times a day something large is switched on: kettle, oven, washing machine, dryer. */
const EVENTS = [
  { watts: 2_200, seconds: 240 },
  { watts: 2_200, seconds: 240 },
  { watts: 1_900, seconds: 2_400 },
  { watts: 900, seconds: 5_400 },
  { watts: 2_300, seconds: 3_600 },
] as const
const FIRST_EVENT = 6 * HOUR
const EVENT_SPAN = 16 * HOUR

/** Energy that the household takes from the grid in an interval, Wh. `start` in seconds since 1970, `step` seconds. */
export function householdLoad(seed: number, number: number, start: number, step: number): number {
  return Math.max(0, balance(seed, number, start, step))
}

/** Energy that it gives to the grid in an interval, Wh: 0 without a solar roof. */
export function householdExport(seed: number, number: number, start: number, step: number): number {
  return Math.max(0, -balance(seed, number, start, step))
}

function balance(seed: number, number: number, start: number, step: number): number {
  const home = household(seed, number)
  const middle = start + Math.floor(step / 2)
  const noise = 700 + drawBelow(600, seed, number, PURPOSE.noise, Math.floor(start / 60))
  const watts = Math.floor((steadyWatts(home, middle) * noise) / PERMILLE) - solarWatts(seed, home, middle)
  const wattSeconds = watts * step + eventWattSeconds(seed, number, home, start, start + step)
  return Math.trunc(wattSeconds / HOUR)
}

function steadyWatts(home: Household, at: number): number {
  const local = at - home.laterSeconds
  // 1970 began with a Thursday
  const weekday = (Math.floor(local / DAY) + 3) % 7
  const people = home.people * hourly(weekday < 5 ? WEEKDAY : WEEKEND, local)
  const heating = share(share(home.heatingWatts, monthly(HEATING, at)), hourly(HEATING_DAY, local))
  return home.baseWatts + share(people, monthly(SEASON, at)) + heating
}

/** Clouds are the same for all: 30 to 100 % of the sun, by day. */
function solarWatts(seed: number, home: Household, at: number): number {
  const clear = 300 + drawBelow(701, seed, PURPOSE.weather, Math.floor(at / DAY))
  return share(share(share(home.solarWatts, hourly(SUN, at)), monthly(SUN_SEASON, at)), clear)
}

/** Energy of what is switched on, and of the car in the night after the day. */
function eventWattSeconds(seed: number, number: number, home: Household, from: number, to: number): number {
  let sum = 0
  for (let day = Math.floor(from / DAY) - 1; day * DAY < to; day++) {
    EVENTS.forEach(({ watts, seconds }, event) => {
      if (drawBelow(6, seed, number, PURPOSE.event, day, event) > home.people) return
      const begin = day * DAY + FIRST_EVENT + drawBelow(EVENT_SPAN, seed, number, PURPOSE.event, day, event, 1)
      sum += watts * overlap(from, to, begin, begin + seconds)
    })
    if (home.chargerWatts > 0 && drawBelow(3, seed, number, PURPOSE.charger, day) === 0) {
      const begin = day * DAY + 22 * HOUR + home.laterSeconds
      const seconds = HOUR + drawBelow(3 * HOUR, seed, number, PURPOSE.charger, day, 1)
      sum += home.chargerWatts * overlap(from, to, begin, begin + seconds)
    }
  }
  return sum
}

const overlap = (from: number, to: number, begin: number, end: number) => Math.max(0, Math.min(to, end) - Math.max(from, begin))
const share = (value: number, permille: number) => Math.floor((value * permille) / PERMILLE)

/** A table of 24 hours, read between its entries. */
function hourly(table: readonly number[], at: number): number {
  const second = ((at % DAY) + DAY) % DAY
  return between(table, Math.floor(second / HOUR), second % HOUR, HOUR)
}

/** A table of 12 months, read between their middles; a year is taken as 365.25 days. */
function monthly(table: readonly number[], at: number): number {
  const month = 2_629_800
  const since = (((at - month / 2) % (12 * month)) + 12 * month) % (12 * month)
  return between(table, Math.floor(since / month), since % month, month)
}

function between(table: readonly number[], at: number, part: number, whole: number): number {
  const low = table[at] ?? 0
  const high = table[(at + 1) % table.length] ?? low
  return low + Math.trunc(((high - low) * part) / whole)
}
