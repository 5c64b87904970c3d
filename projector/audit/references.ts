import type { ClientBase } from 'pg'
import { BLOCK_FAULTS, DOOR_FAULTS, ENTRY_FAULTS } from '../../schemas/faults.js'
import { FAULTS, ZONES } from '../rows/tables.js'
import type { Part } from './part.js'

/** What the views look up beside the logs: the meaning of faults, and time zones, without which local days would be those of UTC. Of
 *  zones only those that a usage point has, and those that the server does not know. */
export const referencesPart: Part = {
  lane: -1,
  subject: 'meanings of faults, and time zones',
  compare: async (comparison) => {
    const faults = [...ENTRY_FAULTS, ...BLOCK_FAULTS, ...DOOR_FAULTS]
    await comparison.compare(
      FAULTS,
      faults.map(({ code, name, meaning, remedy }) => [code, name, meaning, remedy]),
      'true',
    )
    const used = await usedZones(comparison.client)
    await comparison.compare(
      ZONES,
      used.map((zone) => [zone]),
      'zone IN (SELECT zone FROM store.assignments) OR zone NOT IN (SELECT name FROM pg_timezone_names)',
    )
  },
}

async function usedZones(client: ClientBase): Promise<string[]> {
  const { rows } = await client.query<{ zone: string }>(
    'SELECT DISTINCT zone FROM store.assignments JOIN pg_timezone_names ON name = zone',
  )
  return rows.map(({ zone }) => zone)
}
