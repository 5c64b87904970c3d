import { readFileSync, rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemErrorCode } from './system-error.js'

/** A process as it is known across restarts of whoever started it: a pid alone may be reused, with its start time it can't. */
export interface ProcessIdentity {
  readonly pid: number
  /** Ticks from boot to the start of the process (field 22 of /proc/PID/stat). */
  readonly startTime: string
  /** The kernel's id of this boot: after a reboot the same pid and ticks may come again. */
  readonly bootId: string
}

/** Changes with each boot. */
export const BOOT_ID_FILE = '/proc/sys/kernel/random/boot_id'
const STATE_FIELD = 3
const THREADS_FIELD = 20
const START_TIME_FIELD = 22

/** What a shell runs to write its own identity to file descriptor 3 (`exec` afterwards keeps pid and start time). */
export const WRITE_IDENTITY = `cat /proc/$$/stat ${BOOT_ID_FILE} >&3`

/** A file of a process that may end at any moment, or of one that has; undefined where it is gone. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    // ESRCH: the process ended between open and read
    if (['ENOENT', 'ESRCH'].includes(systemErrorCode(error) ?? '')) return undefined
    throw error
  }
}

/** Field `number` (from 1) of a line of /proc/PID/stat; the second field is a name that may hold spaces and parentheses. */
function statField(line: string, number: number): string | undefined {
  const afterName = line.slice(line.lastIndexOf(')') + 2)
  return afterName.split(' ')[number - STATE_FIELD]
}

/** Reads what {@link WRITE_IDENTITY} wrote; undefined for a file that is empty or cut short (its writer was killed). */
export function parseIdentity(text: string): ProcessIdentity | undefined {
  const [line = '', bootId = ''] = text.split('\n')
  const pid = Number.parseInt(line, 10)
  const startTime = statField(line, START_TIME_FIELD)
  if (!Number.isSafeInteger(pid) || pid <= 1 || startTime === undefined || bootId === '') return undefined
  return { pid, startTime, bootId }
}

/** Whether only the exit status of a process is left, by its line of /proc/PID/stat. Its first thread may be gone before the others,
 *  as a killed JVM's often is: while they live, its files and ports are still held. */
export const hasEnded = (line: string): boolean =>
  statField(line, STATE_FIELD) === 'Z' && Number(statField(line, THREADS_FIELD)) <= 1

/** The identity of a running process, undefined if there is none (or only its exit status is left). */
export function identityOf(pid: number): ProcessIdentity | undefined {
  const line = readIfThere(`/proc/${pid}/stat`)
  if (line === undefined || hasEnded(line)) return undefined
  return parseIdentity(`${line.trim()}\n${readFileSync(BOOT_ID_FILE, 'utf8').trim()}`)
}

/** Whether exactly this process still runs. */
export function isRunning(process: ProcessIdentity): boolean {
  const now = identityOf(process.pid)
  return now !== undefined && now.startTime === process.startTime && now.bootId === process.bootId
}

/** The process that a pid file names, if it still runs. The file of one that has ended is removed; an empty one is left, for
 *  its process may be about to write into it. */
export function readPidFile(path: string): ProcessIdentity | undefined {
  const text = readIfThere(path)
  if (text === undefined) return undefined
  const identity = parseIdentity(text)
  if (identity === undefined || isRunning(identity)) return identity
  rmSync(path, { force: true })
  return undefined
}

/** Sends a signal to exactly this process; one that has ended meanwhile is left alone. */
export function signalProcess(target: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isRunning(target)) return
  try {
    process.kill(target.pid, signal)
  } catch (error) {
    if (systemErrorCode(error) !== 'ESRCH') throw error
  }
}

async function ended(target: ProcessIdentity, withinMillis: number): Promise<boolean> {
  const deadline = Date.now() + withinMillis
  while (isRunning(target)) {
    if (Date.now() >= deadline) return false
    await sleep(20)
  }
  return true
}

/** Ends a process: `signal`, up to `graceMillis` of patience, then SIGKILL.
 *  @throws Error if it is still there 10 s after SIGKILL (it hangs in the kernel). */
export async function endProcess(
  target: ProcessIdentity,
  graceMillis: number,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  signalProcess(target, signal)
  if (await ended(target, graceMillis)) return
  signalProcess(target, 'SIGKILL')
  if (!(await ended(target, 10_000))) throw new Error(`process ${target.pid} does not end, not even by SIGKILL`)
}
