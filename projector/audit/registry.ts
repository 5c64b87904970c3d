import { BugError } from '../../schemas/errors.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { type MeterRows, projectEvent } from '../project-registry.js'
import { rowsOfMeter } from '../registry-rows.js'
import { ASSIGNMENTS, EVENTS, METERS } from '../rows/tables.js'
import type { Comparison } from './comparison.js'

/** Compares the registry’s rows with a fold that holds `size` events or more. */
export async function auditRegistry(comparison: Comparison, registry: RegistryState, size: number): Promise<void> {
  let numbered = 0
  for (let index = 0; index < size; index++) {
    const record = registry.store.eventBytes(index)
    if (record === undefined) throw new BugError(`registry event ${index} counts and is not held`)
    const { row, meters, isEnrolment } = projectEvent(index, record)
    await comparison.compare(EVENTS, [row], 'event_index = $1', [index])
    if (!isEnrolment) continue
    const rows = meters.map((meter) => rowsOfMeter(registry, meter, size))
    await compareMeters(comparison, rows, numbered + 1, numbered + rows.length)
    numbered += rows.length
  }
  await comparison.compare(EVENTS, [], 'event_index < 0 OR event_index >= $1', [size])
  await comparison.compare(METERS, [], 'number < 1 OR number > $1', [numbered])
  await comparison.compare(ASSIGNMENTS, [], 'meter < 1 OR meter > $1', [numbered])
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
}
