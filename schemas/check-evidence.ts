/** Checks a piece of evidence with nothing in hand but the chain's genesis.
 *
 *  Of a contradiction it shows that the authority signed two accepts of one block that differ, which no honest one does; of a split
 *  view, that it signed two heads of one size of the log of checkpoints. Of a void
 *  block it shows who sealed it, and that authorities of 1/3 of the weight or more rejected it, with which grounds: no proof, but a
 *  ground that people can follow up, for the block's bytes are there to be held against `readings` and the registry.
 *
 *  It cannot show that no governance event was left out: keys and weights are those of the authority set that the events given lead
 *  to, each signed by more than 2/3 of the weight before it. Compare them with any reader of the registry. */
import { equalBytes, fromHex, hex } from './bytes.js'
import { firstIssue } from './check-form.js'
import { checkpointLane } from './checkpoint/log.js'
import { checkpointMessage } from './checkpoint/note.js'
import { type AuthoritySet, totalWeight } from './consensus/turns.js'
import type { Signatures } from './ed25519.js'
import { type EvidenceKind, evidenceHash, isThird } from './evidence.js'
import { EVIDENCE_SCHEMA, type EvidenceFile } from './evidence-format.js'
import { faultOfCode } from './faults.js'
import type { Hash } from './hash.js'
import { blockHash, type LaneAuthority, sealMessage, voteMessage } from './lane-fold.js'
import { leafHash, merkleRoot } from './merkle.js'
import { genesisOf } from './proof.js'
import { decideEvents, demand, ProofFault } from './proof-registry.js'
import {
  type Block,
  type ChainRecord,
  type Cosignature,
  decodeChainRecord,
  decodeCosignature,
  type SignedVote,
} from './records.js'
import type { RegistryState } from './registry/state.js'

/** What a piece of evidence shows. */
export interface ShownEvidence {
  readonly chainId: Hash
  readonly network: string
  readonly kind: EvidenceKind
  readonly lane: number
  readonly height: bigint
  readonly block: Hash
  readonly authority: string
  /** Under which the authority's signatures hold. */
  readonly key: Buffer
  readonly weight: number
  readonly totalWeight: number
  /** Whose authorities decided on the block, as the evidence says. */
  readonly registrySize: number
  /** Names it, as in `SlashStake.evidence`. */
  readonly hash: Hash
  /** Whether the originals alone prove that the authority is false. */
  readonly isProof: boolean
  /** void-block: what was said of it. */
  readonly rejects: readonly { readonly authority: string; readonly fault: string; readonly detail: string }[]
  /** contradiction: the two verdict hashes. */
  readonly verdicts: readonly Hash[]
  /** split-view: the two roots. */
  readonly roots: readonly Hash[]
}

export type CheckedEvidence =
  | { readonly ok: true; readonly shown: ShownEvidence }
  | { readonly ok: false; readonly reason: string }

/** `value`: parsed JSON of anybody. `genesisRecord`: the genesis event as it stands in topic `registry`, from somebody you trust. */
export function checkEvidence(value: unknown, genesisRecord: Buffer, signatures: Signatures): CheckedEvidence {
  const parsed = EVIDENCE_SCHEMA.safeParse(value)
  if (!parsed.success) return { ok: false, reason: `not of the form of evidence: ${firstIssue(parsed.error.issues)}` }
  try {
    return { ok: true, shown: check(parsed.data, genesisRecord, signatures) }
  } catch (error) {
    if (error instanceof ProofFault) return { ok: false, reason: error.message }
    throw error
  }
}

function check(file: EvidenceFile, genesisRecord: Buffer, signatures: Signatures): ShownEvidence {
  const registry = genesisOf(genesisRecord, signatures)
  const { chainId, genesis } = registry
  demand(equalBytes(fromHex(file.chainId), chainId), `it is of chain ${file.chainId}, and the genesis of chain ${hex(chainId)}`)
  demand(file.lane <= checkpointLane(genesis.lanes), `there is no lane ${file.lane}`)
  const set = governanceOf(file, registry)
  const accused = memberOf(set, file.authority)
  const originals = file.originals.map((each) => fromHex(each))
  const hash = evidenceHash(originals)
  demand(equalBytes(fromHex(file.hash), hash), 'its hash is not that of its originals')
  const found = CHECKS[file.kind](originals, { file, registry, set, accused })
  return {
    ...{ chainId, network: genesis.network, kind: file.kind, lane: file.lane, height: BigInt(file.height) },
    ...{ block: fromHex(file.block), authority: accused.id, key: accused.key, weight: accused.weight },
    ...{
      totalWeight: totalWeight(set),
      registrySize: file.registrySize,
      hash,
      isProof: file.kind !== 'void-block',
      rejects: [],
      verdicts: [],
      roots: [],
      ...found,
    },
  }
}

interface Context {
  readonly file: EvidenceFile
  readonly registry: RegistryState
  readonly set: AuthoritySet<LaneAuthority>
  readonly accused: LaneAuthority
}

/** What a kind shows beside the rest. Throws ProofFault. */
const CHECKS: Record<EvidenceKind, (originals: readonly Buffer[], context: Context) => Partial<ShownEvidence>> = {
  'void-block': (originals, context) => checkVoid(originals.map(recordOf), context),
  contradiction: (originals, context) => checkContradiction(originals.map(recordOf), context),
  'split-view': (originals, context) => checkSplitView(originals.map(signatureOf), context),
}

/** The authorities that the events lead to, from the genesis on. */
function governanceOf({ governance, registrySize }: EvidenceFile, registry: RegistryState): AuthoritySet<LaneAuthority> {
  demand(registrySize >= 1, 'before the genesis nobody decides')
  decideEvents(registry, governance, registrySize)
  return registry.governanceAt(registrySize)
}

function memberOf({ authorities }: AuthoritySet<LaneAuthority>, id: string): LaneAuthority {
  const member = authorities.find((each) => each.id === id && each.weight > 0)
  demand(member !== undefined, `${id} was no authority then`)
  return member
}

function recordOf(bytes: Buffer, at: number): ChainRecord {
  const record = decodeChainRecord(bytes)
  // a registry prefix would be dropped unseen, and the hash is of the record
  demand(record !== undefined && bytes[0] !== 0, `original ${at} is neither a block nor a vote in canonical form`)
  return record
}

function signatureOf(bytes: Buffer, at: number): Cosignature {
  const cosignature = bytes[0] === 0 ? undefined : decodeCosignature(bytes)
  demand(cosignature !== undefined, `original ${at} is no signature of a head in canonical form`)
  return cosignature
}

function checkVoid([first, ...rest]: readonly ChainRecord[], context: Context): Pick<ShownEvidence, 'rejects'> {
  demand(first?.kind === 'block', 'its first original is no block')
  checkBlock(first, context)
  const votes = rest.map((record) => checkVote(record, context))
  const ids = votes.map(({ vote }) => vote.authority)
  demand(
    ids.every((id, i) => i === 0 || id > (ids[i - 1] ?? id)),
    'its rejects are not in the order of their authorities, each once',
  )
  const weight = votes.reduce((sum, { vote }) => sum + memberOf(context.set, vote.authority).weight, 0)
  const total = totalWeight(context.set)
  demand(isThird(weight, total), `its rejects weigh ${weight} of ${total}: less than 1/3 may all be false`)
  return {
    rejects: votes.map(({ vote: { authority, judgement } }) => {
      demand(judgement.kind === 'reject', `the vote of ${authority} is no reject`)
      const { fault, detail } = judgement
      return { authority, fault: faultOfCode(fault)?.name ?? `code ${fault}`, detail }
    }),
  }
}

function checkBlock({ header, headerBytes, seal, entries }: Block, { file, registry, accused }: Context): void {
  demand(equalBytes(blockHash(headerBytes), fromHex(file.block)), 'the block is another one')
  demand(header.lane === file.lane && header.height === BigInt(file.height), 'the block is of another lane or height')
  demand(header.proposer === accused.id, `the block names ${header.proposer}, not ${accused.id}`)
  const { chainId, signatures } = registry
  demand(
    signatures.verify(seal, sealMessage(chainId, headerBytes), accused.key),
    `the seal is not one of ${accused.id} by the key that it had`,
  )
  const isWhole = header.count === entries.length && equalBytes(merkleRoot(entries.map(leafHash)), header.root)
  demand(isWhole, 'its entries are not those that were sealed')
}

/** A vote on the block, by an authority that had weight, with a signature that holds. */
function checkVote(record: ChainRecord, { file, registry, set }: Context): SignedVote {
  demand(record.kind === 'vote', 'an original that must be a vote is none')
  const { vote, voteBytes, signature } = record
  const isOfBlock = vote.lane === file.lane && vote.height === BigInt(file.height) && equalBytes(vote.block, fromHex(file.block))
  demand(isOfBlock, `the vote of ${vote.authority} is on another block`)
  const { chainId, signatures } = registry
  const { key } = memberOf(set, vote.authority)
  demand(
    signatures.verify(signature, voteMessage(chainId, voteBytes), key),
    `the vote of ${vote.authority} is not signed by the key that it had`,
  )
  return record
}

function checkContradiction(records: readonly ChainRecord[], context: Context): Pick<ShownEvidence, 'verdicts'> {
  demand(records.length === 2, 'a contradiction is of two votes')
  const votes = records.map((record) => checkVote(record, context))
  const [first, second] = votes
  demand(first !== undefined && second !== undefined && !equalBytes(first.voteBytes, second.voteBytes), 'both votes are the same')
  const verdicts = votes.map(({ vote: { authority, judgement } }) => {
    demand(authority === context.accused.id, `a vote is of ${authority}, not of ${context.accused.id}`)
    demand(judgement.kind === 'accept', 'a vote is no accept')
    return judgement.verdictHash
  })
  return { verdicts }
}

function checkSplitView(given: readonly Cosignature[], { file, registry, accused }: Context): Pick<ShownEvidence, 'roots'> {
  const { chainId, signatures, lanes } = registry
  const { authority, lane, height, block } = file
  demand(lane === checkpointLane(lanes), `lane ${lane} has no heads that are signed`)
  demand(given.length === 2, 'a split view is of two signatures')
  const roots = given.map((each) => {
    demand(each.authority === authority, `a signature is of ${each.authority}, not of ${authority}`)
    demand(each.timestamp === 0, 'a signature is one of a witness')
    demand(each.size === height, `a signature is over a head of size ${each.size}`)
    const holds = signatures.verify(each.signature, checkpointMessage(chainId, each, 0), accused.key)
    demand(holds, `a signature over a head is not one of ${authority} by the key that it had`)
    return each.root
  })
  const [first, second] = roots
  demand(first !== undefined && second !== undefined && !equalBytes(first, second), 'both signatures are over one head')
  demand(equalBytes(first, fromHex(block)), 'the first signature is over another head')
  return { roots }
}
