/** What sets one simulated household apart, drawn from the seed and its number. */
import { draw, drawBelow } from './draw.js'

export interface Household {
  readonly people: number
  /** Standby, fridge, router, watts. */
  readonly baseWatts: number
  /** Electric heating at full power; 0: heated otherwise. */
  readonly heatingWatts: number
  /** Peak of its solar roof; 0: none. */
  readonly solarWatts: number
  /** Charger of its car; 0: none. */
  readonly chargerWatts: number
  /** How much later than others it rises and goes to bed, seconds (may be negative). */
  readonly laterSeconds: number
}

/** What a draw is for: no two may share a number. */
export const PURPOSE = { people: 1, base: 2, heating: 3, solar: 4, charger: 5, later: 6, noise: 7, event: 8, weather: 9 } as const

/** Of 20 households: 5 of one person, 7 of two, 4 of three, 3 of four, 1 of five. */
const PEOPLE = [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 5]

export function household(seed: number, number: number): Household {
  const of = (purpose: number, below: number) => drawBelow(below, seed, number, purpose)
  const has = (purpose: number, percent: number) => drawBelow(100, seed, number, purpose, 1) < percent
  const people = PEOPLE[of(PURPOSE.people, PEOPLE.length)] ?? 2
  return {
    people,
    baseWatts: 40 + 15 * people + of(PURPOSE.base, 120),
    heatingWatts: has(PURPOSE.heating, 15) ? 1_500 + of(PURPOSE.heating, 2_500) : 0,
    solarWatts: has(PURPOSE.solar, 8) ? 2_000 + of(PURPOSE.solar, 4_000) : 0,
    chargerWatts: has(PURPOSE.charger, 10) ? 7_000 : 0,
    laterSeconds: (draw(seed, number, PURPOSE.later) % 7_200) - 3_600,
  }
}
