import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Logger } from 'pino'
import { hex } from '../../schemas/bytes.js'
import type { CheckedAs } from '../../schemas/check-form.js'
import { checkConsistency, checkInclusion } from '../../schemas/checkpoint/check-proofs.js'
import {
  checkpointText,
  NOTE_KIND,
  type Note,
  type NoteLine,
  noteLine,
  noteOf,
  originOf,
  parseNote,
  signedBy,
  type VerifierKey,
} from '../../schemas/checkpoint/note.js'
import { proveConsistency, proveInclusion } from '../../schemas/checkpoint/prove.js'
import { signersOf } from '../../schemas/checkpoint/signed-head.js'
import { isQuorum } from '../../schemas/consensus/turns.js'
import type { Signatures } from '../../schemas/ed25519.js'
import { consistencyProof, inclusionProof } from '../../schemas/merkle.js'
import { ReplicaFault } from '../../schemas/prove-entry.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { type CheckpointFacts, checkpointOf, heldOf, latestCheckpoint, leafOf, nodesFor } from './checkpoint-lookups.js'
import { sendImmutable, sendTagged } from './immutable.js'
import { ROUTE_SCHEMAS } from './openapi.js'
import { sendProblem } from './problem.js'
import type { ReadOnlyDatabase } from './read-only.js'

export interface CheckpointRoutesOptions {
  readonly database: ReadOnlyDatabase
  readonly registry: RegistryState
  readonly signatures: Signatures
  readonly witnesses: readonly VerifierKey[]
  readonly logger: Logger
}

/** Checkpoints as signed notes, and proofs between them. All is checked before it is handed out. */
export async function checkpointRoutes(app: FastifyInstance, options: CheckpointRoutesOptions): Promise<void> {
  const { database, registry, signatures } = options
  const genesis = () => registry.store.eventBytes(0) ?? Buffer.alloc(0)
  const broken = brokenReplica(options.logger)

  const latest = async (request: FastifyRequest, reply: FastifyReply) => {
    const facts = await latestCheckpoint(database)
    if (facts === undefined) return sendProblem(reply, 404, 'no checkpoint is signed by more than 2/3 of the weight yet')
    const note = noteFrom(facts, options)
    if (note === undefined) return broken(reply, { size: facts.size }, 'its signatures do not hold')
    return sendTagged(request, reply.type(TEXT), note.tag, note.text)
  }
  app.get('/checkpoint', { schema: { ...ROUTE_SCHEMAS.latestCheckpoint, operationId: 'getCheckpointNote' } }, latest)
  app.get('/v1/checkpoints/latest', { schema: ROUTE_SCHEMAS.latestCheckpoint }, latest)

  app.get<{ Params: { size: number } }>('/v1/checkpoints/:size', { schema: ROUTE_SCHEMAS.checkpoint }, async (request, reply) => {
    const { size } = request.params
    const facts = await signedCheckpoint(database, size)
    if (facts === undefined) return sendProblem(reply, 404, noCheckpoint(size))
    const note = noteFrom(facts, options)
    if (note === undefined) return broken(reply, { size }, 'its signatures do not hold')
    const send = note.isWhole ? sendImmutable : sendTagged
    return send(request, reply.type(TEXT), note.tag, note.text)
  })

  const sendProof = async (
    request: FastifyRequest,
    reply: FastifyReply,
    where: object,
    tag: string,
    prove: () => Promise<CheckedAs<unknown> & { proof: object }>,
  ) => {
    try {
      const { proof, ...checked } = await prove()
      if (!checked.ok) return broken(reply, where, checked.reason)
      return sendImmutable(request, reply, tag, proof)
    } catch (error) {
      if (error instanceof ReplicaFault) return broken(reply, where, error.message)
      throw error
    }
  }

  app.get<{ Params: { size: number; lane: number; height: number } }>(
    '/v1/checkpoints/:size/inclusion/:lane/:height',
    { schema: ROUTE_SCHEMAS.inclusion },
    async (request, reply) => {
      const { size, lane, height } = request.params
      const facts = await signedCheckpoint(database, size)
      if (facts === undefined) return sendProblem(reply, 404, noCheckpoint(size))
      const placed = await leafOf(database, lane, height)
      if (placed === undefined || placed.index >= size)
        return sendProblem(reply, 404, `the checkpoint of size ${size} does not cover height ${height} of lane ${lane}`)
      return sendProof(request, reply, request.params, `i-${size}-${lane}-${height}`, async () => {
        const nodes = await nodesFor(database, (store) => {
          store.get(0, placed.index)
          inclusionProof(store, placed.index, size)
        })
        const proof = proveInclusion(registry, heldOf(facts), nodes, placed)
        return { ...checkInclusion(proof, genesis(), signatures), proof }
      })
    },
  )

  app.get<{ Params: { size: number; newer: number } }>(
    '/v1/checkpoints/:size/consistency/:newer',
    { schema: ROUTE_SCHEMAS.consistency },
    async (request, reply) => {
      const { size, newer } = request.params
      if (newer < size)
        return sendProblem(reply, 422, `the newer checkpoint is the larger one: ask for ${newer}/consistency/${size}`)
      const [from, to] = [await signedCheckpoint(database, size), await signedCheckpoint(database, newer)]
      if (from === undefined || to === undefined) return sendProblem(reply, 404, noCheckpoint(from === undefined ? size : newer))
      return sendProof(request, reply, request.params, `c-${size}-${newer}`, async () => {
        const nodes = await nodesFor(database, (store) => consistencyProof(store, size, newer))
        const proof = proveConsistency(registry, heldOf(from), heldOf(to), nodes)
        return { ...checkConsistency(proof, genesis(), signatures), proof }
      })
    },
  )
}

const TEXT = 'text/plain; charset=utf-8'

const noCheckpoint = (size: number) =>
  `no checkpoint of size ${size} is signed by more than 2/3 of the weight: /v1/checkpoints/latest names the newest`

export function brokenReplica(logger: Logger) {
  return (reply: FastifyReply, where: object, fault: string): FastifyReply => {
    logger.error({ ...where, fault }, 'the database holds what proves nothing: run meterchain audit')
    return sendProblem(reply, 500, `what this database holds does not prove it (${fault}): its operator should run an audit`)
  }
}

async function signedCheckpoint(database: ReadOnlyDatabase, size: number): Promise<CheckpointFacts | undefined> {
  const facts = await checkpointOf(database, size)
  return facts?.isSigned ? facts : undefined
}

interface ServedNote {
  readonly text: string
  readonly tag: string
  /** Whether all who may sign it have: then it is what it will always be. */
  readonly isWhole: boolean
}

/** Undefined where the signatures that are held do not hold. */
function noteFrom(facts: CheckpointFacts, options: CheckpointRoutesOptions): ServedNote | undefined {
  const { registry, signatures, witnesses } = options
  const { signed, registrySize } = facts
  const origin = originOf(registry.chainId)
  const lines = signed.map(({ kind, name, key, timestamp, signature }) =>
    noteLine({ name: kind === NOTE_KIND.log ? origin : name, publicKey: key, signature, timestamp }),
  )
  const text = noteOf(checkpointText(registry.chainId, facts), lines)
  const note = parseNote(text)
  if (note === undefined) return undefined
  const set = registry.governanceAt(registrySize)
  const { lines: signers, weight } = signersOf(note, set, signatures)
  const holds = note.lines.every((line, at) => signers[at] !== undefined || isWitnessed(note, line, options))
  if (!holds || !isQuorum(weight.signed, weight.total)) return undefined
  const isWhole = lines.length === set.authorities.length + witnesses.length
  return { text, tag: `${hex(facts.root)}-${lines.length}`, isWhole }
}

const isWitnessed = (note: Note, line: NoteLine, { witnesses, signatures }: CheckpointRoutesOptions): boolean =>
  witnesses.some((witness) => {
    const signed = signedBy(note, line, witness)
    return signed !== undefined && signatures.verify(signed.signature, signed.message, witness.publicKey)
  })
