/** Whether there is time for everything: `make test-full` says so. `make test` takes the fast part, and names what it leaves out. */
import { test } from '@jest/globals'

export const isFull = process.env.METERCHAIN_TEST_FULL === 'true'

/** A test that only `make test-full` has time for: elsewhere it is skipped, and its name says why. */
export const fullTest = (name: string, run: () => Promise<void>, timeoutMillis: number): void => {
  if (isFull) test(name, run, timeoutMillis)
  else test.skip(`${name} (make test-full)`, run, timeoutMillis)
}
