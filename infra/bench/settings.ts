/** A home and ports of the bench's own, so that it can run beside a system that is in use; whatever is set in the environment holds. */
import type { Config } from '../config.js'

export const BENCH_HOME = '.meterchain-bench'

const DEFAULTS: Readonly<Record<string, string>> = {
  METERCHAIN_HOME: BENCH_HOME,
  METERCHAIN_LOG_LEVEL: 'warn',
  METERCHAIN_INGEST_PORT: '17080',
  METERCHAIN_REGISTRY_PORT: '17081',
  METERCHAIN_QUERY_PORT: '17082',
  METERCHAIN_CHAINER_PORT: '17083',
  METERCHAIN_VALIDATOR_PORT: '17084',
  METERCHAIN_PROJECTOR_PORT: '17085',
  METERCHAIN_WITNESS_PORT: '17086',
  METERCHAIN_KAFKA_PORT: '17092',
  METERCHAIN_KAFKA_CONTROLLER_PORT: '17091', // each further authority's stages listen ten ports higher
  METERCHAIN_POSTGRES_PORT: '17432',
}

type Environment = Readonly<Record<string, string | undefined>>

/** What is to be added to the environment. With a home that is given, the rest is that home's own. */
export function benchSettings(env: Environment, lanes: number | undefined): Record<string, string> {
  const own = env['METERCHAIN_HOME'] === undefined ? DEFAULTS : {}
  const missing = Object.entries(own).filter(([name]) => env[name] === undefined)
  return { ...Object.fromEntries(missing), ...(lanes !== undefined && { METERCHAIN_LANES: String(lanes) }) }
}

/** Whether the home is the bench's own: begun from nothing each time, and deleted afterwards. */
export const isOwnHome = ({ home }: Pick<Config, 'home'>): boolean => home === BENCH_HOME
