import { setImmediate as nextTurn } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { HeadAnswer, Heads } from './heads.js'
import { ROUTE_SCHEMAS } from './openapi.js'
import { problemOf } from './problem.js'
import { sendProblem } from './send-problem.js'

/** 10,000 ids of 64 characters, quoted. */
const BODY_BYTES = 1024 * 1024
/** Heads looked up in one go: some 3 ms. */
const CHUNK = 256

/** `GET /v1/meters/{id}/head` and `POST /v1/heads`. */
export async function headRoutes(app: FastifyInstance, { heads }: { heads: Pick<Heads, 'answer'> }): Promise<void> {
  app.get<{ Params: { id: string } }>('/v1/meters/:id/head', { schema: ROUTE_SCHEMAS.head }, async (request, reply) => {
    const { id } = request.params
    return heads.answer(id) ?? sendProblem(reply, problemOf('unknown-meter', `no meter '${id.slice(0, 80)}' is enrolled`, 404))
  })
  app.post<{ Body: { meters: string[] } }>(
    '/v1/heads',
    { schema: ROUTE_SCHEMAS.heads, bodyLimit: BODY_BYTES },
    async (request) => {
      const found: HeadAnswer[] = []
      const unknown: string[] = []
      for (const [at, meter] of request.body.meters.entries()) {
        const head = heads.answer(meter)
        if (head === undefined) unknown.push(meter)
        else found.push(head)
        if (at % CHUNK === CHUNK - 1) await nextTurn()
      }
      return { heads: found, unknown }
    },
  )
}
