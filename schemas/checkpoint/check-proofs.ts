/** Checks offline proofs about checkpoints and about a meter’s keys, with nothing in hand but the chain’s genesis.
 *
 *  None can show that no event of governance was left out: signers and voters are those that the events given lead to, each signed by
 *  more than 2/3 of the weight before it. Compare them, or the checkpoint, with any reader or witness. Nor can that of a meter’s keys
 *  show that no change of a key was left out, or that the meter was not retired. */
import { fromHex } from '../bytes.js'
import { type CheckedAs, checkedForm } from '../check-form.js'
import type { Signatures } from '../ed25519.js'
import type { Hash } from '../hash.js'
import { verifyConsistency } from '../merkle.js'
import { chainOf, leafOf, provedBlock } from '../proof.js'
import { decideEvents, demand, keysOf, pathOf } from '../proof-registry.js'
import type { CheckpointLeaf } from '../records.js'
import type { MeterKey } from '../registry/meter-facts.js'
import type { RegistryState } from '../registry/state.js'
import { CONSISTENCY_SCHEMA, INCLUSION_SCHEMA, METER_KEY_SCHEMA } from './proof-formats.js'
import { type Covering, demandLeaf, type ProvedHead, provedCovering, provedHead } from './signed-head.js'

interface OfChain {
  readonly chainId: Hash
  readonly network: string
}

export interface ProvedConsistency extends OfChain {
  readonly kind: 'consistency'
  readonly older: ProvedHead
  readonly newer: ProvedHead
}

export interface ProvedInclusion extends OfChain {
  readonly kind: 'inclusion'
  readonly leaf: CheckpointLeaf
  readonly checkpoint: Covering
}

export interface ProvedMeterKey extends OfChain {
  readonly kind: 'meter-key'
  readonly meter: string
  readonly keys: readonly MeterKey[]
  /** Where the keys are registered. */
  readonly registry: { readonly size: number; readonly root: Hash }
  readonly lane: number
  readonly height: bigint
  readonly blockHash: Hash
  readonly voters: readonly string[]
  readonly weight: { readonly accepted: number; readonly total: number }
  readonly checkpoint: Covering | undefined
}

const ofChain = ({ chainId, genesis }: RegistryState): OfChain => ({ chainId, network: genesis.network })

/** `value`: parsed JSON of anybody. `genesis`: its record as it stands in topic `registry`, from somebody you trust. So in all three. */
export const checkConsistency = (value: unknown, genesis: Buffer, signatures: Signatures): CheckedAs<ProvedConsistency> =>
  checkedForm(CONSISTENCY_SCHEMA, 'a proof of consistency', value, (proof) => {
    const registry = chainOf(proof, genesis, signatures)
    demand(proof.older.registrySize <= proof.newer.registrySize, 'the older checkpoint names a larger registry')
    decideEvents(registry, proof.governance, proof.newer.registrySize)
    const [older, newer] = [provedHead(proof.older, registry), provedHead(proof.newer, registry)]
    demand(
      verifyConsistency(older.size, older.root, newer.size, newer.root, pathOf(proof.path)),
      `the log of ${newer.size} does not begin with that of ${older.size}: whoever signed both showed two views`,
    )
    return { kind: 'consistency', ...ofChain(registry), older, newer }
  })

export const checkInclusion = (value: unknown, genesis: Buffer, signatures: Signatures): CheckedAs<ProvedInclusion> =>
  checkedForm(INCLUSION_SCHEMA, 'a proof of inclusion', value, (proof) => {
    const registry = chainOf(proof, genesis, signatures)
    decideEvents(registry, proof.governance, proof.checkpoint.registrySize)
    const head = provedHead(proof.checkpoint, registry)
    const { lane, height, block, verdict } = proof.leaf
    demand(lane < registry.lanes, `there is no lane ${lane}`)
    const leaf = { lane, height: BigInt(height), block: fromHex(block), verdict: fromHex(verdict) }
    demandLeaf(leaf, proof.index, proof.path, head)
    return { kind: 'inclusion', ...ofChain(registry), leaf, checkpoint: { ...head, index: proof.index } }
  })

export const checkMeterKey = (value: unknown, genesis: Buffer, signatures: Signatures): CheckedAs<ProvedMeterKey> =>
  checkedForm(METER_KEY_SCHEMA, 'a proof of a meter’s keys', value, (proof) => {
    const registry = chainOf(proof, genesis, signatures)
    const final = provedBlock(proof, registry)
    const { header, blockHash, voters, weight } = final
    const keys = keysOf(proof.keys, proof.meter, header)
    const checkpoint = proof.checkpoint && provedCovering(proof.checkpoint, leafOf(final), registry)
    return {
      ...{ kind: 'meter-key', ...ofChain(registry), meter: proof.meter, keys },
      registry: { size: header.registrySize, root: header.registryRoot },
      ...{ lane: header.lane, height: header.height, blockHash, voters, weight, checkpoint },
    }
  })
