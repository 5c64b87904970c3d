import type { FastifyInstance } from 'fastify'
import { POINT_PATH, USAGE_POINTS, WITHIN_POINT } from './lists/consumption.js'
import { objectOf } from './lists/formats.js'
import { columnsOf, type List, statementOf } from './lists/list.js'
import { schemaOfItem } from './lists/schemas.js'
import { sendProblem } from './problem.js'
import type { ReadOnlyDatabase } from './read-only.js'

const POINT: List = {
  ...USAGE_POINTS,
  ...{ path: '/v1/usage-points/:id', operationId: 'getUsagePoint', summary: 'A usage point, with its newest meter' },
  ...{ of: POINT_PATH, within: WITHIN_POINT, query: {} },
}

/** `GET /v1/usage-points/{id}`: one row of the list of them. */
export async function pointRoutes(app: FastifyInstance, { database }: { readonly database: ReadOnlyDatabase }): Promise<void> {
  app.get<{ Params: { id: string } }>(
    POINT.path,
    { schema: schemaOfItem(POINT), config: { scope: POINT.scope } },
    async ({ params }, reply) => {
      const { text, values } = statementOf(POINT, params, { after: undefined, limit: 1 })
      const [row] = await database.textRows(text, values)
      if (row === undefined) return sendProblem(reply, 404, WITHIN_POINT.missing(params))
      return reply.header('cache-control', 'no-cache').send(objectOf(columnsOf(POINT), row))
    },
  )
}
