import type { FastifyInstance, FastifyReply } from 'fastify'
import { hex } from '../../schemas/bytes.js'
import { laneOf } from '../../schemas/murmur2.js'
import type { MeterRecord } from '../../schemas/registry/meter-facts.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { newestReading, type ReadingFacts, readingsAfter } from './lookups.js'
import { PAGE, ROUTE_SCHEMAS } from './openapi.js'
import { sendProblem } from './problem.js'
import type { ReadOnlyDatabase } from './read-only.js'

export interface MeterRoutesOptions {
  readonly database: ReadOnlyDatabase
  readonly registry: RegistryState
}

const readingJson = ({ leaf, ...reading }: ReadingFacts) => ({ ...reading, leafHash: hex(leaf) })

function meterJson(meter: string, record: MeterRecord, lanes: number, newest: ReadingFacts | undefined) {
  const retired = record.retired.map(({ fromSequence }) => fromSequence)
  return {
    meter,
    number: record.ordinal,
    lane: laneOf(meter, lanes),
    signer: record.signer,
    keys: record.keys.map(({ key, fromSequence, since }) => ({ key: hex(key), fromSequence, since })),
    retiredFrom: retired.length === 0 ? null : Math.min(...retired),
    usagePoints: record.assignments.map(({ validFrom, usagePoint }) => ({
      ...usagePoint,
      validFrom: new Date(validFrom * 1000),
    })),
    newest: newest === undefined ? null : readingJson(newest),
  }
}

/** A meter and its readings. What is enrolled is what the registry’s fold says, not what a table says. */
export async function meterRoutes(app: FastifyInstance, { database, registry }: MeterRoutesOptions): Promise<void> {
  const unknown = (reply: FastifyReply, id: string) => sendProblem(reply, 404, `no meter '${id}' is enrolled`)

  app.get<{ Params: { id: string } }>(
    '/v1/meters/:id',
    { schema: ROUTE_SCHEMAS.meter, config: { scope: 'readings' } },
    async (request, reply) => {
      const { id } = request.params
      const record = registry.store.meter(id)
      if (record === undefined) return unknown(reply, id)
      const newest = await newestReading(database, record.ordinal)
      return reply.header('cache-control', 'no-cache').send(meterJson(id, record, registry.lanes, newest))
    },
  )
  app.get<{ Params: { id: string }; Querystring: { after?: number; limit?: number } }>(
    '/v1/meters/:id/readings',
    { schema: ROUTE_SCHEMAS.readings, config: { scope: 'readings' } },
    async (request, reply) => {
      const { id } = request.params
      const { after = 0, limit = PAGE.usual } = request.query
      const record = registry.store.meter(id)
      if (record === undefined) return unknown(reply, id)
      const readings = (await readingsAfter(database, record.ordinal, after, limit)).map(readingJson)
      const next = readings.length < limit ? null : (readings.at(-1)?.sequence ?? null)
      return reply.header('cache-control', 'no-cache').send({ meter: id, readings, next })
    },
  )
}
