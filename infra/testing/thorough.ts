import { test } from '@jest/globals'

/** Whether there is time for many cases: `make test` says so; daily work (`make test-unit`) takes a part of the same ones. */
export const isThorough = process.env.METERCHAIN_TEST_THOROUGH === 'true'

const DAILY_PART = 5

/** How many of that many cases of a property are tried. What share of them was this or that is for the thorough runs to ask: few cases do
 *  not say. */
export const cases = (all: number, daily = Math.ceil(all / DAILY_PART)): { numRuns: number } => ({
  numRuns: isThorough ? all : daily,
})

/** A test that takes a second or more for one case that hardly any change touches: daily work skips it, and says so. */
export const slowTest = isThorough ? test : test.skip
