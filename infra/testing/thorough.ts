/** Whether there is time for many cases: `make test` says so; daily work takes a part of the same ones. */
export const isThorough = process.env.METERCHAIN_TEST_THOROUGH === 'true'
