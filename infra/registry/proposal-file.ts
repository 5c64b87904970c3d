/** A registry event on its way to enough signatures: a JSON file that is handed from one authority to the next, or copied to all and
 *  merged. What counts in it are the body's bytes and the signatures over them; the content beside them is for people, and must be
 *  just what the bytes say. */
import { randomBytes } from 'node:crypto'
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { equalBytes, fromHex, hex } from '../../schemas/bytes.js'
import type { Hash } from '../../schemas/hash.js'
import { isAuthorityId } from '../../schemas/ids.js'
import { LIMITS } from '../../schemas/limits.js'
import { decodeEventBody, type EventBody, type EventContent, type EventSignature } from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { readableContent } from './readable-event.js'

export interface Proposal {
  readonly chainId: Hash
  readonly bodyBytes: Buffer
  /** What `bodyBytes` say. */
  readonly body: EventBody
  /** By signer, then by signature; each pair once. */
  readonly signatures: readonly EventSignature[]
}

/** Kinds that are proposed: a genesis and enrolments have ways of their own. */
export type ProposedContent = Exclude<EventContent, { kind: 'Genesis' | 'EnrolMeters' }>

/** A proposal that cannot be used. The message says which, why, and what to do. */
export class ProposalError extends Error {
  override readonly name = 'ProposalError'
}

/** More than any set of authorities and their old keys could bring: a bound on what a stranger's file costs. */
const MAX_SIGNATURES = 4 * LIMITS.authorities

const signature = z.strictObject({
  signer: z.string().refine((text): boolean => text === '' || isAuthorityId(text), 'not an authority id'),
  signature: z.string().regex(/^[0-9a-f]{128}$/, 'not 128 hexadecimal digits'),
})
const proposalFile = z.strictObject({
  version: z.literal(1),
  chainId: z.string().regex(/^[0-9a-f]{64}$/, 'not 64 hexadecimal digits'),
  eventId: z.string(),
  expiresAtSize: z.number(),
  content: z.looseObject({ kind: z.string() }),
  body: z.string().regex(/^([0-9a-f]{2})+$/, 'not hexadecimal'),
  signatures: z.array(signature).max(MAX_SIGNATURES),
})

/** Throws ProposalError where the bytes are no body of an event that can be proposed. */
export function proposalOf(chainId: Hash, bodyBytes: Buffer, signatures: readonly EventSignature[] = []): Proposal {
  const body = decodeEventBody(bodyBytes)
  if (body === undefined) throw new ProposalError('the body is not a registry event in canonical form')
  const { kind } = body.content
  if (kind === 'Genesis' || kind === 'EnrolMeters') throw new ProposalError(`${kind} is not proposed in a file`)
  return { chainId, bodyBytes, body, signatures: inOrder(signatures) }
}

/** As it stands in the file. The same proposal always gives the same text. */
export function formatProposal({ chainId, bodyBytes, body, signatures }: Proposal): string {
  const file: z.infer<typeof proposalFile> = {
    version: 1,
    chainId: hex(chainId),
    eventId: hex(body.id),
    expiresAtSize: body.expiresAtSize,
    content: readableContent(body.content),
    body: hex(bodyBytes),
    signatures: signatures.map((each) => ({ signer: each.signer, signature: hex(each.signature) })),
  }
  return `${JSON.stringify(file, null, 2)}\n`
}

/** What `formatProposal` wrote. Throws ProposalError on any other text, whatever was changed in it; a changed signature may pass, and
 *  then does not hold. */
export function parseProposal(text: string): Proposal {
  const parsed = proposalFile.safeParse(jsonOf(text))
  if (!parsed.success) throw new ProposalError(`it is not a proposal. ${z.prettifyError(parsed.error)}`)
  const { chainId, body, signatures } = parsed.data
  const proposal = proposalOf(
    fromHex(chainId),
    fromHex(body),
    signatures.map((each) => ({ signer: each.signer, signature: fromHex(each.signature) })),
  )
  // mail programs change ends of lines
  if (formatProposal(proposal).trim() !== text.replaceAll('\r\n', '\n').trim())
    throw new ProposalError('it was altered: what it says is not what its bytes say. Ask for the file once more.')
  return proposal
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** All signatures of proposals of one body, in whatever order they come. Throws ProposalError where they are of different ones. */
export function mergeProposals(first: Proposal, ...others: readonly Proposal[]): Proposal {
  for (const other of others) {
    if (!equalBytes(other.chainId, first.chainId) || !equalBytes(other.bodyBytes, first.bodyBytes))
      throw new ProposalError(`they are different proposals: events ${hex(first.body.id)} and ${hex(other.body.id)}`)
  }
  return withSignatures(
    first,
    others.flatMap(({ signatures }) => signatures),
  )
}

/** Throws ProposalError where there are more signatures than a file may hold. */
export function withSignatures(proposal: Proposal, added: readonly EventSignature[]): Proposal {
  const signatures = inOrder([...proposal.signatures, ...added])
  if (signatures.length > MAX_SIGNATURES)
    throw new ProposalError(`${signatures.length} signatures, a file holds at most ${MAX_SIGNATURES}`)
  return { ...proposal, signatures }
}

function inOrder(signatures: readonly EventSignature[]): EventSignature[] {
  const keyed = signatures.map((each) => [`${each.signer} ${hex(each.signature)}`, each] as const)
  return [...new Map(keyed)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each)
}

/** Throws ProposalError where it cannot count in this registry any more, or never could: of another chain, expired, or counted. */
export function assertUsable({ chainId, body }: Proposal, state: RegistryState): void {
  if (!equalBytes(chainId, state.chainId))
    throw new ProposalError(
      `it is of chain ${hex(chainId).slice(0, 12)}…, and this registry is of ${hex(state.chainId).slice(0, 12)}…`,
    )
  if (state.store.hasEventId(body.id)) throw new ProposalError(`event ${hex(body.id)} counts already`)
  if (state.size >= body.expiresAtSize)
    throw new ProposalError(
      `it expired when the registry reached ${body.expiresAtSize} events, and it holds ${state.size}: propose it anew`,
    )
}

/** Reads a file. Throws ProposalError with its path and the reason. */
export async function readProposal(path: string): Promise<Proposal> {
  try {
    return parseProposal(await readFile(path, 'utf8'))
  } catch (error) {
    throw new ProposalError(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** Writes a new file; one that exists is never overwritten. */
export async function createProposal(path: string, proposal: Proposal): Promise<void> {
  await writeFile(path, formatProposal(proposal), { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? new ProposalError(`${path} exists already: name another file`, { cause: error }) : error
  })
}

/** Replaces a file by one with more signatures: whole, or not at all. */
export async function replaceProposal(path: string, proposal: Proposal): Promise<void> {
  const draft = `${path}.${hex(randomBytes(4))}.draft`
  try {
    await writeFile(draft, formatProposal(proposal), { flag: 'wx' })
    await rename(draft, path)
  } finally {
    await rm(draft, { force: true })
  }
}
