// `make fuzz`: Schemathesis asks the query API what its OpenAPI document allows, and what it does not. It is a Python program: where
// there is no Python, or it cannot be installed, that is said, and nothing fails.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { jest, testEnvironment, withServices } from './test-services.mjs'

const VERSION = '4.32.5'
const VENV = join('node_modules', '.cache', `schemathesis-${VERSION}`)
const PROGRAM = join(VENV, 'bin', 'schemathesis')
const INSTALL_MILLIS = 120_000

/** The reason why it is not there, or nothing. */
function install() {
  if (existsSync(PROGRAM)) return undefined
  if (spawnSync('python3', ['--version']).status !== 0) return 'there is no python3'
  const made = spawnSync('python3', ['-m', 'venv', '--clear', VENV], { encoding: 'utf8' })
  if (made.status !== 0) return `python3 -m venv failed: ${lastLine(made.stderr || made.stdout)}`
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', `schemathesis==${VERSION}`]
  const installed = spawnSync(join(VENV, 'bin', 'python'), pip, { encoding: 'utf8', timeout: INSTALL_MILLIS })
  if (installed.status === 0) return undefined
  return `pip could not install schemathesis ${VERSION}: ${lastLine(installed.stderr ?? '') || 'it took too long'}`
}

const lastLine = (text) => text.trim().split('\n').at(-1) ?? ''

const reason = install()
if (reason === undefined) {
  const seconds = process.env.SECONDS_TO_FUZZ ?? '60'
  const seed = process.env.SEED ? { METERCHAIN_TEST_SEED: process.env.SEED } : {}
  const environment = testEnvironment({
    METERCHAIN_TEST_SCHEMATHESIS: PROGRAM,
    METERCHAIN_TEST_FUZZ_SECONDS: seconds,
    ...seed,
  })
  process.exitCode = withServices(() => jest(['projector/query/fuzz'], environment))
} else process.stdout.write(`make fuzz: SKIPPED, the query API was not fuzzed: ${reason}\n`)
