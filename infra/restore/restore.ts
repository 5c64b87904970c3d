/** A restore from beginning to end: verify the replica, see what the logs lack, and put it back. */
import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Hash } from '../../schemas/hash.js'
import { laneRules } from '../chain/lane-reader.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { LmdbRegistryStore } from '../registry/lmdb-registry-store.js'
import { chainLane, checkpointReplica } from './lane-replica.js'
import { Replica } from './replica.js'
import { RESTORABLE, type RestorableTopic } from './restorable.js'
import { planLanes, planRegistry, type RestoreDeps, type TopicPlan } from './restore-topic.js'
import { type VerifiedReplica, verifyReplica } from './verify-replica.js'

export interface RestoreOptions {
  readonly replicaUrl: string
  readonly chainId: Hash
  readonly topics: readonly RestorableTopic[]
  onVerified?(lane: number, height: bigint): void
}

/** Hands each topic's plan to `use`, in the order in which they depend on one another. Rejects with ReplicaRefusedError, before anything
 *  was read of the logs, where the replica does not hold. */
export async function withPlans<T>(
  { replicaUrl, chainId, topics, onVerified = () => undefined }: RestoreOptions,
  deps: RestoreDeps,
  use: (plan: TopicPlan) => Promise<T>,
): Promise<T[]> {
  const folder = await mkdtemp(join(tmpdir(), 'meterchain-restore-'))
  const store = new LmdbRegistryStore(join(folder, 'registry'))
  try {
    return await Replica.with(replicaUrl, async (replica) => {
      const verified = await verifyReplica(replica, chainId, store, sodiumSignatures, onVerified)
      const done: T[] = []
      for (const topic of RESTORABLE.filter((each) => topics.includes(each)))
        done.push(await withPlan(topic, replica, verified, deps, use))
      return done
    })
  } finally {
    await store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

async function withPlan<T>(
  topic: RestorableTopic,
  replica: Replica,
  verified: VerifiedReplica,
  deps: RestoreDeps,
  use: (plan: TopicPlan) => Promise<T>,
): Promise<T> {
  const { registry, events, tops } = verified
  if (topic === 'registry')
    return use(
      await planRegistry(
        events.map((event) => deps.ids.frame('RegistryEvent', event)),
        deps,
      ),
    )
  if (topic === 'chain')
    return planLanes(
      topic,
      tops.map((top, lane) => chainLane(replica, lane, top)),
      verified,
      deps,
      use,
    )
  const lane = await checkpointReplica(replica, laneRules(registry, deps.verify), registry.lanes)
  return planLanes(topic, [lane], verified, deps, use)
}
