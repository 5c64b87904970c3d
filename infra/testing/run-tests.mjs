// `make test`, and with METERCHAIN_TEST_FULL=true `make test-full`: local services with a home and ports of their own, then Jest with coverage, then everything stopped and deleted.
// The last line on stdout, also kept in coverage/tests.txt: N passed, N failed, N skipped.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { jest, testEnvironment, withServices } from './test-services.mjs'

const RESULTS = 'coverage/results.json'
const isFull = process.env.METERCHAIN_TEST_FULL === 'true'
const tests = testEnvironment({ METERCHAIN_TEST_THOROUGH: 'true', METERCHAIN_TEST_FULL: String(isFull) })

mkdirSync('coverage', { recursive: true })
rmSync(RESULTS, { force: true })
const results = ['--json', `--outputFile=${RESULTS}`]
const status = withServices(() =>
  jest(['--coverage', '--maxWorkers=3', '--workerIdleMemoryLimit=400MB', ...results, ...process.argv.slice(2)], tests),
)

const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numFailedTestSuites = 0 } = readResults()
// a suite that could not be loaded has no tests that could fail
const failed = Math.max(numFailedTests, numFailedTestSuites > 0 ? 1 : 0)
const line = `${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped`
writeFileSync('coverage/tests.txt', `${line}\n`)
process.stdout.write(`${line}\n`)
process.exitCode = status

function readResults() {
  try {
    return JSON.parse(readFileSync(RESULTS, 'utf8'))
  } catch {
    return { numFailedTests: 1 } // Jest did not get as far as its results
  }
}
