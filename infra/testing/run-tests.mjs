// `make test`, and with METERCHAIN_TEST_FULL=true `make test-full`: local services with a home and ports of their own, then Jest with coverage, then everything stopped and deleted.
// The last line on stdout, also kept in coverage/tests.txt: N passed, N failed, N skipped.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'

const HOME = '.meterchain-test'
const PORTS = { KAFKA_PORT: 29092, KAFKA_CONTROLLER_PORT: 29093, REGISTRY_PORT: 28081, POSTGRES_PORT: 25432 }
const RESULTS = 'coverage/results.json'

const environment = { ...process.env, METERCHAIN_HOME: HOME }
for (const name of Object.keys(environment))
  if (name.startsWith('METERCHAIN_') && name !== 'METERCHAIN_HOME') delete environment[name]
for (const [name, port] of Object.entries(PORTS)) environment[`METERCHAIN_${name}`] = String(port)

/** What tests read; the settings of the product are each test's own. */
const tests = { ...process.env }
const isFull = tests.METERCHAIN_TEST_FULL === 'true'
for (const name of Object.keys(tests)) if (name.startsWith('METERCHAIN_')) delete tests[name]
Object.assign(tests, {
  METERCHAIN_TEST_THOROUGH: 'true',
  METERCHAIN_TEST_FULL: String(isFull),
  METERCHAIN_TEST_HOME: HOME,
  METERCHAIN_TEST_BROKERS: `127.0.0.1:${PORTS.KAFKA_PORT}`,
  METERCHAIN_TEST_REGISTRY_URL: `http://127.0.0.1:${PORTS.REGISTRY_PORT}/apis/ccompat/v7`,
  METERCHAIN_TEST_POSTGRES_PORT: String(PORTS.POSTGRES_PORT),
})

const run = (args, env) => spawnSync(process.execPath, args, { stdio: 'inherit', env }).status ?? 1
const meterchain = (...args) => run(['--enable-source-maps', 'dist/infra/cli/main.js', ...args], environment)

mkdirSync('coverage', { recursive: true })
rmSync(RESULTS, { force: true })
let status = meterchain('up', '--no-stages')
if (status === 0) {
  const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js']
  status = run(
    [
      ...jest,
      '--coverage',
      '--maxWorkers=2',
      '--workerIdleMemoryLimit=400MB',
      '--json',
      `--outputFile=${RESULTS}`,
      ...process.argv.slice(2),
    ],
    tests,
  )
}
const stopped = meterchain('down', '--reset')

const { numPassedTests = 0, numFailedTests = 0, numPendingTests = 0, numFailedTestSuites = 0 } = results()
// a suite that could not be loaded has no tests that could fail
const failed = Math.max(numFailedTests, numFailedTestSuites > 0 ? 1 : 0)
const line = `${numPassedTests} passed, ${failed} failed, ${numPendingTests} skipped`
writeFileSync('coverage/tests.txt', `${line}\n`)
process.stdout.write(`${line}\n`)
process.exitCode = status === 0 ? stopped : status

function results() {
  try {
    return JSON.parse(readFileSync(RESULTS, 'utf8'))
  } catch {
    return { numFailedTests: 1 } // Jest did not get as far as its results
  }
}
