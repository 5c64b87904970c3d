import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { equalBytes, hex } from '../../schemas/bytes.js'
import type { Signatures } from '../../schemas/ed25519.js'
import { checkProof } from '../../schemas/proof.js'
import type { EntryProof } from '../../schemas/proof-format.js'
import { proveEntry, ReplicaFault } from '../../schemas/prove-entry.js'
import type { RegistryState } from '../../schemas/registry/state.js'
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

/** `GET /v1/proofs/{leafHash}`. A proof is checked before it is handed out: whoever can write to the database can make it hold what
 *  proves nothing, and that is ours to find, not the client’s. */
export async function proofRoutes(
  app: FastifyInstance,
  { database, registry, signatures, logger }: ProofRoutesOptions,
): Promise<void> {
  app.get<{ Params: { leafHash: string } }>('/v1/proofs/:leafHash', { schema: ROUTE_SCHEMAS.proof }, async (request, reply) => {
    const leaf = Buffer.from(request.params.leafHash, 'hex')
    const place = await placeOf(database, leaf)
    if (place === undefined) return sendProblem(reply, 404, `no final block holds an entry of leaf hash ${hex(leaf)}`)
    const proof = await proofAt(database, registry, place)
    const checked = checkedProof(proof, registry, signatures)
    const fault =
      typeof checked === 'string' ? checked : equalBytes(checked.leafHash, leaf) ? undefined : 'another entry is there'
    if (typeof checked === 'string' || fault !== undefined) {
      logger.error({ ...place, leaf: hex(leaf), fault }, 'the database holds what proves nothing: run meterchain audit')
      return sendProblem(reply, 500, `what this database holds does not prove it (${fault}): its operator should run an audit`)
    }
    // of what does not count, the same bytes may count one day
    const send = checked.counted.counted ? sendImmutable : sendTagged
    return send(request, reply, `${hex(checked.blockHash)}-${place.entry}`, proof as EntryProof)
  })
}

/** The proof, or why none can be made. */
async function proofAt(
  database: ReadOnlyDatabase,
  registry: RegistryState,
  { lane, height, entry }: Place,
): Promise<EntryProof | string> {
  const block = await recordOf(database, lane, height)
  const parent = height > 1 ? await headerOf(database, lane, height - 1) : undefined
  const votes = await votesOf(database, lane, height)
  if (block === undefined) return `block ${height} of lane ${lane} is missing`
  try {
    return proveEntry({ registry, block, parent, votes }, entry)
  } catch (error) {
    if (error instanceof ReplicaFault) return error.message
    throw error
  }
}

function checkedProof(proof: EntryProof | string, registry: RegistryState, signatures: Signatures) {
  if (typeof proof === 'string') return proof
  const checked = checkProof(proof, registry.store.eventBytes(0) ?? Buffer.alloc(0), signatures)
  return checked.ok ? checked.proved : checked.reason
}
