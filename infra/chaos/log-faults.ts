/** Topics that lose records: on the broker's disk, or by somebody who may delete. */
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { decodeChainRecord, decodeRegistryEvent } from '../../schemas/records.js'
import { sourceEpochOf } from '../../schemas/registry/governance-rules.js'
import { recreateTopic, topicName } from '../kafka/topics.js'
import type { RestorableTopic } from '../restore/restorable.js'
import { endProcess } from '../supervisor/pid-file.js'
import { batchPlaces } from '../testing/broker-disk.js'
import { until } from '../testing/until.js'
import { withDatabase } from '../testing/whole-system.js'
import { byAllAuthorities } from './governance.js'
import { assertUnreadable, damage, endsOf, kafkaOf, newestSegment, type Place, recordsOf, someFinalBlock } from './log-places.js'
import { auditAfterRestore, isWhole, restore } from './operator.js'
import { signal, startAgain } from './process-faults.js'
import { type Fault, type Injected, repairsSince, type World } from './world.js'

const MINUTE = 60_000
/** What is younger may not stand in the tables yet. */
const OLD_MILLIS = 10_000

/** How long the projector has to notice and to append by itself before an operator does it: what nobody reads again it finds in its own
 *  audit, which takes its time. */
const PATIENCE_MILLIS: Readonly<Record<RestorableTopic, number>> = { chain: 20_000, checkpoints: 20_000, registry: 0 }

/** What a topic has lost is put back. What stands in it a second time, from an earlier restore, needs none. */
async function restored(
  world: World,
  topic: RestorableTopic,
  at: number,
): Promise<Pick<Injected, 'isStandstill' | 'isHealed' | 'undo'>> {
  const hasCopy = await isWhole(topic)
  const isTold = async () => hasCopy || (await repairsSince(world, 'restore', at)) > 0
  let isRestoring = hasCopy
  const isHealed = async () => {
    if (!(await isTold()) && !isRestoring && Date.now() - at > PATIENCE_MILLIS[topic]) {
      isRestoring = true
      await restore(topic)
    }
    return (await isTold()) && isWhole(topic)
  }
  return { isStandstill: true, isHealed, undo: () => auditAfterRestore(world) }
}

const someLane = ({ random, config }: World) => ({ topic: 'chain', partition: random.below(config.lanes) }) as const

/** Where some record stands that the tables hold as well. */
async function someRecord(world: World, place: Place, isWanted: (value: Buffer | null) => boolean): Promise<bigint> {
  const old = async () => {
    const offsets: bigint[] = []
    for await (const { offset, value, timestamp } of recordsOf(world, place))
      if (Date.now() - timestamp > OLD_MILLIS && isWanted(value)) offsets.push(offset)
    return offsets.length > 0 && offsets
  }
  return world.random.pick(await until(`a record of ${place.topic} that is ${OLD_MILLIS} ms old`, MINUTE, old))
}

/** The bit is put back afterwards: the next time that the broker is killed it would cut the log off there, which is another fault. */
const damaged = (
  kind: string,
  meaning: string,
  where: (world: World) => Promise<Place & { topic: RestorableTopic; offset: bigint }>,
): Fault => ({
  kind,
  meaning,
  inject: async (world) => {
    const { offset, ...place } = await where(world)
    const { told, mend } = damage(world, place, offset)
    const at = Date.now()
    await assertUnreadable(world, place, offset)
    if (place.topic === 'registry') await world.system.kill(world.random.pick(world.system.stageNames()))
    const healing = await restored(world, place.topic, at)
    const undo = async () => {
      if (place.topic !== 'registry') mend() // else the file is gone
      await healing.undo?.()
    }
    return { told, at, ...healing, undo }
  },
})

export const chainDamaged = damaged(
  'chain-damaged',
  'a bit of a final block is changed on the broker’s disk: until a restore has appended the block and its votes again',
  async (world) => {
    const place = someLane(world)
    return { ...place, offset: await someFinalBlock(world, place.partition) }
  },
)

export const checkpointsDamaged = damaged(
  'checkpoints-damaged',
  'a bit of a record of checkpoints is changed on the broker’s disk: until a restore has appended all from there on again',
  async (world) => {
    const place = { topic: 'checkpoints', partition: 0 } as const
    return { ...place, offset: await someRecord(world, place, (value) => decodeChainRecord(value)?.kind === 'block') }
  },
)

export const registryDamaged = damaged(
  'registry-damaged',
  'a bit of an event of registry is changed on the broker’s disk, and a stage is killed: until an operator has made the topic again',
  async (world) => {
    const place = { topic: 'registry', partition: 0 } as const
    return { ...place, offset: await someRecord(world, place, (value) => decodeRegistryEvent(value) !== undefined) }
  },
)

export const chainRecreated: Fault = {
  kind: 'chain-recreated',
  meaning: 'chain is deleted and made again, empty: until a restore has put back all blocks with their votes',
  inject: async (world) => {
    await recreateTopic(kafkaOf(world), world.config, 'chain')
    const at = Date.now()
    return { told: 'all lanes', at, ...(await restored(world, 'chain', at)) }
  },
}

export const chainTruncated: Fault = {
  kind: 'chain-truncated',
  meaning: 'somebody deletes the first records of a lane: until a restore has appended the blocks again',
  inject: async (world) => {
    const place = someLane(world)
    const { low, high } = await endsOf(world, place)
    const offset = low + 1n + BigInt(world.random.below(Number(high - low)))
    const admin = kafkaOf(world).admin()
    await admin.connect()
    const topic = topicName(world.config, 'chain')
    await admin.fetchTopicOffsets(topic) // else it does not know the leader
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: place.partition, offset: String(offset) }] })
    await admin.disconnect()
    const at = Date.now()
    const after = await endsOf(world, place)
    if (after.low !== offset) throw new Error(`chain ${place.partition} begins at ${after.low}, not at ${offset}`)
    const told = `${offset - low} of ${high - low} in lane ${place.partition}`
    return { told, at, ...(await restored(world, 'chain', at)) }
  },
}

const NEWEST_BATCHES = 60

export const chainCutOff: Fault = {
  kind: 'chain-cut-off',
  meaning: 'the broker is killed, finds a damaged batch among the newest of a lane, and cuts the log off there: until a restore',
  inject: async (world) => {
    const place = someLane(world)
    await endProcess(world.system.process('kafka'), 0, 'SIGKILL')
    const file = newestSegment(world, place)
    const batch = world.random.pick(batchPlaces(file).slice(-NEWEST_BATCHES))
    damage(world, place, batch.firstOffset)
    const bytes = () => readFileSync(file).subarray(batch.at, batch.at + batch.length)
    const before = bytes()
    await startAgain(world)
    const at = Date.now()
    if (bytes().equals(before)) throw new Error(`the broker kept the damaged batch of ${batch.firstOffset} in ${file}`)
    const told = `lane ${place.partition} at ${batch.firstOffset}`
    return { told, at, ...(await restored(world, 'chain', at)) }
  },
}

/** So many are acknowledged and in no block, if there are as many: at the end of a day of messages a sender waits until all count. */
const LOST_READINGS = 60
const LOSING_MILLIS = 5_000
const LOSING_TIMES = 10

/** Stops the chainers while readings wait for their block. */
async function withWaitingReadings({ load }: World, stop: () => void, goOn: () => void): Promise<string[]> {
  for (let time = 0; time < LOSING_TIMES; time++) {
    stop()
    await Promise.race([load.untilMore(LOST_READINGS), pause(LOSING_MILLIS)])
    const waiting = load.unconfirmed().filter((leaf) => load.acknowledged.has(leaf))
    if (waiting.length > 0) return waiting
    goOn()
    await load.untilMore(1)
  }
  throw new Error('all that was acknowledged counted already')
}

export const readingsLost: Fault = {
  kind: 'readings-lost',
  meaning: 'readings is deleted and made again: until the authorities have begun a new source epoch, and what was lost counts',
  inject: async (world) => {
    const { config, load } = world
    const chainers = world.authorities.map((id) => `chainer-${id}`)
    const goOn = () => signal(world, chainers, 'SIGCONT')
    const lost = await withWaitingReadings(world, () => signal(world, chainers, 'SIGSTOP'), goOn)
    await recreateTopic(kafkaOf(world), config, 'readings')
    goOn()
    const at = Date.now()
    const lanes = Array.from({ length: config.lanes }, (_, lane) => lane)
    await byAllAuthorities(world, (state) =>
      lanes.map((lane) => ({ kind: 'SetSourceEpoch', lane, epoch: sourceEpochOf(state.governanceAt(state.size), lane) + 1 })),
    )
    await load.sendAgain()
    const isHealed = () =>
      withDatabase(config, 'writer', async (client) => {
        const { rows } = await client.query<{ counted: number }>(
          'SELECT count(*)::int AS counted FROM store.readings WHERE leaf = ANY ($1)',
          [lost.map((leaf) => Buffer.from(leaf, 'hex'))],
        )
        return rows[0]?.counted === lost.length
      })
    return { told: `${lost.length} acknowledged readings that did not count yet`, at, isHealed }
  },
}
