import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hex } from '../../schemas/bytes.js'
import { faultOfCode } from '../../schemas/faults.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { sendImmutable } from './immutable.js'
import { type BlockFacts, blockAt, blockOf, type Tip, tipOf, tips } from './lookups.js'
import { ROUTE_SCHEMAS } from './openapi.js'
import { sendProblem } from './problem.js'
import type { ReadOnlyDatabase } from './read-only.js'

export interface ChainRoutesOptions {
  readonly database: ReadOnlyDatabase
  readonly registry: RegistryState
}

const tipJson = (tip: Tip) => ({ ...tip, hash: hex(tip.hash), verdictHash: hex(tip.verdictHash) })

const blockJson = (block: BlockFacts) => ({
  ...block,
  hash: hex(block.hash),
  previous: hex(block.previous),
  root: hex(block.root),
  verdictHash: hex(block.verdictHash),
  notCounted: block.notCounted.map(({ entry, code }) => ({ entry, code, fault: faultOfCode(code)?.name ?? `code ${code}` })),
})

/** Lanes, blocks and the genesis. A final block never changes. */
export async function chainRoutes(app: FastifyInstance, { database, registry }: ChainRoutesOptions): Promise<void> {
  const sendBlock = (request: FastifyRequest, reply: FastifyReply, block: BlockFacts | undefined, what: string) =>
    block === undefined
      ? sendProblem(reply, 404, `no final block ${what}`)
      : sendImmutable(request, reply, hex(block.hash), blockJson(block))

  app.get('/v1/lanes', { schema: ROUTE_SCHEMAS.lanes }, async (_request, reply) => {
    const lanes = (await tips(database)).map(tipJson)
    return reply.header('cache-control', 'no-cache').send({ chainId: hex(registry.chainId), lanes })
  })
  app.get<{ Params: { lane: number } }>('/v1/lanes/:lane', { schema: ROUTE_SCHEMAS.lane }, async (request, reply) => {
    const { lane } = request.params
    const tip = await tipOf(database, lane)
    if (tip === undefined) return sendProblem(reply, 404, `there is no lane ${lane}: lanes are 0 to ${registry.lanes - 1}`)
    return reply.header('cache-control', 'no-cache').send(tipJson(tip))
  })
  app.get<{ Params: { lane: number; height: number } }>(
    '/v1/lanes/:lane/blocks/:height',
    { schema: ROUTE_SCHEMAS.blockAt },
    async (request, reply) => {
      const { lane, height } = request.params
      return sendBlock(request, reply, await blockAt(database, lane, height), `is at height ${height} of lane ${lane}`)
    },
  )
  app.get<{ Params: { hash: string } }>('/v1/blocks/:hash', { schema: ROUTE_SCHEMAS.block }, async (request, reply) => {
    const { hash } = request.params
    return sendBlock(request, reply, await blockOf(database, Buffer.from(hash, 'hex')), `has hash ${hash}`)
  })
  app.get('/v1/genesis', { schema: ROUTE_SCHEMAS.genesis }, async (request, reply) => {
    const { chainId, genesis, store } = registry
    const { network, lanes } = genesis
    const event = hex(store.eventBytes(0) ?? Buffer.alloc(0))
    return sendImmutable(request, reply, hex(chainId), { version: 1, chainId: hex(chainId), network, lanes, event })
  })
}
