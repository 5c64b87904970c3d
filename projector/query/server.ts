/** The query API: final blocks, meters, readings and proofs over HTTP, read-only. */
import swagger from '@fastify/swagger'
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { Histogram } from 'prom-client'
import type { Readiness } from '../../infra/health.js'
import type { Metrics } from '../../infra/metrics.js'
import type { VerifierKey } from '../../schemas/checkpoint/note.js'
import type { Signatures } from '../../schemas/ed25519.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { chainRoutes } from './chain-routes.js'
import { checkpointRoutes } from './checkpoint-routes.js'
import { meterRoutes } from './meter-routes.js'
import { OPENAPI } from './openapi.js'
import { sendProblem } from './problem.js'
import { proofRoutes } from './proof-routes.js'
import { type ReadOnlyDatabase, UnavailableError } from './read-only.js'
import { readingRoutes } from './reading-routes.js'

export interface QueryServerOptions {
  readonly database: ReadOnlyDatabase
  /** Past the genesis. */
  readonly registry: RegistryState
  readonly signatures: Signatures
  /** Whose cosignatures are served. */
  readonly witnesses: readonly VerifierKey[]
  readonly metrics: Metrics
  readonly logger: Logger
  isReady(): Readiness
}

/** Nothing here has a body. */
const BODY_BYTES = 1_024
const REQUEST_MILLIS = 10_000

export async function buildQueryServer(options: QueryServerOptions): Promise<FastifyInstance> {
  const { logger, metrics } = options
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MILLIS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 128 },
    ajv: { customOptions: { removeAdditional: false } },
  })
  // the schemas describe; answers are small and written as they are
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.setErrorHandler((error: FastifyError | UnavailableError, request, reply) => {
    if (error instanceof UnavailableError) return sendProblem(reply, 503, error.message)
    const status = error.statusCode ?? 500
    if (status < 500) return sendProblem(reply, status, error.message)
    logger.error({ err: error, url: request.url }, 'a query failed')
    return sendProblem(reply, 500, 'the query failed; the projector’s log says why')
  })
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, 404, `there is no ${request.method} ${request.url.slice(0, 200)}: see /openapi.json`),
  )
  measure(app, metrics)
  await app.register(swagger, { openapi: OPENAPI })
  await app.register(chainRoutes, options)
  await app.register(meterRoutes, options)
  await app.register(readingRoutes, options)
  await app.register(proofRoutes, options)
  await app.register(checkpointRoutes, options)
  healthRoutes(app, options)
  return app
}

function measure(app: FastifyInstance, { registry }: Metrics): void {
  const seconds = new Histogram({
    name: 'meterchain_query_seconds',
    help: 'time of a query, by route and status',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  })
  app.addHook('onResponse', async ({ routeOptions }, reply) => {
    seconds.observe({ route: routeOptions.url ?? 'none', status: reply.statusCode }, reply.elapsedTime / 1000)
  })
}

/** As on every stage (infra/health.ts), for whoever watches this port alone. */
function healthRoutes(app: FastifyInstance, { metrics: { registry }, isReady }: QueryServerOptions): void {
  const schema = { hide: true }
  app.get('/openapi.json', { schema }, async () => app.swagger())
  app.get('/healthz', { schema }, async (_request, reply) => reply.type('text/plain').send('alive\n'))
  app.get('/readyz', { schema }, async (_request, reply) => {
    const { ready, why } = isReady()
    return reply
      .code(ready ? 200 : 503)
      .type('text/plain')
      .send(ready ? 'ready\n' : `not ready: ${why ?? 'starting'}\n`)
  })
  app.get('/metrics', { schema }, async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
}
