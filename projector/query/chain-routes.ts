import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hex } from '../../schemas/bytes.js'
import { faultOfCode } from '../../schemas/faults.js'
import { sha256 } from '../../schemas/hash.js'
import type { NotCounted } from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { sendImmutable, sendTagged } from './immutable.js'
import { type BlockFacts, blockAt, blockOf, type HeldVote, heldVotes, type Tip, tipOf, tips } from './lookups.js'
import { ROUTE_SCHEMAS } from './openapi.js'
import { sendProblem } from './problem.js'
import type { ReadOnlyDatabase } from './read-only.js'

export interface ChainRoutesOptions {
  readonly database: ReadOnlyDatabase
  readonly registry: RegistryState
}

const tipJson = (tip: Tip) => ({ ...tip, hash: hex(tip.hash), verdictHash: hex(tip.verdictHash) })

const notCountedJson = (notCounted: readonly NotCounted[]) =>
  notCounted.map(({ entry, code }) => ({ entry, code, fault: faultOfCode(code)?.name ?? `code ${code}` }))

const blockJson = (block: BlockFacts) => ({
  ...block,
  hash: hex(block.hash),
  previous: hex(block.previous),
  root: hex(block.root),
  verdictHash: hex(block.verdictHash),
  notCounted: notCountedJson(block.notCounted),
})

const voteJson = ({ authority, verdictHash, notCounted, record }: HeldVote) => ({
  ...{ authority, verdictHash: hex(verdictHash), notCounted: notCountedJson(notCounted), record: hex(record) },
})

/** Lanes, blocks, their votes, and the genesis. */
export async function chainRoutes(app: FastifyInstance, { database, registry }: ChainRoutesOptions): Promise<void> {
  // the block never changes; when it became final, and by which accepts, is of the log as it is now: a restored topic may have others
  const sendBlock = (request: FastifyRequest, reply: FastifyReply, block: BlockFacts | undefined, what: string) => {
    if (block === undefined) return sendProblem(reply, 404, `no final block ${what}`)
    const tag = hex(sha256(Buffer.from(`${block.finalAt.toISOString()} ${block.votes.join(' ')}`)))
    return sendTagged(request, reply, `${hex(block.hash)}-${tag.slice(0, 16)}`, blockJson(block))
  }

  app.get('/v1/lanes', { schema: ROUTE_SCHEMAS.lanes, config: { scope: 'ledger' } }, async (_request, reply) => {
    const lanes = (await tips(database)).map(tipJson)
    return reply.header('cache-control', 'no-cache').send({ chainId: hex(registry.chainId), lanes })
  })
  app.get<{ Params: { lane: number } }>(
    '/v1/lanes/:lane',
    { schema: ROUTE_SCHEMAS.lane, config: { scope: 'ledger' } },
    async (request, reply) => {
      const { lane } = request.params
      const tip = await tipOf(database, lane)
      if (tip === undefined) return sendProblem(reply, 404, `there is no lane ${lane}: lanes are 0 to ${registry.lanes - 1}`)
      return reply.header('cache-control', 'no-cache').send(tipJson(tip))
    },
  )
  app.get<{ Params: { lane: number; height: number } }>(
    '/v1/lanes/:lane/blocks/:height',
    { schema: ROUTE_SCHEMAS.blockAt, config: { scope: 'ledger' } },
    async (request, reply) => {
      const { lane, height } = request.params
      return sendBlock(request, reply, await blockAt(database, lane, height), `is at height ${height} of lane ${lane}`)
    },
  )
  app.get<{ Params: { lane: number; height: number } }>(
    '/v1/lanes/:lane/blocks/:height/votes',
    { schema: ROUTE_SCHEMAS.votes, config: { scope: 'ledger' } },
    async (request, reply) => {
      const { lane, height } = request.params
      const votes = await heldVotes(database, lane, height)
      if (votes.length === 0) return sendProblem(reply, 404, `no final block is at height ${height} of lane ${lane}`)
      // another certificate of the same block may be held one day: a restored topic may name other accepts
      const tag = hex(sha256(...votes.map(({ record }) => record)))
      return sendTagged(request, reply, tag, { lane, height, votes: votes.map(voteJson) })
    },
  )
  app.get<{ Params: { hash: string } }>(
    '/v1/blocks/:hash',
    { schema: ROUTE_SCHEMAS.block, config: { scope: 'ledger' } },
    async (request, reply) => {
      const { hash } = request.params
      return sendBlock(request, reply, await blockOf(database, Buffer.from(hash, 'hex')), `has hash ${hash}`)
    },
  )
  app.get('/v1/genesis', { schema: ROUTE_SCHEMAS.genesis }, async (request, reply) => {
    const { chainId, genesis, store } = registry
    const { network, lanes } = genesis
    const event = hex(store.eventBytes(0) ?? Buffer.alloc(0))
    return sendImmutable(request, reply, hex(chainId), { version: 1, chainId: hex(chainId), network, lanes, event })
  })
}
