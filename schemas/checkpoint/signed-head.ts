/** Whose signatures under a checkpoint hold, and what that makes of it in an offline proof. */
import { type AuthoritySet, isQuorum, totalWeight } from '../consensus/turns.js'
import type { Signatures } from '../ed25519.js'
import type { Hash } from '../hash.js'
import type { LaneAuthority } from '../lane-fold.js'
import { leafHash, verifyInclusion } from '../merkle.js'
import type { CoveringCheckpoint, SignedHeadProof } from '../proof-format.js'
import { decideEvents, demand, pathOf } from '../proof-registry.js'
import { type CheckpointLeaf, encodeCheckpointLeaf } from '../records.js'
import type { RegistryState } from '../registry/state.js'
import { checkpointText, NOTE_KIND, type Note, noteOf, originOf, parseNote, signedBy, type TreeHead } from './note.js'

/** A head that authorities of more than 2/3 of the weight signed. Of which registry state is not proved: nobody signs that. */
export interface ProvedHead extends TreeHead {
  /** Sorted by id. */
  readonly signers: readonly string[]
  readonly weight: { readonly signed: number; readonly total: number }
}

export interface Signed {
  /** By line: whose it is; undefined: of nobody whose signature holds. */
  readonly lines: readonly (string | undefined)[]
  readonly weight: { readonly signed: number; readonly total: number }
}

/** Who of these authorities signed the note. */
export function signersOf(note: Note, set: AuthoritySet<LaneAuthority>, signatures: Signatures): Signed {
  const lines = note.lines.map((line) => {
    const signer = set.authorities.find(({ key }) => {
      const signed = signedBy(note, line, { name: note.origin, kind: NOTE_KIND.log, publicKey: key })
      return signed !== undefined && signatures.verify(signed.signature, signed.message, key)
    })
    return signer?.id
  })
  const signed = set.authorities.filter(({ id }) => lines.includes(id)).reduce((sum, { weight }) => sum + weight, 0)
  return { lines, weight: { signed, total: totalWeight(set) } }
}

/** The note in the one form that a proof may carry it in, by authorities of a registry state that `registry` has reached. Throws
 *  ProofFault. */
export function provedHead({ note: text, registrySize }: SignedHeadProof, registry: RegistryState): ProvedHead {
  const note = parseNote(text)
  demand(note !== undefined, 'the checkpoint is no signed note')
  const { head, origin, lines } = note
  demand(origin === originOf(registry.chainId), `the checkpoint is of log ${origin}`)
  const written = lines.map(({ name, keyHash, payload }) => {
    return `— ${name} ${Buffer.concat([keyHash, payload]).toString('base64')}`
  })
  demand(noteOf(checkpointText(registry.chainId, head), written) === text, 'the checkpoint is not written as checkpoints are')
  demand(registrySize >= 1, 'before the genesis nobody signs')
  const { lines: signers, weight } = signersOf(note, registry.governanceAt(registrySize), registry.signatures)
  const ids = signers.filter((id) => id !== undefined)
  demand(ids.length === lines.length, 'a signature of the checkpoint does not hold')
  demand(new Set(ids).size === ids.length, 'an authority signs the checkpoint twice')
  demand(
    isQuorum(weight.signed, weight.total),
    `signatures of the checkpoint weigh ${weight.signed} of ${weight.total}: not more than 2/3`,
  )
  return { ...head, signers: ids.sort(), weight }
}

export interface Covering extends ProvedHead {
  /** Place of the leaf in the log. */
  readonly index: number
}

/** A checkpoint over a block that was proved under the registry as it stands. Throws ProofFault. */
export function provedCovering(given: CoveringCheckpoint, leaf: CheckpointLeaf, registry: RegistryState): Covering {
  decideEvents(registry, given.governance, given.registrySize)
  const head = provedHead(given, registry)
  demandLeaf(leaf, given.index, given.path, head)
  return { ...head, index: given.index }
}

export function demandLeaf(leaf: CheckpointLeaf, index: number, path: readonly string[], head: TreeHead): void {
  const hash: Hash = leafHash(encodeCheckpointLeaf(leaf))
  demand(verifyInclusion(hash, index, head.size, pathOf(path), head.root), 'the block is not in the checkpoint')
}
