/** The door as HTTP. A request costs as little as fastify allows: no logging of requests, bodies as they come. */
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import Fastify, { type FastifyError, type FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Registry } from 'prom-client'
import { CorruptStateError } from '../infra/chain/checked-store.js'
import type { Readiness } from '../infra/health.js'
import { BugError } from '../schemas/errors.js'
import type { Door } from './door.js'
import { headRoutes } from './head-routes.js'
import type { Heads } from './heads.js'
import { OPENAPI } from './openapi.js'
import { type Problem, problemOf } from './problem.js'
import { readingRoutes } from './reading-routes.js'
import type { ResendBook } from './resend.js'
import { Room } from './room.js'
import { sendProblem } from './send-problem.js'

export interface ServerOptions {
  readonly door: Door
  readonly heads: Pick<Heads, 'answer'>
  readonly resend: Pick<ResendBook, 'tell'>
  readonly metrics: Registry
  /** Called before the metrics are read. */
  refreshMetrics(): void
  isReady(): Readiness
  /** Requests of one address in a second; 0: no limit. */
  readonly ratePerSecond: number
  readonly logger: Logger
  onFatal(error: Error): void
}

/** 1,000 readings of ordinary size are 200 KB; this leaves room for a thousand large ones (8 KiB), or JSON. */
export const BODY_BYTES = 8 * 1024 * 1024
/** A body that comes more slowly than this is given up: a connection costs memory. */
const REQUEST_MILLIS = 60_000
/** All bodies that are being received or answered: a bound on memory whatever the number of senders. */
const BODIES_BYTES = 256 * 1024 * 1024
/** When the door closes: how long a request that is still coming in may take, before its connection is cut. */
const CLOSE_MILLIS = 2_000

export async function buildServer(options: ServerOptions): Promise<FastifyInstance> {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MILLIS,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 128 },
    // a URL that cannot be decoded does not come as far as the error handler
    frameworkErrors: (error, _request, reply) => sendProblem(reply, problemOfError(error)),
    // Ids are text: '7' is one, 7 is none.
    ajv: { customOptions: { coerceTypes: false } },
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const problem = problemOfError(error)
    if (problem.status === 500) options.logger.error({ err: error, url: request.url }, 'a request failed')
    if (error instanceof BugError || error instanceof CorruptStateError) options.onFatal(error)
    return sendProblem(reply, problem)
  })
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, problemOf('bad-request', `there is no ${request.method} ${request.url.slice(0, 200)}`, 404)),
  )
  await app.register(swagger, { openapi: OPENAPI })
  await app.register(async (limited) => {
    if (options.ratePerSecond > 0)
      await limited.register(rateLimit, {
        max: options.ratePerSecond,
        timeWindow: 1000,
        errorResponseBuilder: (_request, { statusCode, max }) =>
          Object.assign(new Error(`more than ${max} requests in a second`), { statusCode }),
      })
    await limited.register(readingRoutes, { ...options, bodies: new Room(Number.MAX_SAFE_INTEGER, BODIES_BYTES) })
    await limited.register(headRoutes, options)
  })
  healthRoutes(app, options)
  app.addHook('preClose', async () => {
    setTimeout(() => app.server.closeAllConnections(), CLOSE_MILLIS).unref()
  })
  return app
}

/** fastify’s own errors carry the status; what carries none is ours. */
function problemOfError(error: FastifyError): Problem {
  const status = error.statusCode ?? 500
  if (status === 413) return problemOf('too-large', error.message)
  if (status === 429) return problemOf('rate-limited', error.message)
  if (status >= 400 && status < 500) return problemOf('bad-request', error.message, status)
  return problemOf('unavailable', 'the door failed to answer; its log says why', 500)
}

/** As on every stage (infra/health.ts). Outside the rate limit: whoever watches the door is not to be turned away by what it watches. */
function healthRoutes(app: FastifyInstance, { metrics, refreshMetrics, isReady }: ServerOptions): void {
  const schema = { hide: true }
  app.get('/openapi.json', { schema }, async () => app.swagger())
  app.get('/healthz', { schema }, async () => 'alive\n')
  app.get('/readyz', { schema }, async (_request, reply) => {
    const { ready, why } = isReady()
    return ready ? 'ready\n' : reply.code(503).send(`not ready: ${why ?? 'starting'}\n`)
  })
  app.get('/metrics', { schema }, async (_request, reply) => {
    refreshMetrics()
    return reply.type(metrics.contentType).send(await metrics.metrics())
  })
}
