/** Faults one after the other on a system under load, each until it is healed; then everything that must hold is looked at. */
import { spokenSeconds } from '../cli/progress.js'
import { localAuthorities } from '../system/authorities.js'
import { startLoad } from '../testing/acknowledged-load.js'
import { Random } from '../testing/lane-schedule/random.js'
import type { LocalSystem } from '../testing/local-system.js'
import type { ResizableDisk } from '../testing/small-disk.js'
import { until } from '../testing/until.js'
import { countReadings, replayAndCompare, untilAllVisible, verifyAndAudit, votesInLog } from '../testing/whole-system.js'
import type { ChaosResult, HealedFault } from './report.js'
import { withChaosSender } from './sender.js'
import { type Fault, falseId, goesOn, type Injected, lanesMoved, type World } from './world.js'

export interface ChaosPlan {
  readonly seed: number
  /** How long faults are injected; whatever is under way then is waited for. */
  readonly seconds: number
  /** Each kind so many times at least, however long that takes. */
  readonly rounds: number
  readonly faults: readonly Fault[]
  readonly postgresDisk?: ResizableDisk
  /** A line for a person. */
  tell(line: string): void
}

const HOUSEHOLDS = 40
const BATCH_READINGS = 16
/** So that half an hour of them is replayed in the time that a fault is given to heal. */
const PER_SECOND = 100
/** Readings acknowledged between two faults. */
const BETWEEN = 20
/** In each lane, before the first fault. */
const BLOCKS_BEFORE = 5
const HEALED_MILLIS = 180_000

/** Needs a system of four authorities that runs, and that nobody else uses. Rejects where a fault does not heal. */
export async function chaos(system: LocalSystem, plan: ChaosPlan): Promise<ChaosResult> {
  const { config } = system
  const { postgresDisk } = plan
  const random = new Random(plan.seed)
  const authorities = localAuthorities(config.home)
  const promised = new Set<string>()
  const began = Date.now()
  const healed: HealedFault[] = []
  const acknowledged = await withChaosSender(config, async (sender) => {
    const load = startLoad(sender, {
      seed: plan.seed,
      households: HOUSEHOLDS,
      batchReadings: BATCH_READINGS,
      perSecond: PER_SECOND,
    })
    const world: World = { system, config, random, authorities, sender, load, promised, postgresDisk }
    const hasBegun = async () => (await lanesMoved(world, 0, BLOCKS_BEFORE)) === config.lanes
    await until('blocks in all lanes', HEALED_MILLIS, hasBegun)
    for (const fault of schedule(random, plan, () => Date.now() - began > plan.seconds * 1_000)) {
      const done = await strike(world, fault)
      healed.push(done)
      plan.tell(`${timeLeft(began, plan, healed.length)}: ${done.kind}: ${done.told}: healed after ${done.millis} ms`)
      await load.untilMore(BETWEEN)
    }
    await load.finish()
    return new Set([...load.acknowledged, ...promised])
  })
  const seconds = (Date.now() - began) / 1_000
  await system.untilReady()
  await untilAllVisible(config)
  const { counted, lost, twice } = await countReadings(config, acknowledged)
  const { contradicted } = await votesInLog(config, (authority) => authority === falseId({ authorities }))
  const verified = await verifyAndAudit(config)
  await replayAndCompare()
  return {
    ...{ seed: plan.seed, seconds, healed, acknowledged: acknowledged.size, final: verified.counted, visible: counted },
    ...{ lost: lost.length, twice, contradicted: contradicted.length },
  }
}

/** Rounds of all kinds, each in an order of its own, until it is over. */
function* schedule(random: Random, { rounds, faults }: ChaosPlan, isOver: () => boolean): Generator<Fault> {
  for (let round = 0; ; round++) {
    for (const fault of random.shuffled(faults)) {
      if (round >= rounds && isOver()) return
      yield fault
    }
  }
}

/** Of a duration what is left of it, of rounds how many faults. */
function timeLeft(began: number, { seconds, rounds, faults }: ChaosPlan, done: number): string {
  const passed = (Date.now() - began) / 1_000
  const faultsLeft = Math.max(0, rounds * faults.length - done)
  const left = Math.max(seconds - passed, (faultsLeft * passed) / done)
  return `${spokenSeconds(passed)}, ${left > 0 ? `${spokenSeconds(left)} left` : 'nothing left'}`
}

async function strike(world: World, fault: Fault): Promise<HealedFault & { told: string }> {
  const injected = await fault.inject(world).catch((error: Error) => {
    throw new Error(`${fault.kind} could not be injected: ${error.message}`, { cause: error })
  })
  await until(`the line healed of ${fault.kind} (${injected.told})`, HEALED_MILLIS, () => isHealed(world, injected))
  const millis = Date.now() - injected.at
  await injected.undo?.()
  return { kind: fault.kind, millis, told: injected.told }
}

/** The fault's own way back first, where the line stands still without it. */
async function isHealed(world: World, injected: Injected): Promise<boolean> {
  if (injected.isStandstill === true) return ((await injected.isHealed?.()) ?? true) && goesOn(world, injected)
  return (await goesOn(world, injected)) && ((await injected.isHealed?.()) ?? true)
}
