/** Opens the meters' states. A store that is damaged, or of another chain, is thrown away: the log makes it again, and final verdicts
 *  bind, so that costs time and no signature checks. */
import { existsSync, mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Logger } from 'pino'
import { CorruptStateError } from '../infra/chain/checked-store.js'
import { MeterStates } from '../infra/chain/meter-states.js'
import { beginLife } from './lives.js'

export async function openStates(
  path: string,
  chainId: Buffer,
  logger: Logger,
  options: { keepsFinals?: boolean; onLost?(why: string): void } = {},
): Promise<MeterStates> {
  const lost = (why: string) => options.onLost?.(why)
  mkdirSync(dirname(path), { recursive: true })
  if (!existsSync(path)) lost('there was no state')
  if (beginLife(path)) {
    lost('the validator ended again and again on what was stored')
    logger.error(
      { path },
      'the validator ended again and again on these meter states; they are deleted, and made again from the log',
    )
    await rm(path, { recursive: true, force: true })
  }
  try {
    return MeterStates.open(path, chainId, options)
  } catch (error) {
    lost(error instanceof Error ? error.message : String(error))
    logger.error({ err: error, path }, 'the stored meter states cannot be used and are made again from the log')
    await rm(path, { recursive: true, force: true })
    return MeterStates.open(path, chainId, options)
  }
}

/** For a value that turns out damaged while the validator runs: without its store it makes a new one at its next start. */
export async function dropIfCorrupt(path: string, error: Error, logger: Logger): Promise<void> {
  if (!(error instanceof CorruptStateError)) return
  logger.error({ err: error, path }, 'the stored meter states are damaged; they are deleted, and made again at the next start')
  await rm(path, { recursive: true, force: true })
}
