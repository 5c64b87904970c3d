/** A replica's raw records in the place of the logs. Nothing in it is believed: events are folded from the genesis, blocks by their seals
 *  and certificates, evidence and checkpoints by their signatures, each before it makes a row. What no signature is over (offsets, append
 *  times, the order of evidence) is as the replica says; where there are live tables the digests compare it. */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Replica } from '../../infra/restore/replica.js'
import { ReplicaRegistry } from '../../infra/restore/replica-registry.js'
import type { VerifierKey } from '../../schemas/checkpoint/note.js'
import type { Signatures } from '../../schemas/ed25519.js'
import type { Hash } from '../../schemas/hash.js'
import type { FillSource } from '../fill-source.js'
import type { SetPrefix } from '../schema-set.js'
import { ReplicaChain } from './replica-chain.js'
import { ReplicaPlain } from './replica-plain.js'
import type { SetPlace } from './set-place.js'

export interface ReplicaSourceOptions {
  readonly url: string
  /** Of the genesis that somebody trusts. */
  readonly chainId: Hash
  readonly signatures: Signatures
  /** Whose cosignatures of checkpoints are taken. */
  readonly witnesses: readonly VerifierKey[]
  /** Where the live tables are, and the set that is filled. */
  readonly place: SetPlace
  readonly set: SetPrefix
}

/** Rejects with ReplicaRefusedError at the first event, block or piece of evidence that does not hold. */
export async function withReplicaSource<T>(options: ReplicaSourceOptions, use: (source: FillSource) => Promise<T>): Promise<T> {
  const { url, chainId, signatures } = options
  const folder = await mkdtemp(join(tmpdir(), 'meterchain-replica-'))
  const replica = await Replica.open(url)
  try {
    const registry = await ReplicaRegistry.open(replica, chainId, join(folder, 'registry'), signatures)
    try {
      return await use(replicaSource(replica, registry, options))
    } finally {
      await registry.close()
    }
  } finally {
    await replica.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

function replicaSource(
  replica: Replica,
  registry: ReplicaRegistry,
  { signatures, witnesses, place, set }: ReplicaSourceOptions,
): FillSource {
  return {
    name: 'a replica',
    lacking: { remedy: 'the replica lacks what the live tables hold: name one that has it (--from)', mayGrow: true },
    registry,
    followChain: (options) => new ReplicaChain({ ...options, replica, registry, signatures }),
    followPlain: (options) => {
      const checkpoints = { registry: registry.state, verify: signatures.verify, witnesses }
      return new ReplicaPlain({ ...options, replica, registry, checkpoints, place, set })
    },
    ranges: async () => {
      const heights = await replica.heights()
      const lanes = Array.from({ length: registry.state.lanes }, (_, lane) => lane)
      return new Map(lanes.map((lane) => [lane, { low: 0n, high: heights.get(lane) ?? 0n }]))
    },
    progressOf: (height) => height,
    // what the live tables alone hold is copied as it comes (replica-plain.ts)
    forgotten: async () => [],
  }
}
