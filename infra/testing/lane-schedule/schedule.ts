/** One schedule: authorities, honest and false, act on one lane in an order that a seed decides, in a storm and then in calm. */
import { hashKey } from '../../../schemas/hash.js'
import type { ConsensusKind } from '../../../schemas/records.js'
import { FalseAuthority, type Manner } from './false-authority.js'
import { Random } from './random.js'
import { agree, readAll, restore } from './restore.js'
import { Sealer } from './sealer.js'
import { Voter } from './voter.js'
import { World } from './world.js'

export interface Plan {
  readonly seed: number
  readonly weights: readonly number[]
  readonly consensus: ConsensusKind
  /** How each authority is false that is, by its place: together less than a third of the weight. */
  readonly manners: ReadonlyMap<number, Manner>
  readonly steps: number
  /** Whether some records are lost from the log on the way. */
  readonly isDamaged: boolean
}

/** Rounds of the calm, each of 100 ms, after which the lane counts as dead. */
const CALM_ROUNDS = 3_000

export class Schedule {
  readonly world: World
  readonly sealers: Sealer[]
  readonly voters: Voter[]
  readonly liars: FalseAuthority[]
  restored: 'nothing' | 'by appending' | 'by re-creation' = 'nothing'
  whenStormEnds: () => void = () => undefined
  private readonly random: Random
  private lossAt = -1
  private restoreAt = -1

  constructor(private readonly plan: Plan) {
    this.random = new Random(plan.seed)
    this.world = new World(plan.weights, plan.consensus, this.random)
    const ids = this.world.set.authorities.map(({ id }) => id)
    const honest = ids.filter((_, place) => !plan.manners.has(place))
    this.sealers = honest.map((id) => new Sealer(this.world, id))
    this.voters = honest.map((id) => new Voter(this.world, id))
    this.liars = ids.flatMap((id, place) => {
      const manner = plan.manners.get(place)
      return manner === undefined ? [] : [new FalseAuthority(this.world, id, manner)]
    })
  }

  get followers(): (Sealer | Voter | FalseAuthority)[] {
    return [...this.sealers, ...this.voters, ...this.liars]
  }

  run(): void {
    const { plan, random } = this
    if (plan.isDamaged) this.lossAt = random.below(plan.steps)
    for (let step = 0; step < plan.steps; step++) this.storm(step)
    this.whenStormEnds()
    if (plan.isDamaged && this.restored === 'nothing') this.mend()
    this.calm()
  }

  /** Somebody reads a little and acts, or begins again; records arrive in some order, some may be lost. */
  private storm(step: number): void {
    const { world, random } = this
    world.now += random.below(60)
    if (random.chance(0.2)) world.receive()
    while (world.flight.length > 0 && (random.chance(0.5) || world.flight.length > 3 * this.voters.length)) world.deliver()
    if (step === this.lossAt) this.loseSome(step)
    if (step === this.restoreAt) this.mend()
    const one = random.pick(this.followers)
    if (random.chance(0.01)) this.restart(one, random.chance(0.8))
    one.read(random.pick([0, 1, 2, 50, 500]))
    one.act()
  }

  private restart(one: Sealer | Voter | FalseAuthority, keeps: boolean): void {
    if (one instanceof Voter && !keeps) one.reopen(false, this.vouched())
    else one.reopen(keeps)
  }

  /** What a replica found final. */
  private vouched(): { height: bigint; hash: string } | undefined {
    const newest = readAll(this.world, this.world.known).finals.at(-1)
    return newest === undefined ? undefined : { height: newest.header.height, hash: hashKey(newest.hash) }
  }

  private loseSome(step: number): void {
    const { world, random } = this
    const losses = Math.min(world.log.length, 1 + random.below(3))
    for (let left = losses; left > 0; left--) world.lose(world.log.length - 1 - random.below(Math.min(world.log.length, 60)))
    this.restart(random.pick(this.voters), false)
    this.restoreAt = step + random.below(random.pick([40, 400]))
  }

  private mend(): void {
    restore(this.world)
    this.restored = 'by appending'
    if (!this.isRestored()) this.recreate()
  }

  /** Whether whoever reads the log as it is finds what the replica says. */
  private isRestored(): boolean {
    return agree(readAll(this.world, this.world.log).finals, readAll(this.world, this.world.known).finals)
  }

  private recreate(): void {
    this.world.recreate()
    this.restored = 'by re-creation'
    for (const each of this.followers) this.restart(each, false)
  }

  /** Everybody runs, reads all and acts, in some order; what is written arrives. */
  private calm(): void {
    const { world, random } = this
    for (let round = 0; round < CALM_ROUNDS; round++) {
      if (this.isDone()) {
        if (this.plan.isDamaged && !this.isRestored()) this.recreate()
        else return
      }
      world.now += 100
      for (const each of random.shuffled(this.followers)) {
        each.read(Number.MAX_SAFE_INTEGER)
        if (each instanceof FalseAuthority && random.chance(0.7)) continue
        each.act()
      }
      while (world.flight.length > 0) world.deliver()
      if (this.plan.isDamaged && round % 300 === 299 && !this.isRestored()) this.recreate()
    }
  }

  /** Whether every reading is in a block that every honest follower, and a fresh one, finds final. */
  isDone(): boolean {
    const { lastReading } = this.world
    const honest = [...this.sealers, ...this.voters]
    if (!honest.every(({ state }) => state.final.lastOffset === lastReading)) return false
    return readAll(this.world, this.world.log).reader.state.final.lastOffset === lastReading
  }
}
