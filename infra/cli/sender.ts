/** What every command that sends readings stands on: the registry to enrol in, the meters' store, the door. */

import { rmSync } from 'node:fs'
import { join } from 'node:path'
import pino from 'pino'
import { DoorClient } from '../../ingest/meter/door-client.js'
import { MeterStore } from '../../ingest/meter/meter-store.js'
import type { Hash } from '../../schemas/hash.js'
import type { EnrolledMeter } from '../../schemas/records.js'
import type { Config } from '../config.js'
import { enrolMeters } from '../registry/enrol.js'
import { loadAuthorityKey } from '../stage-runtime.js'
import { claimPidFile } from '../supervisor/claim.js'
import { pidFile } from '../supervisor/stage-files.js'
import { withRuntime } from '../system/system.js'

export interface Sender {
  readonly store: MeterStore
  readonly door: DoorClient
  readonly doorUrl: string
  /** Enrols meters in the name of the local authority; safe to repeat. */
  enrol(meters: readonly EnrolledMeter[]): Promise<void>
}

const CONNECTIONS = 4

export const doorUrlOf = (config: Config): string => `http://${config.host}:${config.ingestPort}`

/** Rejects with Error where another process sends with this home: two would ask for the same heads and send twice. */
export async function withSender<T>(config: Config, doorUrl: string, use: (sender: Sender) => Promise<T>): Promise<T> {
  const lock = pidFile(config.home, 'sender')
  const other = claimPidFile(lock)
  if (other !== undefined) throw new Error(`another command (pid ${other.pid}) sends readings with ${config.home}: wait for it`)
  try {
    return await withRuntime(config, 'sender', pino({ level: 'silent' }), async ({ registry, writer, ids }) => {
      const enrol = async (meters: readonly EnrolledMeter[]) => {
        await enrolMeters(registry, writer, ids, meters, [await loadAuthorityKey(config)])
      }
      return withStoreAndDoor(config, { chainId: registry.state.chainId, doorUrl, enrol }, use)
    })
  } finally {
    rmSync(lock, { force: true })
  }
}

/** A sender on the home's meters, closed afterwards. */
export async function withStoreAndDoor<T>(
  config: Config,
  { chainId, doorUrl, enrol }: Pick<Sender, 'doorUrl' | 'enrol'> & { chainId: Hash },
  use: (sender: Sender) => Promise<T>,
): Promise<T> {
  const store = new MeterStore({ path: join(config.home, 'meters'), chainId })
  const door = new DoorClient({ url: doorUrl, connections: CONNECTIONS })
  try {
    return await use({ store, door, doorUrl, enrol })
  } finally {
    await door.close()
    await store.close()
  }
}
