import { join } from 'node:path'

/** Where the pid of a process that we started stands. */
export const pidFile = (home: string, name: string): string => join(home, 'run', `${name}.pid`)

/** Where a process that we started writes its log. */
export const logFile = (home: string, name: string): string => join(home, 'logs', `${name}.log`)
