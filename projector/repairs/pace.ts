import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'

/** Longest that others wait for their turn, milliseconds: timers are no finer than 1. */
const TURN_MILLIS = 5

/** Resolves after that time, or at once when it is over. */
export async function untilOver(millis: number, signal: AbortSignal): Promise<void> {
  await pause(Math.max(0, millis), undefined, { signal }).catch((error: Error) => {
    if (!signal.aborted) throw error
  })
}

/** Spreads work over time. What was not used is not made up for: after a rest nothing is done faster. */
export class Pace {
  #freeAt = 0
  #turnAt = performance.now()

  constructor(
    private readonly unitsPerSecond: number,
    private readonly signal: AbortSignal,
  ) {}

  /** Resolves when so many units may be followed by more. */
  async spend(units: number): Promise<void> {
    const now = performance.now()
    this.#freeAt = Math.max(this.#freeAt, now) + (units / this.unitsPerSecond) * 1000
    const wait = this.#freeAt - now
    if (wait >= 1) await untilOver(wait, this.signal)
    else if (now - this.#turnAt > TURN_MILLIS) await turn()
    else return
    this.#turnAt = performance.now()
  }
}
