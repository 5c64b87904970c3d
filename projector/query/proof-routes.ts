import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { equalBytes, hex } from '../../schemas/bytes.js'
import { checkMeterKey } from '../../schemas/checkpoint/check-proofs.js'
import type { MeterKeyProof } from '../../schemas/checkpoint/proof-formats.js'
import { proveCovering } from '../../schemas/checkpoint/prove.js'
import type { Signatures } from '../../schemas/ed25519.js'
import { inclusionProof } from '../../schemas/merkle.js'
import { checkProof } from '../../schemas/proof.js'
import type { CoveringCheckpoint, EntryProof } from '../../schemas/proof-format.js'
import { decidingSize, type ProofSources, proveBlock, proveEntry, proveKeys, ReplicaFault } from '../../schemas/prove-entry.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { blockUnder, checkpointOver, heldOf, leafOf, nodesFor } from './checkpoint-lookups.js'
import { brokenReplica } from './checkpoint-routes.js'
import { sendImmutable, sendTagged } from './immutable.js'
import { headerOf, type Place, placeOf, recordOf, votesOf } from './lookups.js'
import { ROUTE_SCHEMAS } from './openapi.js'
import { sendProblem } from './problem.js'
import type { ReadOnlyDatabase } from './read-only.js'

export interface ProofRoutesOptions {
  readonly database: ReadOnlyDatabase
  readonly registry: RegistryState
  readonly signatures: Signatures
  readonly logger: Logger
}

type BlockPlace = Omit<Place, 'entry'>

/** Proofs of entries and of meters' keys. Each is checked before it is handed out: whoever can write to the database can make it hold
 *  what proves nothing, and that is ours to find, not the client’s. */
export async function proofRoutes(
  app: FastifyInstance,
  { database, registry, signatures, logger }: ProofRoutesOptions,
): Promise<void> {
  const broken = brokenReplica(logger)
  const genesis = () => registry.store.eventBytes(0) ?? Buffer.alloc(0)

  app.get<{ Params: { leafHash: string } }>(
    '/v1/proofs/:leafHash',
    { schema: ROUTE_SCHEMAS.proof, config: { scope: 'readings' } },
    async (request, reply) => {
      const leaf = Buffer.from(request.params.leafHash, 'hex')
      const place = await placeOf(database, leaf)
      if (place === undefined) return sendProblem(reply, 404, `no final block holds an entry of leaf hash ${hex(leaf)}`)
      const where = { ...place, leaf: hex(leaf) }
      const proof = await orFault(() => proofAt(database, registry, place))
      if (typeof proof === 'string') return broken(reply, where, proof)
      const checked = checkProof(proof, genesis(), signatures)
      if (!checked.ok) return broken(reply, where, checked.reason)
      const { proved } = checked
      if (!equalBytes(proved.leafHash, leaf)) return broken(reply, where, 'another entry is there')
      // of what does not count, the same bytes may count one day; what no checkpoint covers will be covered
      const isForEver = proved.counted.counted && proved.checkpoint !== undefined
      const tag = `${hex(proved.blockHash)}-${place.entry}-${proved.checkpoint?.size ?? 0}`
      return (isForEver ? sendImmutable : sendTagged)(request, reply, tag, proof)
    },
  )

  app.get<{ Params: { id: string } }>(
    '/v1/meters/:id/proof',
    { schema: ROUTE_SCHEMAS.meterProof, config: { scope: 'readings' } },
    async (request, reply) => {
      const { id } = request.params
      const since = registry.store.meter(id)?.keys.at(-1)?.since
      if (since === undefined) return sendProblem(reply, 404, `no meter '${id}' is enrolled`)
      const place = await blockUnder(database, since)
      if (place === undefined)
        return sendProblem(reply, 404, `no final block names a registry that has the key of '${id}' yet: try again later`)
      const proof = await orFault(() => keysAt(database, registry, id, place))
      if (typeof proof === 'string') return broken(reply, { ...place, meter: id }, proof)
      const checked = checkMeterKey(proof, genesis(), signatures)
      if (!checked.ok) return broken(reply, { ...place, meter: id }, checked.reason)
      const { blockHash, checkpoint } = checked.proved
      return sendTagged(request, reply, `${hex(blockHash)}-${checkpoint?.size ?? 0}`, proof)
    },
  )
}

/** What `make` gives, or why what is held cannot give it. */
async function orFault<T extends object>(make: () => Promise<T>): Promise<T | string> {
  try {
    return await make()
  } catch (error) {
    if (error instanceof ReplicaFault) return error.message
    throw error
  }
}

async function sourcesAt(
  database: ReadOnlyDatabase,
  registry: RegistryState,
  { lane, height }: BlockPlace,
): Promise<ProofSources> {
  const block = await recordOf(database, lane, height)
  if (block === undefined) throw new ReplicaFault(`block ${height} of lane ${lane} is missing`)
  const parent = height > 1 ? await headerOf(database, lane, height - 1) : undefined
  return { registry, block, parent, votes: await votesOf(database, lane, height) }
}

async function proofAt(database: ReadOnlyDatabase, registry: RegistryState, place: Place): Promise<EntryProof> {
  const sources = await sourcesAt(database, registry, place)
  const proof = proveEntry(sources, place.entry)
  return { ...proof, ...(await covering(database, sources, place)) }
}

async function keysAt(
  database: ReadOnlyDatabase,
  registry: RegistryState,
  meter: string,
  place: BlockPlace,
): Promise<MeterKeyProof> {
  const sources = await sourcesAt(database, registry, place)
  const { block, certified } = proveBlock(sources)
  const keys = proveKeys(registry, meter, block.header.registrySize)
  if (keys === undefined) throw new ReplicaFault(`block ${place.height} of lane ${place.lane} names a registry without ${meter}`)
  const head = { version: 1, kind: 'meter-key', chainId: hex(registry.chainId), meter } as const
  return { ...head, keys, ...certified, ...(await covering(database, sources, place)) }
}

/** The path from the block to the first checkpoint that covers it, where there is one. */
async function covering(
  database: ReadOnlyDatabase,
  { registry, parent }: ProofSources,
  { lane, height }: BlockPlace,
): Promise<{ checkpoint?: CoveringCheckpoint }> {
  const placed = await leafOf(database, lane, height)
  if (placed === undefined) return {}
  const decidedBy = decidingSize(parent?.header)
  const facts = await checkpointOver(database, placed.index, decidedBy)
  if (facts === undefined) return {}
  const { index } = placed
  const nodes = await nodesFor(database, (store) => inclusionProof(store, index, facts.size))
  return { checkpoint: proveCovering(registry, heldOf(facts), nodes, { index, decidedBy }) }
}
