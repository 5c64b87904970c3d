/** Checks an offline proof of one entry, with nothing in hand but the chain’s genesis.
 *
 *  It shows that authorities of more than 2/3 of the weight accepted the block that holds the entry, with which verdict on it, and,
 *  where it counts, that the meter enrolled with that key (or a later one of its own) signed it; and, where a checkpoint comes with
 *  it, that authorities of more than 2/3 of the weight signed the head of a log of all lanes in which the block stands.
 *
 *  It cannot show
 *  - that no governance event was left out: more than 2/3 of the weight of an earlier set of authorities could together prove a
 *    block of their own to somebody who does not know that they were replaced. Compare the governance events, or the block’s
 *    hash, with any reader of the chain;
 *  - that the entry’s link to the meter’s message before holds, that its sequence was free, that the meter was not retired and that
 *    no change of its key was left out: those are what the authorities’ verdict says, and `meterchain verify` derives again;
 *  - why an entry does not count, beyond the code in the verdict. */
import { equalBytes, fromHex, hex } from './bytes.js'
import { type CheckedAs, checkedForm } from './check-form.js'
import { type Covering, provedCovering } from './checkpoint/signed-head.js'
import { isQuorum, totalWeight } from './consensus/turns.js'
import type { Signatures } from './ed25519.js'
import { faultOfCode } from './faults.js'
import type { Hash } from './hash.js'
import {
  apply,
  blockHash,
  type Candidate,
  type FinalBlock,
  type LaneRules,
  laneGenesis,
  type Outcome,
  sealMessage,
} from './lane-fold.js'
import { leafHash, verifyInclusion } from './merkle.js'
import { laneOf } from './murmur2.js'
import { type CertifiedBlock, type EntryProof, PROOF_SCHEMA } from './proof-format.js'
import { demand, keysOf, ProofFault, pathOf, replay } from './proof-registry.js'
import { readEntry } from './reading.js'
import {
  type CheckpointLeaf,
  decodeChainRecord,
  decodeHeader,
  decodeRegistryEvent,
  type Header,
  type NotCounted,
  type Reading,
  type SignedReading,
  signedPart,
} from './records.js'
import { MemoryRegistryStore } from './registry/memory-store.js'
import { keyFor } from './registry/meter-facts.js'
import { RegistryState } from './registry/state.js'
import { signedMessage, TAGS } from './tags.js'

/** What a proof proves. */
export interface Proved {
  readonly chainId: Hash
  readonly network: string
  readonly lane: number
  readonly height: bigint
  readonly blockHash: Hash
  /** By the proposer’s clock, milliseconds. */
  readonly sealedAt: number
  readonly entry: number
  readonly leafHash: Hash
  /** Whether it counts and, where it does not, the code that the verdict gives. */
  readonly counted: { readonly counted: true } | { readonly counted: false; readonly code: number; readonly fault: string }
  /** What the entry says; undefined where it cannot be read. Proved to be of its meter only where it counts. */
  readonly reading: Reading | undefined
  /** Key under which the signature holds; undefined where the entry does not count. */
  readonly key: Buffer | undefined
  /** Sorted by id. */
  readonly voters: readonly string[]
  readonly weight: { readonly accepted: number; readonly total: number }
  /** The checkpoint that covers the block, where the proof carries one. */
  readonly checkpoint: Covering | undefined
}

export type Checked = CheckedAs<Proved>

/** `value`: parsed JSON of anybody. `genesisRecord`: the genesis event as it stands in topic `registry`, from somebody you trust. */
export const checkProof = (value: unknown, genesisRecord: Buffer, signatures: Signatures): Checked =>
  checkedForm(PROOF_SCHEMA, 'a proof', value, (proof) => check(proof, genesisRecord, signatures))

function check(proof: EntryProof, genesisRecord: Buffer, signatures: Signatures): Proved {
  const registry = chainOf(proof, genesisRecord, signatures)
  const final = provedBlock(proof, registry)
  const { header, blockHash: hash } = final
  const entry = fromHex(proof.entry.bytes)
  const { index } = proof.entry
  const leaf = leafHash(entry)
  demand(verifyInclusion(leaf, index, header.count, pathOf(proof.entry.path), header.root), 'the entry is not in the block')
  const code = final.notCounted.find((each) => each.entry === index)?.code
  const read = readEntry(entry)
  const signed = read.ok ? read.signed : undefined
  return {
    ...{ chainId: registry.chainId, network: registry.genesis.network, lane: header.lane, height: header.height },
    ...{ blockHash: hash, sealedAt: header.sealedAt, entry: index, leafHash: leaf },
    counted: code === undefined ? { counted: true } : { counted: false, code, fault: faultOfCode(code)?.name ?? `code ${code}` },
    reading: signed?.reading,
    key: code === undefined ? signerKey(proof, header, entry, signed, registry) : noKey(proof),
    voters: final.voters,
    weight: final.weight,
    checkpoint: proof.checkpoint && provedCovering(proof.checkpoint, leafOf(final), registry),
  }
}

/** The registry as the genesis left it, where that is the genesis of the proof’s chain. Throws ProofFault. */
export function chainOf({ chainId }: { chainId: string }, genesisRecord: Buffer, signatures: Signatures): RegistryState {
  const registry = genesisOf(genesisRecord, signatures)
  demand(
    equalBytes(fromHex(chainId), registry.chainId),
    `it is of chain ${chainId}, and the genesis of chain ${hex(registry.chainId)}`,
  )
  return registry
}

/** A block that is final by votes of more than 2/3 of the weight. */
export interface ProvedBlock extends Certificate {
  readonly header: Header
  readonly blockHash: Hash
}

/** `registry`: as the genesis left it; it has reached the size that decided on the block afterwards. Throws ProofFault. */
export function provedBlock(proof: CertifiedBlock, registry: RegistryState): ProvedBlock {
  const headerBytes = fromHex(proof.block.header)
  const header = headerOf(headerBytes, 'the block')
  const { lane } = header
  demand(lane >= 0 && lane < registry.lanes, `there is no lane ${lane}`)
  const parent = parentOf(proof, header, registry)
  demand(header.registrySize >= parent.registrySize, 'the registry of the block is smaller than that of the block before')
  const hash = blockHash(headerBytes)
  return { header, blockHash: hash, ...certificate(proof, { header, hash, headerBytes }, parent, registry) }
}

/** The block as the log of checkpoints has it. */
export const leafOf = ({ header: { lane, height }, blockHash: block, verdictHash: verdict }: ProvedBlock): CheckpointLeaf => ({
  ...{ lane, height, block, verdict },
})

/** The registry’s state after its first event. Throws ProofFault where that does not hold. */
export function genesisOf(record: Buffer, signatures: Signatures): RegistryState {
  const state = new RegistryState(new MemoryRegistryStore(), signatures)
  const applied = state.apply(decodeRegistryEvent(record))
  demand(applied.counted, `the genesis itself does not hold: ${applied.counted ? '' : applied.reason}`)
  return state
}

function headerOf(bytes: Buffer, whose: string): Header {
  const header = decodeHeader(bytes)
  demand(header !== undefined, `the header of ${whose} is not a canonical header`)
  return header
}

/** The final block before, after the registry has reached the state that it names. */
function parentOf({ parent, governance }: CertifiedBlock, header: Header, registry: RegistryState): FinalBlock {
  const genesis = laneGenesis(registry.chainId, header.lane).final
  if (parent === null) {
    demand(header.height === 1n, `the block before height ${header.height} is missing`)
    demand(equalBytes(header.previous, genesis.hash), 'the block does not follow the genesis of its lane')
    demand(governance.length === 0, 'governance events stand beside a first block')
    return genesis
  }
  const bytes = fromHex(parent.header)
  const before = headerOf(bytes, 'the block before')
  const hash = blockHash(bytes)
  demand(equalBytes(header.previous, hash), 'the block does not follow the block before')
  demand(header.lane === before.lane && header.height === before.height + 1n, 'lane or height do not follow the block before')
  demand(before.height >= 1n && before.registrySize >= 1, 'the block before is none')
  replay(registry, governance, before)
  const { height, registrySize, sourceEpoch, lastOffset } = before
  return { height, hash, verdictHash: fromHex(parent.verdictHash), registrySize, sourceEpoch, lastOffset }
}

interface Sealed {
  readonly header: Header
  readonly headerBytes: Buffer
  readonly hash: Hash
}

interface Certificate {
  readonly notCounted: readonly NotCounted[]
  readonly verdictHash: Hash
  readonly voters: string[]
  readonly weight: { accepted: number; total: number }
}

/** Seal and votes by the rules of the lane’s fold, which has the block as its only candidate. */
function certificate(
  proof: CertifiedBlock,
  { header, headerBytes, hash }: Sealed,
  final: FinalBlock,
  registry: RegistryState,
): Certificate {
  const { chainId, signatures } = registry
  const set = registry.governanceAt(final.registrySize)
  const proposer = set.authorities.find(({ id, weight }) => id === header.proposer && weight > 0)
  demand(proposer !== undefined, `${header.proposer} was no authority then`)
  const isSealed = signatures.verify(fromHex(proof.block.seal), sealMessage(chainId, headerBytes), proposer.key)
  demand(isSealed, `the seal of ${header.proposer} does not hold`)
  const rules: LaneRules = { chainId, authoritiesAt: () => set, verify: (...args) => signatures.verify(...args) }
  const candidate: Candidate = { header, hash, ballots: new Map(), isVoid: false }
  const { outcome } = countVotes(proof.block.votes, { lane: header.lane, final, candidates: [candidate] }, rules)
  const voters = outcome.certificate.map(({ vote }) => vote.authority).sort()
  const accepted = set.authorities.filter(({ id }) => voters.includes(id)).reduce((sum, { weight }) => sum + weight, 0)
  const total = totalWeight(set)
  demand(isQuorum(accepted, total), `votes weigh ${accepted} of ${total}: not more than 2/3`)
  return { notCounted: outcome.notCounted, verdictHash: outcome.verdictHash, voters, weight: { accepted, total } }
}

type Final = Extract<Outcome, { kind: 'final' }>

/** Every vote has to count; the last one decides. */
function countVotes(votes: readonly string[], before: Parameters<typeof apply>[0], rules: LaneRules): { outcome: Final } {
  let state = before
  for (const [at, text] of votes.entries()) {
    const record = decodeChainRecord(fromHex(text))
    demand(record?.kind === 'vote', `vote ${at} is not a canonical vote`)
    const { judgement, authority } = record.vote
    demand(judgement.kind === 'accept', `vote ${at}, of ${authority}, is no accept`)
    const { state: next, outcome } = apply(state, record, rules)
    if (outcome.kind === 'final' && at === votes.length - 1) return { outcome }
    demand(
      outcome.kind === 'counted',
      `vote ${at}, of ${authority}, does not count: ${'reason' in outcome ? outcome.reason : outcome.kind}`,
    )
    state = next
  }
  throw new ProofFault('its votes do not weigh more than 2/3')
}

function noKey({ meter }: EntryProof): undefined {
  demand(meter === null, 'a meter’s key stands beside an entry that does not count')
}

/** The key that the registry names for the meter at this sequence, under which the entry’s signature holds. */
function signerKey(
  { meter }: EntryProof,
  header: Header,
  entry: Buffer,
  signed: SignedReading | undefined,
  { lanes, chainId, signatures }: RegistryState,
): Buffer {
  demand(signed !== undefined, 'the entry counts and cannot be read')
  demand(meter !== null, 'the entry counts, and its meter’s key is missing')
  const { reading, signature } = signed
  demand(laneOf(reading.meter, lanes) === header.lane, `meter ${reading.meter} is not of lane ${header.lane}`)
  const key = keyFor({ keys: keysOf(meter, reading.meter, header) }, reading.sequence, header.registrySize)
  const message = signedMessage(TAGS.reading, chainId, signedPart(entry))
  demand(key !== undefined && signatures.verify(signature, message, key), 'the meter’s signature does not hold')
  return key
}
