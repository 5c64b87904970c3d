/** Chance without state: a number that follows from what it is for, so that any part of a simulation can be made alone, in any
 *  order, on any machine. Integer operations only (the finaliser of MurmurHash3). */

/** A whole number of 0 to 2^32 - 1 for this seed and these numbers (each taken modulo 2^32). */
export function draw(seed: number, ...numbers: readonly number[]): number {
  let state = mix(seed ^ 0x9e3779b9)
  for (const number of numbers) state = mix(Math.imul(state, 0x85ebca6b) + number + 0x9e3779b9)
  return state >>> 0
}

/** A whole number of 0 to `below` - 1. */
export function drawBelow(below: number, seed: number, ...numbers: readonly number[]): number {
  return draw(seed, ...numbers) % below
}

function mix(number: number): number {
  let state = number | 0
  state = Math.imul(state ^ (state >>> 16), 0x85ebca6b)
  state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35)
  return state ^ (state >>> 16)
}
