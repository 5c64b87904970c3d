/** The door's stores on disk. Both are derived: what is of another chain, or altered, is thrown away and made again from the log. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { CorruptStateError } from '../infra/chain/checked-store.js'
import { MeterStates } from '../infra/chain/meter-states.js'
import { AskedStore } from './asked-store.js'

export interface Stores {
  readonly states: MeterStates
  readonly asked: AskedStore
  /** To end the process by: deletes the stores first if they are what is wrong, so that the next start makes them anew. */
  onFatal(error: Error): void
  close(): Promise<void>
}

export interface StoresOptions {
  /** The stage's own. */
  readonly folder: string
  readonly chainId: Buffer
  readonly logger: Logger
  onFatal(error: Error): void
}

/** Opens or makes the stores under the stage's folder. */
export function openStores({ folder, chainId, logger, onFatal }: StoresOptions): Stores {
  const path = join(folder, 'heads')
  const discard = (error: Error) => {
    logger.error({ err: error, path }, 'the meter heads are thrown away, and made again from the chain')
    rmSync(path, { recursive: true, force: true })
  }
  const open = () => MeterStates.open(join(path, 'states'), chainId)
  let states: MeterStates
  try {
    states = open()
  } catch (error) {
    if (!(error instanceof CorruptStateError)) throw error
    discard(error)
    states = open()
  }
  const asked = AskedStore.open(join(path, 'asked'))
  return {
    states,
    asked,
    onFatal: (error) => {
      if (error instanceof CorruptStateError) discard(error)
      onFatal(error)
    },
    close: async () => {
      await Promise.all([states.close(), asked.close()])
    },
  }
}
