/** What the kernel tells of processes, https://man7.org/linux/man-pages/man5/proc.5.html: their CPU time and memory, with that of all
 *  that they started. */
import { readdirSync } from 'node:fs'
import { readIfThere } from '../supervisor/pid-file.js'

export interface ProcessStat {
  readonly pid: number
  readonly parent: number
  /** User and system time, with that of children that have ended and were waited for. */
  readonly cpuMicros: number
}

/** What a process and all its descendants use. */
export interface TreeUsage {
  readonly cpuMicros: number
  /** Memory that no file stands behind. */
  readonly anonBytes: number
}

/** USER_HZ is 100 on every Linux that Node runs on. */
const TICK_MICROS = 10_000
const PARENT_FIELD = 4
/** utime, stime, cutime, cstime. */
const TIME_FIELDS = [14, 15, 16, 17]

/** A line of /proc/PID/stat. The second field is a name that may hold spaces and parentheses. Throws RangeError on anything else. */
export function parseStat(line: string): ProcessStat {
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ')
  const field = (number: number) => Number(fields[number - 3])
  const pid = Number.parseInt(line, 10)
  const parent = field(PARENT_FIELD)
  const ticks = TIME_FIELDS.reduce((sum, number) => sum + field(number), 0)
  if (!Number.isInteger(pid) || !Number.isInteger(parent) || !Number.isInteger(ticks))
    throw new RangeError(`not a line of /proc/PID/stat: ${line.slice(0, 80)}`)
  return { pid, parent, cpuMicros: ticks * TICK_MICROS }
}

/** RssAnon of /proc/PID/status; 0 for threads of the kernel, which have no such line. */
export const parseAnonBytes = (status: string): number => bytesOf('RssAnon', status)

/** VmHWM of /proc/PID/status: the most memory that the process ever had, with that of files. 0 where it has ended. */
export const parsePeakBytes = (status: string): number => bytesOf('VmHWM', status)

function bytesOf(name: string, status: string): number {
  const [, kibibytes] = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status) ?? []
  return kibibytes === undefined ? 0 : Number(kibibytes) * 1024
}

/** Ids of `root` and of all that descend from it. */
export function treeOf(root: number, processes: readonly ProcessStat[]): number[] {
  const tree = [root]
  for (const parent of tree) for (const each of processes) if (each.parent === parent) tree.push(each.pid)
  return tree
}

/** All processes as they are now. */
export function readProcesses(): ProcessStat[] {
  const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return ids.flatMap((id) => readIfThere(`/proc/${id}/stat`) ?? []).map(parseStat)
}

/** Throws Error where there is no such process. */
export function usageOf(root: number, processes: readonly ProcessStat[]): TreeUsage {
  const known = new Map(processes.map((each) => [each.pid, each]))
  if (!known.has(root)) throw new Error(`process ${root} has ended while it was measured: see its log`)
  const tree = treeOf(root, processes)
  return {
    cpuMicros: tree.reduce((sum, pid) => sum + (known.get(pid)?.cpuMicros ?? 0), 0),
    anonBytes: tree.reduce((sum, pid) => sum + parseAnonBytes(readIfThere(`/proc/${pid}/status`) ?? ''), 0),
  }
}
