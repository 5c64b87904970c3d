import type { FastifyInstance } from 'fastify'
import { answerOf } from './answer.js'
import type { Door } from './door.js'
import { ROUTE_SCHEMAS } from './openapi.js'
import { MEDIA_TYPES, type MediaType, parse } from './parse.js'
import { problemOf } from './problem.js'
import type { ResendBook } from './resend.js'
import type { Room } from './room.js'
import { sendProblem } from './send-problem.js'

export interface ReadingRoutesOptions {
  readonly door: Door
  readonly resend: Pick<ResendBook, 'tell'>
  /** For the bodies of all requests that are not answered yet. */
  readonly bodies: Room
}

const KNOWN: readonly MediaType[] = Object.values(MEDIA_TYPES)

/** `POST /v1/readings`. Bodies reach the parser as bytes, whatever their type: `parse` is the only place that knows their forms. */
export async function readingRoutes(app: FastifyInstance, { door, resend, bodies }: ReadingRoutesOptions): Promise<void> {
  app.addHook('onRequest', (request, reply, done) => {
    // a body in chunks does not say how long it will be: as long as may be
    const bytes = Math.min(Number(request.headers['content-length'] ?? Infinity), request.routeOptions.bodyLimit)
    if (!bodies.take(1, bytes))
      return void sendProblem(reply, problemOf('busy', `bodies of ${bodies.readings} requests are being received`))
    reply.raw.once('close', () => bodies.give(1, bytes))
    done()
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser([...KNOWN], { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.post<{ Body: Buffer | undefined }>(
    '/v1/readings',
    { schema: ROUTE_SCHEMAS.readings, validatorCompiler: () => () => true },
    async (request, reply) => {
      const mediaType = mediaTypeOf(request.headers['content-type'])
      const body = request.body ?? Buffer.alloc(0)
      if (mediaType === undefined)
        return sendProblem(reply, problemOf('bad-request', `it names no media type; known: ${KNOWN.join(', ')}`, 415))
      const parsed = parse(mediaType, body)
      if (!parsed.ok) {
        door.refuseWhole(body, parsed)
        return sendProblem(reply, problemOf(parsed.fault, parsed.detail))
      }
      const outcomes = await door.take(parsed.items)
      const meters = outcomes.flatMap(({ meter }) => meter ?? [])
      const answer = answerOf(outcomes, resend.tell(meters))
      if ('type' in answer.body) return sendProblem(reply, answer.body)
      return reply.code(202).send(answer.body)
    },
  )
}

/** The media type without its parameters. Of one that is not known fastify has thought already, of none only here. */
function mediaTypeOf(contentType: string | undefined): MediaType | undefined {
  const name = contentType?.split(';')[0]?.trim().toLowerCase()
  return KNOWN.find((known) => known === name)
}
