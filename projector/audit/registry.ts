import { BugError } from '../../schemas/errors.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { type MeterRows, projectEvent } from '../project-registry.js'
import { rowsOfMeter } from '../registry-rows.js'
import { ASSIGNMENTS, EVENTS, METERS, PAST_ASSIGNMENTS } from '../rows/tables.js'
import { TARIFF_TABLES } from '../rows/tariff-tables.js'
import type { Comparison } from './comparison.js'
import type { Cursors, Part } from './part.js'

const LOCK = { source: 'registry' } as const

/** How many events the tables must hold: no more than the fold has. */
export const registrySize = (registry: RegistryState, cursors: Cursors): number =>
  Math.min(Number(cursors.get('registry/0')?.height ?? 0n), registry.size)

/** The registry’s rows, an event at a time, and those of no event. `size`: events when the audit began. */
export function* registryParts(registry: RegistryState, size: number): Generator<Part> {
  let numbered = 0
  const published: number[] = []
  for (let index = 0; index < size; index++) {
    const record = registry.store.eventBytes(index)
    if (record === undefined) throw new BugError(`registry event ${index} counts and is not held`)
    const { meters, isEnrolment, tariff } = projectEvent(index, record)
    const enrolled = isEnrolment ? meters : []
    if (tariff.length > 0) published.push(index)
    yield eventPart(registry, index, record, enrolled, numbered + 1)
    numbered += enrolled.length
  }
  yield outsidePart(registry, size, numbered, published)
}

/** An event, and the meters that it enrolled, numbered from `first`, as they are by the newest event in the tables. */
function eventPart(registry: RegistryState, index: number, record: Buffer, enrolled: readonly string[], first: number): Part {
  return {
    lane: -1,
    subject: enrolled.length === 0 ? `registry event ${index}` : `registry event ${index} and its ${enrolled.length} meters`,
    lock: LOCK,
    compare: async (comparison, cursors) => {
      const size = registrySize(registry, cursors)
      if (index >= size) return
      const { row, tariff } = projectEvent(index, record)
      await comparison.compare(EVENTS, [row], 'event_index = $1', [index])
      for (const { table, rows } of tariff) await comparison.compare(table, rows, 'event_index = $1', [index])
      if (enrolled.length === 0) return
      const rows = enrolled.map((meter) => rowsOfMeter(registry, meter, size))
      await compareMeters(comparison, rows, first, first + rows.length - 1)
    },
  }
}

async function compareMeters(comparison: Comparison, rows: readonly MeterRows[], first: number, last: number): Promise<void> {
  await comparison.compare(
    METERS,
    rows.map((each) => each.meter),
    'number BETWEEN $1 AND $2',
    [first, last],
  )
  await comparison.compare(
    ASSIGNMENTS,
    rows.flatMap((each) => each.assignments),
    'meter BETWEEN $1 AND $2',
    [first, last],
  )
  await comparison.compare(
    PAST_ASSIGNMENTS,
    rows.flatMap((each) => each.pastAssignments),
    'meter BETWEEN $1 AND $2',
    [first, last],
  )
}

/** Rows of events and meters that there are not, and of tariffs beside those that `published` name. Where events came meanwhile, the next audit looks. */
const outsidePart = (registry: RegistryState, size: number, numbered: number, published: readonly number[]): Part => ({
  lane: -1,
  subject: 'rows of registry events that do not exist',
  lock: LOCK,
  compare: async (comparison, cursors) => {
    if (registrySize(registry, cursors) !== size) return
    await comparison.compare(EVENTS, [], 'event_index < 0 OR event_index >= $1', [size])
    await comparison.compare(METERS, [], 'number < 1 OR number > $1', [numbered])
    await comparison.compare(ASSIGNMENTS, [], 'meter < 1 OR meter > $1', [numbered])
    await comparison.compare(PAST_ASSIGNMENTS, [], 'meter < 1 OR meter > $1', [numbered])
    for (const each of TARIFF_TABLES) await comparison.compare(each, [], 'event_index <> ALL ($1::int8[])', [published])
  },
})
