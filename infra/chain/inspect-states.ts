/** Goes through all stored states once, slowly: what nobody asks for is looked at too. */
import { setTimeout as pause } from 'node:timers/promises'
import type { MeterStates } from './meter-states.js'

/** 50,000 meters a second at most: seven million take some minutes, and a twentieth of a core. */
const AT_ONCE = 1_000
const PAUSE_MILLIS = 20

/** Resolves when all are as they were written, or when it is told to stop; rejects with CorruptStateError. */
export async function inspectStates(states: Pick<MeterStates, 'inspect'>, signal: AbortSignal): Promise<void> {
  let last: string | undefined
  do {
    if (signal.aborted) return
    last = states.inspect(last, AT_ONCE)
    await pause(PAUSE_MILLIS)
  } while (last !== undefined)
}
