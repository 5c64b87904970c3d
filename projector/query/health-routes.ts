import type { FastifyInstance } from 'fastify'
import type { Readiness } from '../../infra/health.js'
import { ROUTE_SCHEMAS } from './openapi.js'
import type { ReadOnlyDatabase } from './read-only.js'

export interface HealthRoutesOptions {
  readonly database: ReadOnlyDatabase
  isReady(): Readiness
}

interface LaneHealth {
  readonly lane: number
  readonly height: number
  readonly finalAt: Date | null
}
interface CheckpointHealth {
  readonly size: number
  readonly height: number
  readonly finalAt: Date
}

const LANES = `SELECT c.lane, c.height::float8 AS height, b.final_at AS "finalAt"
  FROM ledger.cursors c LEFT JOIN ledger.blocks b ON b.lane = c.lane AND b.height = c.height
 WHERE c.source = 'chain' ORDER BY c.lane`
const CHECKPOINT = `SELECT size::float8 AS size, height::float8 AS height, final_at AS "finalAt"
  FROM store.checkpoints ORDER BY height DESC LIMIT 1`

/** `GET /v1/health`: how far the tables are, for people; /readyz is for machines. */
export async function healthRoutes(app: FastifyInstance, { database, isReady }: HealthRoutesOptions): Promise<void> {
  const options = { schema: ROUTE_SCHEMAS.health, config: { scope: 'operations' } } as const
  app.get('/v1/health', options, async (_request, reply) => {
    const { ready, why } = isReady()
    const lanes = await database.rows<LaneHealth>(LANES)
    const [checkpoint] = await database.rows<CheckpointHealth>(CHECKPOINT)
    return reply.header('cache-control', 'no-cache').send({ ready, why: why ?? null, lanes, checkpoint: checkpoint ?? null })
  })
}
