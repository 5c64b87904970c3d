import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { BOOT_ID_FILE, type ProcessIdentity, parseIdentity, readPidFile } from './pid-file.js'
import { systemErrorCode } from './system-error.js'

/** Writes this process into a pid file that does not exist; false if it does. A link appears with its content, so nobody
 *  reads it half written. */
function createPidFile(path: string): boolean {
  const own = `${path}.${process.pid}`
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(own, readFileSync('/proc/self/stat', 'utf8') + readFileSync(BOOT_ID_FILE, 'utf8'), { flush: true })
  try {
    linkSync(own, path)
    return true
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false
    throw error
  } finally {
    rmSync(own)
  }
}

/** Makes this process the holder of a pid file, unless another running process is; then that one is returned.
 *  The holder removes the file when it is done; a holder that was killed loses it to the next who asks. */
export function claimPidFile(path: string): ProcessIdentity | undefined {
  while (!createPidFile(path)) {
    const holder = readPidFile(path) // removes the file of one that has ended
    if (holder?.pid === process.pid) return undefined
    if (holder !== undefined) return holder
    removeUnreadable(path)
  }
  return undefined
}

/** A file whose content was lost (a full disk, a power cut) names nobody. */
function removeUnreadable(path: string): void {
  try {
    if (parseIdentity(readFileSync(path, 'utf8')) === undefined) rmSync(path)
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error
  }
}
