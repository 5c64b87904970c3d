/** A replica is believed in nothing: its registry is folded from the genesis, and each lane by the fold of the log. */
import type { Signatures } from '../../schemas/ed25519.js'
import { type Hash, hashKey } from '../../schemas/hash.js'
import { blockHash, type FinalBlock } from '../../schemas/lane-fold.js'
import { decodeChainRecord } from '../../schemas/records.js'
import { RegistryState } from '../../schemas/registry/state.js'
import { LaneReader, laneRules } from '../chain/lane-reader.js'
import type { LmdbRegistryStore } from '../registry/lmdb-registry-store.js'
import { foldEvents, provedBlocks, requireChain } from './prove.js'
import type { Replica } from './replica.js'

/** What of a replica was proved. */
export interface VerifiedReplica {
  readonly registry: RegistryState
  readonly events: readonly Buffer[]
  /** Newest block of each lane. */
  readonly tops: readonly FinalBlock[]
}

/** Throws ReplicaRefusedError at the first event or block that does not hold. */
export async function verifyReplica(
  replica: Replica,
  chainId: Hash,
  store: LmdbRegistryStore,
  signatures: Signatures,
  onBlock: (lane: number, height: bigint) => void,
): Promise<VerifiedReplica> {
  const registry = new RegistryState(store, signatures)
  const events: Buffer[] = []
  await foldEvents(replica, registry, store, (record) => void events.push(record))
  requireChain(replica, registry, chainId)
  const tops: FinalBlock[] = []
  for (let lane = 0; lane < registry.lanes; lane++) tops.push(await verifyLane(replica, lane, registry, signatures, onBlock))
  return { registry, events, tops }
}

async function verifyLane(
  replica: Replica,
  lane: number,
  registry: RegistryState,
  { verify }: Signatures,
  onBlock: (lane: number, height: bigint) => void,
): Promise<FinalBlock> {
  const reader = new LaneReader(lane, laneRules(registry, verify), undefined)
  const isHeld = async (size: number) => size <= registry.size
  for await (const { header } of provedBlocks(replica, reader, { registry, isHeld })) onBlock(lane, header.height)
  return reader.state.final
}

/** Which block a record of a lane is about; undefined: it is none. */
export function subjectOf(value: Buffer | null): { height: bigint; key: string } | undefined {
  const decoded = decodeChainRecord(value)
  if (decoded === undefined) return undefined
  if (decoded.kind === 'block') return { height: decoded.header.height, key: hashKey(blockHash(decoded.headerBytes)) }
  return { height: decoded.vote.height, key: hashKey(decoded.vote.block) }
}
