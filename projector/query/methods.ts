import type { FastifyInstance } from 'fastify'
import { sendProblem } from './problem.js'

const OTHERS = ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'QUERY']

/** For routes that are registered on `app` afterwards: nothing here is changed by anybody, which is told before a body is read. */
export function refuseOtherMethods(app: FastifyInstance): void {
  const urls = new Set<string>()
  app.addHook('onRoute', ({ method, url }) => {
    if (method !== 'GET' || urls.has(url)) return
    urls.add(url)
    app.route({
      ...{ method: OTHERS, url, schema: { hide: true } },
      onRequest: async (request, reply) => {
        const detail = `${request.method} is not for ${request.url.slice(0, 200)}: this API is read-only, ask with GET`
        return sendProblem(reply.header('allow', 'GET, HEAD'), 405, detail)
      },
      handler: async () => undefined,
    })
  })
}
