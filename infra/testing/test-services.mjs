// Local services for tests, with a home and ports of their own: started, and at the end stopped and deleted.
import { spawnSync } from 'node:child_process'

const HOME = '.meterchain-test'
const PORTS = { KAFKA_PORT: 29092, KAFKA_CONTROLLER_PORT: 29093, REGISTRY_PORT: 28081, POSTGRES_PORT: 25432 }

/** Of the services: nothing that the caller has set. */
const environment = { ...process.env, METERCHAIN_HOME: HOME }
for (const name of Object.keys(environment))
  if (name.startsWith('METERCHAIN_') && name !== 'METERCHAIN_HOME') delete environment[name]
for (const [name, port] of Object.entries(PORTS)) environment[`METERCHAIN_${name}`] = String(port)

export const node = (args, env) => spawnSync(process.execPath, args, { stdio: 'inherit', env }).status ?? 1
const meterchain = (...args) => node(['--enable-source-maps', 'dist/infra/cli/main.js', ...args], environment)

/** What tests read, and `more`; the settings of the product are each test's own. */
export function testEnvironment(more) {
  const tests = { ...process.env }
  for (const name of Object.keys(tests)) if (name.startsWith('METERCHAIN_')) delete tests[name]
  return Object.assign(tests, {
    METERCHAIN_TEST_HOME: HOME,
    METERCHAIN_TEST_BROKERS: `127.0.0.1:${PORTS.KAFKA_PORT}`,
    METERCHAIN_TEST_REGISTRY_URL: `http://127.0.0.1:${PORTS.REGISTRY_PORT}/apis/ccompat/v7`,
    METERCHAIN_TEST_POSTGRES_PORT: String(PORTS.POSTGRES_PORT),
    ...more,
  })
}

export const jest = (args, env) =>
  node(['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', ...args], env)

/** Runs `test`, which gives an exit code, while the services run. Gives that code, or that of what failed before or after it. */
export function withServices(test) {
  let status = meterchain('up', '--no-stages')
  if (status === 0) status = test()
  const stopped = meterchain('down', '--reset')
  return status === 0 ? stopped : status
}
