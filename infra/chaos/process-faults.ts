/** Processes that are killed, or silent for a while. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startServices } from '../services/services.js'
import { HOST } from '../services/services-config.js'
import { endProcess } from '../supervisor/pid-file.js'
import { until } from '../testing/until.js'
import { type Fault, type Injected, lanesMoved, repairsSince, type World } from './world.js'

const SHORTEST_AWAY_MILLIS = 1_000
const LONGEST_AWAY_MILLIS = 8_000

const awayMillis = ({ random }: World): number => SHORTEST_AWAY_MILLIS + random.below(LONGEST_AWAY_MILLIS - SHORTEST_AWAY_MILLIS)

export async function killed({ system }: World, names: readonly string[]): Promise<Injected> {
  const before = names.map((name) => system.process(name).pid)
  await Promise.all(names.map((name) => system.kill(name)))
  const isHealed = async () =>
    names.every((name, index) => system.find(name) !== undefined && system.find(name)?.pid !== before[index])
  return { told: names.join(', '), at: Date.now(), isHealed }
}

export const killStage: Fault = {
  kind: 'stage-killed',
  meaning: 'a stage is killed (SIGKILL)',
  inject: (world) => killed(world, [world.random.pick(world.system.stageNames())]),
}

export const killAuthority: Fault = {
  kind: 'authority-killed',
  meaning: 'chainer and validator of one authority are killed at once',
  inject: (world) => {
    const id = world.random.pick(world.authorities)
    return killed(world, [`chainer-${id}`, `validator-${id}`])
  },
}

export function signal({ system }: World, names: readonly string[], which: 'SIGSTOP' | 'SIGCONT'): void {
  for (const name of names) process.kill(system.process(name).pid, which)
}

const stagesOf = (ids: readonly string[]): string[] => ids.flatMap((id) => [`chainer-${id}`, `validator-${id}`])

/** `begin` stops or hinders the stages of one authority, and gives what ends it. Healed when its turn has come in every lane, and blocks
 *  are final. */
const hindered = (
  kind: string,
  meaning: string,
  begin: (world: World, names: readonly string[]) => () => Promise<void>,
): Fault => ({
  kind,
  meaning,
  inject: async (world) => {
    const id = world.random.pick(world.authorities)
    const undo = begin(world, stagesOf([id]))
    const at = Date.now()
    const isHealed = async () => (await lanesMoved(world, at, world.authorities.length)) === world.config.lanes
    return { told: id, at, isWithoutStages: true, isHealed, undo }
  },
})

export const silentAuthority = hindered(
  'authority-silent',
  'one authority of four says nothing (SIGSTOP): until its turn has come in every lane, and others have sealed',
  (world, names) => {
    signal(world, names, 'SIGSTOP')
    return async () => signal(world, names, 'SIGCONT')
  },
)

const SLOW_STOPPED_MILLIS = 900
const SLOW_RUNNING_MILLIS = 100

export const slowAuthority = hindered(
  'authority-slow',
  'one authority of four runs for a tenth of the time: until its turn has come in every lane, and blocks are final',
  (world, names) => {
    let isOver = false
    const work = (async () => {
      while (!isOver) {
        signal(world, names, 'SIGSTOP')
        await pause(SLOW_STOPPED_MILLIS)
        signal(world, names, 'SIGCONT')
        await pause(SLOW_RUNNING_MILLIS)
      }
    })()
    return () => {
      isOver = true
      return work
    }
  },
)

export const halfSilent: Fault = {
  kind: 'half-silent',
  meaning: 'two authorities of four say nothing for a while: nothing becomes final, then all goes on',
  inject: async (world) => {
    const names = stagesOf(world.random.shuffled(world.authorities).slice(0, 2))
    signal(world, names, 'SIGSTOP')
    await pause(awayMillis(world))
    signal(world, names, 'SIGCONT')
    return { told: names.join(', '), at: Date.now() }
  },
}

/** On a machine that is busy with everything else a server may take longer than its minute; then it is started once more. */
export const startAgain = (world: World): Promise<void> => startServices(world.config).catch(() => startServices(world.config))

const serviceAway = (service: 'kafka' | 'postgres' | 'registry', kind: string, meaning: string): Fault => ({
  kind,
  meaning,
  inject: async (world) => {
    const millis = awayMillis(world)
    await endProcess(world.system.process(service), 0, 'SIGKILL')
    await pause(millis)
    await startAgain(world)
    return { told: `${millis} ms`, at: Date.now() }
  },
})

export const brokerAway = serviceAway('kafka', 'broker-away', 'the broker is killed and away for 1 to 8 s')
export const postgresAway = serviceAway('postgres', 'postgres-away', 'PostgreSQL is killed and away for 1 to 8 s')

const FULL_MILLIS = 60_000
/** What lasts shorter may not be told. */
const NOTICED_MILLIS = 6_000
/** As the projector says it. */
const WITHOUT_ROOM = /disk of PostgreSQL is full|PostgreSQL is away/

/** The server refuses what needs room, or ends itself where its own log needs some. */
export const postgresDiskFull: Fault = {
  kind: 'postgres-disk-full',
  meaning: 'the disk of PostgreSQL is full until the projector says so; a server that ended itself is started again then',
  inject: async (world) => {
    const { system, config, postgresDisk } = world
    if (postgresDisk === undefined) throw new Error('PostgreSQL has no disk of its own here')
    postgresDisk.fill()
    const since = Date.now()
    const isTold = async () => WITHOUT_ROOM.test(await (await fetch(`http://${HOST}:${config.projectorPort}/readyz`)).text())
    try {
      await until('a projector that is not ready for want of room', FULL_MILLIS, isTold)
      await pause(NOTICED_MILLIS)
    } finally {
      postgresDisk.makeRoom()
    }
    const hasEnded = system.find('postgres') === undefined
    if (hasEnded) await startAgain(world)
    const at = Date.now()
    return {
      ...{ told: `${at - since} ms, the server ${hasEnded ? 'ended itself' : 'ran on'}`, at },
      isHealed: async () => (await repairsSince(world, 'wait', at, ['disk-full', 'database-away'])) > 0,
    }
  },
}

export const registryAway: Fault = {
  kind: 'registry-server-away',
  meaning: 'the schema registry is away, and a stage is killed meanwhile: until all goes on without it',
  inject: async (world) => {
    await endProcess(world.system.process('registry'), 0, 'SIGKILL')
    const injected = await killed(world, [world.random.pick(world.system.stageNames())])
    return { ...injected, undo: () => startAgain(world) }
  },
}

/** Killed, and its state changed before its supervisor has started it again. */
const stateLost = (kind: string, meaning: string, change: (world: World, folder: string) => string): Fault => ({
  kind,
  meaning,
  inject: async (world) => {
    const id = world.random.pick(world.authorities)
    const folder = join(world.config.home, 'state', `validator-${id}`, 'meters')
    const injected = await killed(world, [`validator-${id}`])
    const told = change(world, folder)
    return { ...injected, told: `${id}: ${told}` }
  },
})

export const stateDeleted = stateLost('validator-state-deleted', 'a validator’s state is deleted', (_world, folder) => {
  rmSync(folder, { recursive: true, force: true })
  return 'deleted'
})

export const stateAltered = stateLost(
  'validator-state-altered',
  'a bit of a validator’s state is altered',
  ({ random }, folder) => {
    const file = join(folder, 'data.mdb')
    const bytes = readFileSync(file)
    const [at, bit] = [random.below(bytes.length), random.below(8)]
    bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at)
    writeFileSync(file, bytes)
    return `bit ${bit} of byte ${at}`
  },
)
