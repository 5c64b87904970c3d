import type { ClientBase } from 'pg'
import { BugError } from '../schemas/errors.js'
import type { RegistryState } from '../schemas/registry/state.js'
import type { WatchedPlace } from './cursor-watch.js'
import { moveCursor, plainCursor } from './cursors.js'
import { copyRows, type Database } from './database.js'
import { type MeterRows, meterRows, projectEvent } from './project-registry.js'
import { ASSIGNMENTS, EVENTS, type EventRow, METERS, PAST_ASSIGNMENTS } from './rows/tables.js'
import { TARIFF_TABLES, type TableRows } from './rows/tariff-tables.js'

/** Meters that one transaction takes, beyond its first event. */
const BATCH_METERS = 10_000

/** Keeps the rows of the registry level with its fold: they must be there before the blocks that need them. */
export class RegistryRows {
  #size: number
  #wanted = 0
  #work: Promise<void> | undefined

  constructor(
    private readonly registry: RegistryState,
    private readonly database: Database,
    size: number,
    /** Whether there may be rows that the cursor does not cover: they are deleted as their events come again. */
    private readonly hasLeft = false,
  ) {
    this.#size = size
  }

  /** Events in the tables. */
  get size(): number {
    return this.#size
  }

  get place(): WatchedPlace {
    return { written: BigInt(this.#size), taken: BigInt(Math.max(this.#size, this.#wanted)) }
  }

  /** Resolves when the rows of the first `size` events are in the tables; the fold must have reached that size. */
  async reach(size: number): Promise<void> {
    this.#wanted = Math.max(this.#wanted, size)
    while (this.#size < size) {
      this.#work ??= this.#run().finally(() => {
        this.#work = undefined
      })
      await this.#work
    }
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#work
  }

  async #run(): Promise<void> {
    while (this.#size < this.#wanted) {
      const batch = collectEvents(this.registry, this.#size, this.#wanted)
      await this.database.transaction((client) => writeEvents(client, this.#size, batch, this.hasLeft))
      this.#size += batch.events.length
    }
  }
}

export interface EventBatch {
  readonly events: readonly EventRow[]
  readonly tariffs: readonly TableRows[]
  /** Meters that were enrolled here. */
  readonly enrolled: readonly MeterRows[]
  /** Meters that were enrolled before: their rows are made anew. */
  readonly changed: readonly MeterRows[]
}

/** Events from one index on, as many as fit a transaction. */
export function collectEvents(registry: RegistryState, from: number, end: number): EventBatch {
  const events: EventRow[] = []
  const tariffs: TableRows[] = []
  const touched = new Map<string, boolean>()
  for (let index = from; index < end && (events.length === 0 || touched.size < BATCH_METERS); index++) {
    const record = registry.store.eventBytes(index)
    if (record === undefined) throw new BugError(`registry event ${index} counts and is not held`)
    const { row, meters, isEnrolment, tariff } = projectEvent(index, record)
    events.push(row)
    tariffs.push(...tariff)
    for (const meter of meters) touched.set(meter, isEnrolment || touched.get(meter) === true)
  }
  const rowsOf = (isNew: boolean) =>
    [...touched].filter(([, each]) => each === isNew).map(([meter]) => rowsOfMeter(registry, meter, from + events.length))
  return { events, tariffs, enrolled: rowsOf(true), changed: rowsOf(false) }
}

/** Throws BugError where the meter is not enrolled in a registry of that size. */
export function rowsOfMeter(registry: RegistryState, meter: string, size: number): MeterRows {
  const record = registry.store.meter(meter)
  const rows = record === undefined ? undefined : meterRows(meter, record, size, registry.lanes)
  if (rows === undefined) throw new BugError(`meter ${meter} is not enrolled in the registry of ${size} events`)
  return rows
}

async function writeEvents(
  client: ClientBase,
  from: number,
  { events, tariffs, enrolled, changed }: EventBatch,
  hasLeft: boolean,
): Promise<void> {
  const cursor = plainCursor('registry', 0, BigInt(from + events.length), 0n)
  if ((await moveCursor(client, BigInt(from), cursor)) === 'already') return
  if (hasLeft)
    for (const { name } of [EVENTS, ...TARIFF_TABLES])
      await client.query(`DELETE FROM ${name} WHERE event_index BETWEEN $1 AND $2`, [from, from + events.length - 1])
  const numbers = (hasLeft ? [...enrolled, ...changed] : changed).map((each) => each.meter[0])
  if (numbers.length > 0) {
    await client.query('DELETE FROM store.meters WHERE number = ANY($1::int4[])', [numbers])
    for (const { name } of [ASSIGNMENTS, PAST_ASSIGNMENTS])
      await client.query(`DELETE FROM ${name} WHERE meter = ANY($1::int4[])`, [numbers])
  }
  const meters = [...enrolled, ...changed]
  await copyRows(client, EVENTS, events)
  for (const { table, rows } of tariffs) await copyRows(client, table, rows)
  await copyRows(
    client,
    METERS,
    meters.map((each) => each.meter),
  )
  await copyRows(
    client,
    ASSIGNMENTS,
    meters.flatMap((each) => each.assignments),
  )
  await copyRows(
    client,
    PAST_ASSIGNMENTS,
    meters.flatMap((each) => each.pastAssignments),
  )
}
