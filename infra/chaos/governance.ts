/** What the authorities decide together where a fault's way back needs them. */
import type { EventContent } from '../../schemas/records.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import { loadKeyFile } from '../keys.js'
import { submitEvent } from '../registry/registry-writer.js'
import { keyPath } from '../system/authorities.js'
import { type World, withLogs } from './world.js'

/** Proposed by one, signed by the others: the event counts in the registry afterwards. */
export async function byAllAuthorities(world: World, contents: (state: RegistryState) => EventContent[]): Promise<void> {
  const keys = await Promise.all(world.authorities.map((id) => loadKeyFile(keyPath(world.config.home, id))))
  await withLogs(world, async ({ registry, writer, ids }) => {
    for (const content of contents(registry.state)) await submitEvent(registry, writer, ids, content, keys)
  })
}
