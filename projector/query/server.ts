/** The query API: what is final, as lists, documents and proofs over HTTP, read-only. */
import swagger from '@fastify/swagger'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { Histogram } from 'prom-client'
import type { Readiness } from '../../infra/health.js'
import type { Metrics } from '../../infra/metrics.js'
import type { VerifierKey } from '../../schemas/checkpoint/note.js'
import type { Signatures } from '../../schemas/ed25519.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { type AccessOptions, permit } from './access/permit.js'
import { chainRoutes } from './chain-routes.js'
import { checkpointRoutes } from './checkpoint-routes.js'
import { healthRoutes } from './health-routes.js'
import { listRoutes } from './lists/routes.js'
import { WRONG_CURSOR } from './lists/schemas.js'
import { meterRoutes } from './meter-routes.js'
import { refuseOtherMethods } from './methods.js'
import { openapiFor } from './openapi.js'
import { pointRoutes } from './point-routes.js'
import { sendProblem } from './problem.js'
import { proofRoutes } from './proof-routes.js'
import { type ReadOnlyDatabase, UnavailableError, ValueError } from './read-only.js'
import { readingRoutes } from './reading-routes.js'

export interface QueryServerOptions {
  readonly database: ReadOnlyDatabase
  /** Past the genesis. */
  readonly registry: RegistryState
  readonly signatures: Signatures
  /** Whose cosignatures are served. */
  readonly witnesses: readonly VerifierKey[]
  readonly access: AccessOptions
  readonly metrics: Metrics
  readonly logger: Logger
  isReady(): Readiness
}

/** Nothing here has a body. */
const BODY_BYTES = 1_024
const REQUEST_MILLIS = 10_000
/** What is still being sent when the process ends is cut off then. */
const CLOSE_MILLIS = 2_000

export async function buildQueryServer(options: QueryServerOptions): Promise<FastifyInstance> {
  const { metrics } = options
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MILLIS,
    forceCloseConnections: 'idle',
    // longer than Node lets a request be: how long each may be is said, and told, by its schema
    routerOptions: { maxParamLength: 32_768 },
    ajv: { customOptions: { removeAdditional: false, verbose: true } },
    // a URL that cannot be decoded does not come as far as the error handler
    frameworkErrors: (error, request, reply) => sendError(error, request, reply, options.logger),
    schemaErrorFormatter: ([first]) => new Error(first === undefined ? 'the request is not of its form' : faultOf(first)),
  })
  // the schemas describe; answers are written as they are
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(error, request, reply, options.logger))
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, 404, `there is no ${request.method} ${request.url.slice(0, 200)}: see /openapi.json`),
  )
  measure(app, metrics)
  refuseOtherMethods(app)
  await app.register(swagger, openapiFor(options.access.keys !== undefined))
  await app.register(async (permitted) => {
    await permit(permitted, options.access)
    await permitted.register(listRoutes, options)
    await permitted.register(pointRoutes, options)
    await permitted.register(chainRoutes, options)
    await permitted.register(meterRoutes, options)
    await permitted.register(readingRoutes, options)
    await permitted.register(proofRoutes, options)
    await permitted.register(checkpointRoutes, options)
    await permitted.register(healthRoutes, options)
  })
  watchRoutes(app, options)
  app.addHook('preClose', async () => {
    setTimeout(() => app.server.closeAllConnections(), CLOSE_MILLIS).unref()
  })
  return app
}

type ValidationFault = NonNullable<FastifyError['validation']>[number] & { readonly data?: unknown }

/** What is wrong with a parameter, and what it was. */
function faultOf({ instancePath, keyword, params, message, data }: ValidationFault): string {
  if (keyword === 'additionalProperties') return `there is no parameter '${params.additionalProperty}' here: see /openapi.json`
  if (keyword === 'required') return `the parameter '${params.missingProperty}' is missing: see /openapi.json`
  const allowed = keyword === 'enum' ? ` (${(params.allowedValues as unknown[]).join(', ')})` : ''
  return `${instancePath.slice(1)} is ${JSON.stringify(data)?.slice(0, 100)}: it ${message}${allowed}. See /openapi.json`
}

function sendError(error: FastifyError, request: FastifyRequest, reply: Parameters<typeof sendProblem>[0], logger: Logger) {
  if (error instanceof UnavailableError) return sendProblem(reply, 503, error.message)
  const hasCursor = typeof request.query === 'object' && request.query !== null && 'cursor' in request.query
  if (error instanceof ValueError && hasCursor) return sendProblem(reply, 422, WRONG_CURSOR)
  const status = error.statusCode ?? 500
  if (status < 500) return sendProblem(reply, status, error.message)
  logger.error({ err: error, url: request.url }, 'a query failed')
  return sendProblem(reply, 500, 'the query failed; the projector’s log says why')
}

function measure(app: FastifyInstance, { registry }: Metrics): void {
  const seconds = new Histogram({
    name: 'meterchain_query_seconds',
    help: 'time of a query, by route and status',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [registry],
  })
  app.addHook('onResponse', async ({ routeOptions }, reply) => {
    seconds.observe({ route: routeOptions.url ?? 'none', status: reply.statusCode }, reply.elapsedTime / 1000)
  })
}

/** As on every stage (infra/health.ts), for whoever watches this port alone. */
function watchRoutes(app: FastifyInstance, { metrics: { registry }, isReady }: QueryServerOptions): void {
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
