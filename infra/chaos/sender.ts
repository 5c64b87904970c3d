/** What sends while everything breaks: it follows no log itself, so that no fault of a topic ends it. */
import { doorUrlOf, type Sender, withStoreAndDoor } from '../cli/sender.js'
import type { Config } from '../config.js'
import { enrolMeters } from '../registry/enrol.js'
import { loadGenesis } from '../registry/genesis.js'
import { loadAuthorityKey } from '../stage-runtime.js'
import { genesisPath } from '../system/genesis-file.js'
import { withSilentRuntime } from './world.js'

export async function withChaosSender<T>(config: Config, use: (sender: Sender) => Promise<T>): Promise<T> {
  const { chainId } = await loadGenesis(genesisPath(config.home))
  const enrol: Sender['enrol'] = (meters) =>
    withSilentRuntime(config, async ({ registry, writer, ids }) => {
      await enrolMeters(registry, writer, ids, meters, [await loadAuthorityKey(config)])
    })
  return withStoreAndDoor(config, { chainId, doorUrl: doorUrlOf(config), enrol }, use)
}
