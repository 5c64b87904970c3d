import type { FastifyReply, FastifyRequest } from 'fastify'

const YEAR_SECONDS = 31_536_000

/** An answer that never changes, for it is final: whoever holds it need not ask again. `tag` names it. What needs a key is kept by
 *  nobody between. */
export function sendImmutable(request: FastifyRequest, reply: FastifyReply, tag: string, body: object | string): FastifyReply {
  const whose = request.routeOptions.config.scope === undefined ? 'public' : 'private'
  return sendTagged(request, reply.header('cache-control', `${whose}, max-age=${YEAR_SECONDS}, immutable`), tag, body)
}

/** An answer that may be another one next time: to be asked for again, and not to be sent again if it is the same. */
export function sendTagged(request: FastifyRequest, reply: FastifyReply, tag: string, body: object | string): FastifyReply {
  const etag = `"${tag}"`
  void reply.header('etag', etag)
  if (!reply.hasHeader('cache-control')) void reply.header('cache-control', 'no-cache')
  const known = request.headers['if-none-match']?.split(',').map((each) => each.trim().replace(/^W\//, ''))
  return known?.some((each) => each === etag || each === '*') ? reply.code(304).send() : reply.send(body)
}
