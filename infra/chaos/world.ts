/** What faults are done to, and how one sees that the line goes on. */
import type pg from 'pg'
import pino from 'pino'
import type { Sender } from '../cli/sender.js'
import type { Config } from '../config.js'
import type { Runtime } from '../stage-runtime.js'
import { systemStatus, withRuntime } from '../system/system.js'
import type { Load } from '../testing/acknowledged-load.js'
import type { Random } from '../testing/lane-schedule/random.js'
import type { LocalSystem } from '../testing/local-system.js'
import type { ResizableDisk } from '../testing/small-disk.js'
import { withDatabase } from '../testing/whole-system.js'

export interface World {
  readonly system: LocalSystem
  readonly config: Config
  /** Every choice is the seed's. */
  readonly random: Random
  /** Ids of all authorities; the last one's key is in false hands too. */
  readonly authorities: readonly string[]
  readonly sender: Sender
  readonly load: Load
  /** Where PostgreSQL has one of its own, which can be full. */
  readonly postgresDisk: ResizableDisk | undefined
  /** Leaf hashes, hexadecimal, of readings beside the load's that the door acknowledged and that must count. */
  readonly promised: Set<string>
}

export interface Injected {
  /** Where it struck, for a person. */
  readonly told: string
  /** When it was done, milliseconds since 1970. */
  readonly at: number
  /** It heals while stages stand still. */
  readonly isWithoutStages?: boolean
  /** Nothing goes on before that very fault is healed. */
  readonly isStandstill?: boolean
  /** Beyond that the line goes on: whether that very fault is healed. Throws where it did harm. */
  isHealed?(): Promise<boolean>
  /** Afterwards. */
  undo?(): Promise<void>
}

/** Something that breaks, from outside. What an outage lasts is a part of `inject`: healing begins when the cause is gone. */
export interface Fault {
  readonly kind: string
  /** For the table of ARCHITECTURE.md. */
  readonly meaning: string
  inject(world: World): Promise<Injected>
}

export const falseId = ({ authorities }: Pick<World, 'authorities'>): string => authorities.at(-1) ?? ''

export const withTables = <T>({ config }: World, use: (client: pg.Client) => Promise<T>): Promise<T> =>
  withDatabase(config, 'analyst', use)

export const withSilentRuntime = <T>(config: Config, use: (runtime: Runtime) => Promise<T>): Promise<T> =>
  withRuntime(config, 'chaos', pino({ level: 'silent' }), use)

/** With a reader and a writer of the logs that are no stage's. */
export const withLogs = <T>({ config }: World, use: (runtime: Runtime) => Promise<T>): Promise<T> =>
  withSilentRuntime(config, use)

/** How many repairs of a kind, and of one of these faults, are completed that ended after `since`. */
export function repairsSince(world: World, kind: string, since: number, faults: readonly string[] = []): Promise<number> {
  return withTables(world, async (client) => {
    const { rows } = await client.query(
      `SELECT FROM analytics.repairs
        WHERE kind = $1 AND status = 'completed' AND completed_at >= $2 AND (fault = ANY ($3) OR cardinality($3) = 0)`,
      [kind, new Date(since), faults],
    )
    return rows.length
  })
}

/** Whether every lane has a block in the tables that was sealed after the fault, and all stages are ready. */
export async function goesOn(world: World, { at, isWithoutStages = false }: Injected): Promise<boolean> {
  if ((await lanesMoved(world, at)) < world.config.lanes) return false
  return isWithoutStages || (await systemStatus(world.config)).stages.every(({ isReady }) => isReady)
}

/** How many lanes have at least `blocks` in the tables that were sealed after `since`: when they became final, a restored log says anew. */
export function lanesMoved(world: World, since: number, blocks = 1): Promise<number> {
  return withTables(world, async (client) => {
    const { rows } = await client.query(
      'SELECT lane FROM analytics.blocks WHERE sealed_at > $1 GROUP BY lane HAVING count(*) >= $2',
      [new Date(since), blocks],
    )
    return rows.length
  })
}
