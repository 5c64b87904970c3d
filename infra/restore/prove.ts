/** The proof of what a replica says: registry events by the registry's fold, blocks by their seals and certificates. */
import { equalBytes, hex } from '../../schemas/bytes.js'
import type { Hash } from '../../schemas/hash.js'
import type { FinalBlock } from '../../schemas/lane-fold.js'
import { decodeChainRecord, decodeRegistryEvent } from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import type { Finalized, LaneReader } from '../chain/lane-reader.js'
import type { LmdbRegistryStore } from '../registry/lmdb-registry-store.js'
import type { Replica, ReplicaBlock } from './replica.js'

/** The replica is not what the chain is. Nothing of what does not hold was written. */
export class ReplicaRefusedError extends Error {
  override readonly name = 'ReplicaRefusedError'
  constructor(replica: string, what: string) {
    super(`replica ${replica}: ${what}. Nothing of it was written: name another replica (--from)`)
  }
}

/** Folds on what the replica holds beyond the state, and gives each event that it folded. Throws ReplicaRefusedError at the first that
 *  does not count. */
export async function foldEvents(
  replica: Replica,
  registry: RegistryState,
  store: LmdbRegistryStore,
  onEvent: (record: Buffer, index: number) => void,
): Promise<void> {
  for await (const records of replica.registryEvents(registry.size)) {
    const first = registry.size
    store.transaction(() => {
      for (const record of records) {
        const applied = registry.apply(decodeRegistryEvent(record))
        if (!applied.counted)
          throw new ReplicaRefusedError(replica.name, `registry event ${registry.size} does not count: ${applied.reason}`)
      }
    })
    for (const [i, record] of records.entries()) onEvent(record, first + i)
  }
}

/** Throws ReplicaRefusedError where it is of another chain, or of none. */
export function requireChain(replica: Replica, registry: RegistryState, chainId: Hash): void {
  if (!registry.hasGenesis) throw new ReplicaRefusedError(replica.name, 'it holds no genesis')
  if (!equalBytes(registry.chainId, chainId))
    throw new ReplicaRefusedError(replica.name, `it is of chain ${hex(registry.chainId)}, not of ${hex(chainId)}`)
}

export interface Proving {
  readonly registry: RegistryState
  /** Whether the replica holds so many registry events; they are folded then. */
  isHeld(size: number): Promise<boolean>
}

/** Blocks above where the reader stands, as a reader of the log has them. Offsets, times and evidence are as the replica says: no
 *  signature is over the former, and each piece of the latter is to be looked at. Throws ReplicaRefusedError at the first that does not
 *  hold. */
export async function* provedBlocks(
  replica: Replica,
  reader: LaneReader,
  { registry, isHeld }: Proving,
): AsyncGenerator<Finalized> {
  const { lane } = reader
  for await (const block of replica.blocks(lane, reader.state.final.height)) {
    const { height, hash, verdictHash, logOffset, finalAt } = block
    const place = `lane ${lane}, block ${height}`
    const values = recordsOf(block, registry, reader.state.final)
    const next = block.nextOffset ?? logOffset + BigInt(values.length)
    let finalized: Finalized | undefined
    for (const [i, value] of values.entries()) {
      const offset = i + 1 === values.length ? next - 1n : logOffset + BigInt(i)
      finalized = reader.take({ offset, timestamp: finalAt, value }).finalized
    }
    const { final } = reader.state
    if (finalized === undefined || final.height !== height)
      throw new ReplicaRefusedError(replica.name, `${place} does not follow, or its certificate does not hold`)
    if (!equalBytes(final.hash, hash) || !equalBytes(final.verdictHash, verdictHash))
      throw new ReplicaRefusedError(replica.name, `${place} is named by another hash than its record has`)
    if (!(await isHeld(final.registrySize)))
      throw new ReplicaRefusedError(
        replica.name,
        `${place} names ${final.registrySize} registry events, and it holds ${registry.size}`,
      )
    yield { ...finalized, blockOffset: logOffset, evidence: block.evidence }
  }
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
