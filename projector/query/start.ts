import type { AddressInfo } from 'node:net'
import type { Logger } from 'pino'
import type { Config } from '../../infra/config.js'
import type { Readiness } from '../../infra/health.js'
import type { Metrics } from '../../infra/metrics.js'
import type { Signatures } from '../../schemas/ed25519.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { KeyRing } from './access/key-ring.js'
import { apiKeyFolder, areApiKeysRequired } from './access/settings.js'
import { ReadOnlyDatabase } from './read-only.js'
import { buildQueryServer } from './server.js'

export interface QueryDeps {
  readonly config: Config
  readonly logger: Logger
  readonly registry: RegistryState
  readonly signatures: Signatures
  readonly metrics: Metrics
  readonly databaseUrl: string
  isReady(): Readiness
}

export interface RunningQuery {
  readonly port: number
  stop(): Promise<void>
}

/** More would take the writer’s time; look-ups are short. */
const CONNECTIONS = 4
const STATEMENT_MILLIS = 5_000
/** Answers that are streamed at a time; whoever comes then is told to ask again. */
const STREAMS = 2
const STREAM_STATEMENT_MILLIS = 30_000
const WAIT_MILLIS = 2_000

/** Serves the query API. Rejects where its port is taken. */
export async function startQuery(deps: QueryDeps): Promise<RunningQuery> {
  const { config, logger, databaseUrl: url } = deps
  const database = new ReadOnlyDatabase({
    ...{ url, logger, connections: CONNECTIONS, statementMillis: STATEMENT_MILLIS, waitMillis: WAIT_MILLIS },
    ...{ streams: STREAMS, streamStatementMillis: STREAM_STATEMENT_MILLIS },
  })
  const keys = areApiKeysRequired(config) ? new KeyRing(apiKeyFolder(config), logger) : undefined
  const access = { keys, ratePerSecond: config.queryRatePerSecond }
  const app = await buildQueryServer({ ...deps, database, access, witnesses: config.witnesses })
  const stop = async () => {
    await app.close()
    await database.close()
  }
  try {
    await app.listen({ host: config.host, port: config.queryPort })
  } catch (error) {
    await stop()
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    if (!isTaken) throw error
    throw new Error(`port ${config.queryPort} on ${config.host} is in use: choose another with METERCHAIN_QUERY_PORT`)
  }
  return { port: (app.server.address() as AddressInfo).port, stop }
}
