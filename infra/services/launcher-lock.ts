import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { claimPidFile } from '../supervisor/claim.js'
import { pidFile } from '../supervisor/stage-files.js'
import type { Progress } from './services-config.js'

/** Downloads over a slow line take minutes. */
const WAIT_MILLIS = 10 * 60_000
const POLL_MILLIS = 200

async function lock(path: string, onProgress: Progress, waitMillis: number): Promise<void> {
  const deadline = Date.now() + waitMillis
  let announced: number | undefined
  for (let holder = claimPidFile(path); holder !== undefined; holder = claimPidFile(path)) {
    if (Date.now() > deadline)
      throw new Error(`another launcher (pid ${holder.pid}) still holds ${path}: try again when it is done`)
    if (holder.pid !== announced) onProgress(`waiting for another launcher (pid ${holder.pid})`)
    announced = holder.pid
    await sleep(POLL_MILLIS)
  }
}

/** Runs `work` while no other launcher starts, stops or resets services of this home.
 *  @throws Error after `waitMillis` of waiting. */
export async function withLauncherLock<T>(
  home: string,
  onProgress: Progress,
  work: () => Promise<T>,
  waitMillis = WAIT_MILLIS,
): Promise<T> {
  const path = pidFile(home, 'launcher')
  await lock(path, onProgress, waitMillis)
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}
