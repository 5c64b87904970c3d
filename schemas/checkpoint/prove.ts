/** Makes the checkpoint's part of offline proofs from what a replica holds. */
import { hex } from '../bytes.js'
import { isQuorum, totalWeight } from '../consensus/turns.js'
import { consistencyProof, inclusionProof, leafHash, type NodeStore } from '../merkle.js'
import type { CoveringCheckpoint, DecidedEvent, SignedHeadProof } from '../proof-format.js'
import { ReplicaFault } from '../prove-entry.js'
import { type CheckpointLeaf, encodeCheckpointLeaf } from '../records.js'
import type { RegistryState } from '../registry/state.js'
import { checkpointText, noteLine, noteOf, originOf, type TreeHead } from './note.js'
import type { ConsistencyProof, InclusionProof } from './proof-formats.js'

/** An authority’s signature of a checkpoint, as a replica holds it. */
export interface HeldSignature {
  readonly authority: string
  readonly key: Buffer
  readonly signature: Buffer
}

export interface HeldCheckpoint extends TreeHead {
  readonly registrySize: number
  /** Of authorities, in an order that stays. */
  readonly signatures: readonly HeldSignature[]
}

/** The first signatures that weigh more than 2/3: more are not needed, and not taken, so the proof stays as it is. Throws ReplicaFault. */
export function proveHead(registry: RegistryState, { size, root, registrySize, signatures }: HeldCheckpoint): SignedHeadProof {
  const set = registry.governanceAt(registrySize)
  const total = totalWeight(set)
  const name = originOf(registry.chainId)
  const lines: string[] = []
  let signed = 0
  for (const { authority, key, signature } of signatures) {
    lines.push(noteLine({ name, publicKey: key, signature, timestamp: 0 }))
    signed += set.authorities.find(({ id }) => id === authority)?.weight ?? 0
    if (isQuorum(signed, total)) return { note: noteOf(checkpointText(registry.chainId, { size, root }), lines), registrySize }
  }
  throw new ReplicaFault(`the signatures of the checkpoint of ${size} weigh ${signed} of ${total}`)
}

/** Events of governance beyond one registry size, up to another. Throws ReplicaFault. */
export function decidedEvents(registry: RegistryState, beyond: number, upTo: number): DecidedEvent[] {
  return registry.store
    .governance()
    .filter(({ since }) => since > Math.max(1, beyond) && since <= upTo)
    .map(({ since }) => {
      const event = registry.eventAt(since - 1)
      if (event === undefined) throw new ReplicaFault(`registry event ${since - 1} is not held`)
      const signatures = event.signatures.map(({ signer, signature }) => ({ signer, signature: hex(signature) }))
      return { index: since - 1, body: hex(event.bodyBytes), signatures }
    })
}

const pathText = (path: readonly Buffer[]): string[] => path.map(hex)

/** Where the block is leaf `index`, which was decided on under the registry of size `decidedBy`. */
export function proveCovering(
  registry: RegistryState,
  held: HeldCheckpoint,
  nodes: NodeStore,
  { index, decidedBy }: { readonly index: number; readonly decidedBy: number },
): CoveringCheckpoint {
  return {
    ...proveHead(registry, held),
    governance: decidedEvents(registry, decidedBy, held.registrySize),
    index,
    path: pathText(inclusionProof(nodes, index, held.size)),
  }
}

export function proveInclusion(
  registry: RegistryState,
  held: HeldCheckpoint,
  nodes: NodeStore,
  { index, leaf }: { readonly index: number; readonly leaf: CheckpointLeaf },
): InclusionProof {
  const { lane, height, block, verdict } = leaf
  const path = inclusionProof(nodes, index, held.size)
  if (nodes.get(0, index)?.equals(leafHash(encodeCheckpointLeaf(leaf))) !== true)
    throw new ReplicaFault(`leaf ${index} is not the block at height ${height} of lane ${lane}`)
  return {
    ...{ version: 1, kind: 'inclusion', chainId: hex(registry.chainId) },
    leaf: { lane, height: Number(height), block: hex(block), verdict: hex(verdict) },
    ...{ index, path: pathText(path), checkpoint: proveHead(registry, held) },
    governance: decidedEvents(registry, 1, held.registrySize),
  }
}

export function proveConsistency(
  registry: RegistryState,
  older: HeldCheckpoint,
  newer: HeldCheckpoint,
  nodes: NodeStore,
): ConsistencyProof {
  return {
    ...{ version: 1, kind: 'consistency', chainId: hex(registry.chainId) },
    ...{ older: proveHead(registry, older), newer: proveHead(registry, newer) },
    path: pathText(consistencyProof(nodes, older.size, newer.size)),
    governance: decidedEvents(registry, 1, newer.registrySize),
  }
}
