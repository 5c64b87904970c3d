import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BOOT_ID_FILE, readPidFile } from '../supervisor/pid-file.js'
import { type Progress, pidFile } from './services-config.js'

const WAIT_MILLIS = 10 * 60_000
const POLL_MILLIS = 200

/** Takes the lock file, or says that somebody has it. A link appears with its content, so nobody sees it half written. */
function tryLock(path: string): boolean {
  const own = `${path}.${process.pid}`
  writeFileSync(own, readFileSync('/proc/self/stat', 'utf8') + readFileSync(BOOT_ID_FILE, 'utf8'), { flush: true })
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(own)
  }
}

async function lock(path: string, onProgress: Progress): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  const deadline = Date.now() + WAIT_MILLIS
  let isAnnounced = false
  while (!tryLock(path)) {
    const holder = readPidFile(path) // removes the lock of a launcher that was killed
    if (holder === undefined) continue
    if (Date.now() > deadline)
      throw new Error(`another launcher (pid ${holder.pid}) has been at work in this home for 10 minutes`)
    if (!isAnnounced) onProgress(`waiting for another launcher (pid ${holder.pid})`)
    isAnnounced = true
    await sleep(POLL_MILLIS)
  }
}

/** Runs `work` while no other launcher starts, stops or resets services of this home.
 *  @throws Error after 10 minutes of waiting. */
export async function withLauncherLock<T>(home: string, onProgress: Progress, work: () => Promise<T>): Promise<T> {
  const path = pidFile(home, 'launcher')
  await lock(path, onProgress)
  try {
    return await work()
  } finally {
    rmSync(path, { force: true })
  }
}
