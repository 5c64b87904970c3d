/** A replica is believed in nothing: its registry is folded from the genesis, and each lane by the fold of the log. */
import { equalBytes, hex } from '../../schemas/bytes.js'
import type { Signatures } from '../../schemas/ed25519.js'
import { type Hash, hashKey } from '../../schemas/hash.js'
import { blockHash, type FinalBlock } from '../../schemas/lane-fold.js'
import { decodeChainRecord, decodeRegistryEvent } from '../../schemas/records.js'
import { RegistryState } from '../../schemas/registry/state.js'
import { LaneReader, laneRules } from '../chain/lane-reader.js'
import type { LmdbRegistryStore } from '../registry/lmdb-registry-store.js'
import type { Replica, ReplicaBlock } from './replica.js'

/** The replica is not what the chain is. Nothing was written. */
export class ReplicaRefusedError extends Error {
  override readonly name = 'ReplicaRefusedError'
  constructor(replica: string, what: string) {
    super(`replica ${replica}: ${what}. Nothing was written: name another replica (--from)`)
  }
}

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
  const events = await replica.registryEvents()
  const registry = new RegistryState(store, signatures)
  store.transaction(() => {
    for (const [index, record] of events.entries()) {
      const applied = registry.apply(decodeRegistryEvent(record))
      if (!applied.counted)
        throw new ReplicaRefusedError(replica.name, `registry event ${index} does not count: ${applied.reason}`)
    }
  })
  if (!registry.hasGenesis) throw new ReplicaRefusedError(replica.name, 'it holds no genesis')
  if (!equalBytes(registry.chainId, chainId))
    throw new ReplicaRefusedError(replica.name, `it is of chain ${hex(registry.chainId)}, not of ${hex(chainId)}`)
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
  for await (const block of replica.blocks(lane)) {
    const { height, hash, verdictHash } = block
    const place = `lane ${lane}, block ${height}`
    for (const value of recordsOf(block, registry, reader.state.final))
      reader.take({ offset: reader.nextOffset, timestamp: 0, value })
    const { final } = reader.state
    if (final.height !== height)
      throw new ReplicaRefusedError(replica.name, `${place} does not follow, or its certificate does not hold`)
    if (!equalBytes(final.hash, hash) || !equalBytes(final.verdictHash, verdictHash))
      throw new ReplicaRefusedError(replica.name, `${place} is named by another hash than its record has`)
    if (final.registrySize > registry.size)
      throw new ReplicaRefusedError(
        replica.name,
        `${place} names ${final.registrySize} registry events, and it holds ${registry.size}`,
      )
    onBlock(lane, height)
  }
  return reader.state.final
}

/** A block and its certificate in an order in which the last accept completes it: by weight, the heaviest last. */
export function recordsOf(
  block: Pick<ReplicaBlock, 'record' | 'votes'>,
  registry: RegistryState,
  parent: Pick<FinalBlock, 'registrySize'>,
): Buffer[] {
  const { authorities } = registry.governanceAt(parent.registrySize)
  const weights = new Map(authorities.map(({ id, weight }) => [id, weight]))
  const votes = block.votes.map((record) => {
    const decoded = decodeChainRecord(record)
    const authority = decoded?.kind === 'vote' ? decoded.vote.authority : ''
    return { record, authority, weight: weights.get(authority) ?? 0 }
  })
  votes.sort((a, b) => a.weight - b.weight || (a.authority < b.authority ? -1 : 1))
  return [block.record, ...votes.map(({ record }) => record)]
}

/** Which block a record of a lane is about; undefined: it is none. */
export function subjectOf(value: Buffer | null): { height: bigint; key: string } | undefined {
  const decoded = decodeChainRecord(value)
  if (decoded === undefined) return undefined
  if (decoded.kind === 'block') return { height: decoded.header.height, key: hashKey(blockHash(decoded.headerBytes)) }
  return { height: decoded.vote.height, key: hashKey(decoded.vote.block) }
}
