import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { WRITE_IDENTITY } from './pid-file.js'

/** A program to run on its own: it outlives us, writes to a log file, and is found again by its pid file. */
export interface Launch {
  readonly command: string
  readonly args: readonly string[]
  /** Added to the environment that we have ourselves. */
  readonly env?: Readonly<Record<string, string>>
  readonly logFile: string
  readonly pidFile: string
  readonly workingFolder?: string
  /** The account to run as, when it is not ours. */
  readonly account?: { readonly uid: number; readonly gid: number }
}

const MAX_LOG_BYTES = 32 * 1024 * 1024

function openLog(path: string): number {
  mkdirSync(dirname(path), { recursive: true })
  if (existsSync(path) && statSync(path).size > MAX_LOG_BYTES) renameSync(path, `${path}.1`)
  return openSync(path, 'a')
}

/** Starts a program in a session of its own.
 *
 *  The pid file is written by the child before it becomes the program, so there is no moment in which it runs and is not
 *  recorded, whenever we are killed. The file is opened here, because the child may run under an account without access to it. */
export function launch(program: Launch): ChildProcess {
  mkdirSync(dirname(program.pidFile), { recursive: true })
  const log = openLog(program.logFile)
  const pidFile = openSync(program.pidFile, 'w', 0o644)
  try {
    return spawn('/bin/sh', ['-c', `${WRITE_IDENTITY}; exec 3>&-; exec "$@"`, 'sh', program.command, ...program.args], {
      detached: true,
      stdio: ['ignore', log, log, pidFile],
      // handed on, not read: settings are read in infra/config.ts alone
      env: { ...process.env, ...program.env },
      ...(program.workingFolder === undefined ? {} : { cwd: program.workingFolder }),
      ...program.account,
    })
  } finally {
    closeSync(log)
    closeSync(pidFile)
  }
}
