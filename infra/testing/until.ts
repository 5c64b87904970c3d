import { setTimeout as sleep } from 'node:timers/promises'

const LOOK_MILLIS = 50

/** Looks until there is something, and returns it. Rejects at the deadline with what was seen last, as `describe` tells it. */
export async function until<T>(
  what: string,
  deadlineMillis: number,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  describe: () => unknown = () => 'nothing',
): Promise<T> {
  const giveUpAt = Date.now() + deadlineMillis
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (Date.now() > giveUpAt)
      throw new Error(`not seen within ${deadlineMillis / 1000} s: ${what}; there was ${JSON.stringify(await describe())}`)
    await sleep(LOOK_MILLIS)
  }
}
