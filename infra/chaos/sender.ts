/** What sends while everything breaks: it follows no log itself, so that no fault of a topic ends it. */
import { join } from 'node:path'
import { DoorClient } from '../../ingest/meter/door-client.js'
import { MeterStore } from '../../ingest/meter/meter-store.js'
import { doorUrlOf, type Sender } from '../cli/sender.js'
import type { Config } from '../config.js'
import { enrolMeters } from '../registry/enrol.js'
import { loadGenesis } from '../registry/genesis.js'
import { loadAuthorityKey } from '../stage-runtime.js'
import { genesisPath } from '../system/genesis-file.js'
import { withSilentRuntime } from './world.js'

const CONNECTIONS = 4

export async function withChaosSender<T>(config: Config, use: (sender: Sender) => Promise<T>): Promise<T> {
  const { chainId } = await loadGenesis(genesisPath(config.home))
  const store = new MeterStore({ path: join(config.home, 'meters'), chainId })
  const doorUrl = doorUrlOf(config)
  const door = new DoorClient({ url: doorUrl, connections: CONNECTIONS })
  const enrol: Sender['enrol'] = (meters) =>
    withSilentRuntime(config, async ({ registry, writer, ids }) => {
      await enrolMeters(registry, writer, ids, meters, [await loadAuthorityKey(config)])
    })
  try {
    return await use({ store, door, doorUrl, enrol })
  } finally {
    await door.close()
    await store.close()
  }
}
