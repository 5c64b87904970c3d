/** Faults one after the other on a system under load, each until it is healed; then everything that must hold is looked at. */
import { doorUrlOf, withSender } from '../cli/sender.js'
import { localAuthorities } from '../system/authorities.js'
import { startLoad } from '../testing/acknowledged-load.js'
import { Random } from '../testing/lane-schedule/random.js'
import type { LocalSystem } from '../testing/local-system.js'
import { until } from '../testing/until.js'
import { countReadings, untilAllVisible, verifyAndAudit, votesInLog } from '../testing/whole-system.js'
import { FAULTS } from './faults.js'
import type { ChaosResult, HealedFault } from './report.js'
import { type Fault, falseId, goesOn, type Injected, type World } from './world.js'

export interface ChaosPlan {
  readonly seed: number
  /** How long faults are injected; whatever is under way then is waited for. */
  readonly seconds: number
  /** Each kind so many times at least, however long that takes. */
  readonly rounds: number
  /** A line for a person. */
  tell(line: string): void
}

const HOUSEHOLDS = 40
const BATCH_READINGS = 16
/** Readings acknowledged between two faults. */
const BETWEEN = 20
const HEALED_MILLIS = 120_000

/** Needs a system of four authorities that runs, and that nobody else uses. Rejects where a fault does not heal. */
export async function chaos(system: LocalSystem, plan: ChaosPlan): Promise<ChaosResult> {
  const { config } = system
  const world: World = { system, config, random: new Random(plan.seed), authorities: localAuthorities(config.home) }
  const began = Date.now()
  const healed: HealedFault[] = []
  const acknowledged = await withSender(config, doorUrlOf(config), async (sender) => {
    const load = startLoad(sender, { seed: plan.seed, households: HOUSEHOLDS, batchReadings: BATCH_READINGS })
    await load.untilMore(BETWEEN)
    for (const fault of schedule(world.random, plan.rounds, () => Date.now() - began > plan.seconds * 1_000)) {
      healed.push(await strike(world, fault, plan))
      await load.untilMore(BETWEEN)
    }
    await load.finish()
    return load.acknowledged
  })
  const seconds = (Date.now() - began) / 1_000
  await system.untilReady()
  await untilAllVisible(config)
  const { counted, lost, twice } = await countReadings(config, acknowledged)
  const { contradicted } = await votesInLog(config, (authority) => authority === falseId(world))
  const verified = await verifyAndAudit(config)
  return {
    ...{ seed: plan.seed, seconds, healed, acknowledged: acknowledged.size, final: verified.counted, visible: counted },
    ...{ lost: lost.length, twice, contradicted: contradicted.length },
  }
}

/** Rounds of all kinds, each in an order of its own, until it is over. */
function* schedule(random: Random, rounds: number, isOver: () => boolean): Generator<Fault> {
  for (let round = 0; ; round++) {
    for (const fault of random.shuffled(FAULTS)) {
      if (round >= rounds && isOver()) return
      yield fault
    }
  }
}

async function strike(world: World, fault: Fault, { tell }: ChaosPlan): Promise<HealedFault> {
  const injected = await fault.inject(world)
  await until(`the line healed of ${fault.kind} (${injected.told})`, HEALED_MILLIS, () => isHealed(world, injected))
  const millis = Date.now() - injected.at
  await injected.undo?.()
  tell(`${fault.kind}: ${injected.told}: healed after ${millis} ms`)
  return { kind: fault.kind, millis }
}

async function isHealed(world: World, injected: Injected): Promise<boolean> {
  return (await goesOn(world, injected)) && ((await injected.isHealed?.()) ?? true)
}
