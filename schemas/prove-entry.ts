/** Makes the offline proof of one entry from what a replica holds. */
import { hex } from './bytes.js'
import { isQuorum, totalWeight } from './consensus/turns.js'
import type { Hash } from './hash.js'
import { inclusionProof, leafHash, treeOf } from './merkle.js'
import type { CertifiedBlock, EntryProof, GovernanceEventProof, MeterKeysProof, RegisteredProof } from './proof-format.js'
import { readEntry } from './reading.js'
import { type Block, decodeChainRecord, decodeHeader, type Header, type SignedVote } from './records.js'
import { type BodyProof, bodyProof, enrolmentProof } from './registry/proofs.js'
import type { RegistryState } from './registry/state.js'

/** A final block and what made it final; records without the registry prefix. */
export interface ProofSources {
  /** At least as far as the block’s registry size. */
  readonly registry: RegistryState
  readonly block: Buffer
  /** The final block before; undefined at height 1. */
  readonly parent: { readonly header: Buffer; readonly verdictHash: Hash } | undefined
  /** Its certificate. */
  readonly votes: readonly Buffer[]
}

/** What a replica holds does not belong together: somebody changed it, and an audit names the row. */
export class ReplicaFault extends Error {
  override readonly name = 'ReplicaFault'
}

const hexes = (hashes: readonly Hash[]): string[] => hashes.map(hex)

/** Throws ReplicaFault. */
export function proveEntry(sources: ProofSources, entry: number): EntryProof {
  const { registry } = sources
  const { block, votes, certified } = proveBlock(sources)
  const bytes = block.entries[entry]
  if (bytes === undefined) throw new ReplicaFault(`height ${block.header.height} has no entry ${entry}`)
  return {
    version: 1,
    chainId: hex(registry.chainId),
    entry: {
      bytes: hex(bytes),
      index: entry,
      path: hexes(inclusionProof(treeOf(block.entries.map(leafHash)), entry, block.entries.length)),
    },
    ...certified,
    meter: countsIn(votes, entry) ? keysInBlock(registry, block.header, bytes) : null,
  }
}

/** A final block with what made it final. Throws ReplicaFault. */
export function proveBlock({ registry, block: record, parent, votes: voteRecords }: ProofSources) {
  const block = decodeAs('block', record)
  const decidedBy = decidingSize(parent?.header)
  const votes = enough(voteRecords, registry, decidedBy)
  const certified: CertifiedBlock = {
    block: { header: hex(block.headerBytes), seal: hex(block.seal), votes: votes.map(({ bytes: vote }) => hex(vote)) },
    parent: parent === undefined ? null : { header: hex(parent.header), verdictHash: hex(parent.verdictHash) },
    governance: governanceEvents(registry, decidedBy),
  }
  return { block, votes, certified }
}

/** Registry size whose authorities decide on a block, by the header of the one before; undefined: there is none. */
export function decidingSize(parent: Buffer | undefined): number {
  return parent === undefined ? 1 : (decodeHeader(parent)?.registrySize ?? 1)
}

function decodeAs(kind: 'block', record: Buffer): Block
function decodeAs(kind: 'vote', record: Buffer): SignedVote
function decodeAs(kind: 'block' | 'vote', record: Buffer): Block | SignedVote {
  const decoded = decodeChainRecord(record)
  if (decoded?.kind !== kind) throw new ReplicaFault(`a record that is held as a ${kind} is none`)
  return decoded
}

interface HeldVote {
  readonly bytes: Buffer
  readonly signed: SignedVote
}

/** The first votes that weigh more than 2/3: more are not needed, and not taken. */
function enough(records: readonly Buffer[], registry: RegistryState, size: number): HeldVote[] {
  const set = registry.governanceAt(size)
  const total = totalWeight(set)
  const votes: HeldVote[] = []
  let weight = 0
  for (const bytes of records) {
    const signed = decodeAs('vote', bytes)
    votes.push({ bytes, signed })
    weight += set.authorities.find(({ id }) => id === signed.vote.authority)?.weight ?? 0
    if (isQuorum(weight, total)) return votes
  }
  throw new ReplicaFault(`the votes that are held weigh ${weight} of ${total}`)
}

function countsIn([first]: readonly HeldVote[], entry: number): boolean {
  const judgement = first?.signed.vote.judgement
  return judgement?.kind === 'accept' && judgement.notCounted.every((each) => each.entry !== entry)
}

const leafOf = ({ index, bodyBytes, path }: BodyProof): RegisteredProof => ({ index, body: hex(bodyBytes), path: hexes(path) })

function registered(registry: RegistryState, index: number, size: number): RegisteredProof {
  const proof = bodyProof(registry, index, size)
  if (proof === undefined) throw new ReplicaFault(`registry event ${index} of ${size} is not held`)
  return leafOf(proof)
}

/** Those after the genesis that hold at this size. */
function governanceEvents(registry: RegistryState, size: number): GovernanceEventProof[] {
  return registry.store
    .governance()
    .filter(({ since }) => since > 1 && since <= size)
    .map(({ since }) => {
      const signatures = registry.eventAt(since - 1)?.signatures ?? []
      const texts = signatures.map(({ signer, signature }) => ({ signer, signature: hex(signature) }))
      return { ...registered(registry, since - 1, size), signatures: texts }
    })
}

function keysInBlock(registry: RegistryState, { registrySize }: Header, entry: Buffer): MeterKeysProof {
  const read = readEntry(entry)
  const meter = read.ok ? read.signed.reading.meter : ''
  const keys = proveKeys(registry, meter, registrySize)
  if (keys === undefined) throw new ReplicaFault(`an entry of '${meter}' counts, and it is not enrolled`)
  return keys
}

/** Keys of a meter in the registry of that size; undefined: it is not enrolled there. */
export function proveKeys(registry: RegistryState, meter: string, registrySize: number): MeterKeysProof | undefined {
  const enrolment = enrolmentProof(registry, meter, registrySize)
  if (enrolment === undefined) return undefined
  const keys = registry.store.meter(meter)?.keys ?? []
  const { meterBytes, leafIndex, meterPath, body } = enrolment
  return {
    enrolment: { meter: hex(meterBytes), leafIndex, path: hexes(meterPath), event: leafOf(body) },
    rotations: keys
      .slice(1)
      .filter(({ since }) => since <= registrySize)
      .map(({ since }) => registered(registry, since - 1, registrySize)),
  }
}
