import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { launch } from './launch.js'
import { logFile, pidFile } from './stage-files.js'

/** A stage to keep running. */
export interface ChildSpec {
  readonly name: string
  readonly command: string
  readonly args: readonly string[]
  /** Added to the supervisor's own environment. */
  readonly env: Readonly<Record<string, string>>
  /** Answers 200 when the stage does its work. */
  readonly readyUrl: string
}

/** How a process ended, or why it could not be started. */
export type Ending = { code: number | null; killedBy: NodeJS.Signals | null } | { error: Error }

/** A process of ours while it lives. */
export interface Child {
  readonly pid: number | undefined
  readonly ending: Promise<Ending>
  /** Asks it to end, by SIGKILL after `graceMillis`; resolves when it has. */
  stop(graceMillis: number): Promise<void>
}

const READY_POLL_MILLIS = 200
const READY_TIMEOUT_MILLIS = 2_000

/** Whether the URL answers 2xx within 2 s. */
export async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(READY_TIMEOUT_MILLIS) }).catch(() => undefined)
  await answer?.body?.cancel()
  return answer?.ok ?? false
}

/** Says in the log when the child is ready; gives up when it has ended. */
async function announceReady(spec: ChildSpec, logger: Logger, hasEnded: () => boolean): Promise<void> {
  const started = Date.now()
  while (!(await isReady(spec.readyUrl))) {
    await sleep(READY_POLL_MILLIS)
    if (hasEnded()) return
  }
  logger.info({ stage: spec.name, millis: Date.now() - started }, 'stage ready')
}

function endingOf(child: ChildProcess): Promise<Ending> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ error }))
    child.once('exit', (code, killedBy) => resolve({ code, killedBy }))
  })
}

/** Starts a child. It is ended by its handle, which is safer than its pid file: that it may not have written yet. */
export function startChild(spec: ChildSpec, home: string, logger: Logger): Child {
  const child = launch({ ...spec, pidFile: pidFile(home, spec.name), logFile: logFile(home, spec.name) })
  logger.info({ stage: spec.name, pid: child.pid }, 'stage started')
  const ending = endingOf(child)
  let hasEnded = false
  void ending.then(() => {
    hasEnded = true
  })
  void announceReady(spec, logger, () => hasEnded)
  const stop = async (graceMillis: number) => {
    child.kill('SIGTERM')
    const outOfPatience = setTimeout(() => child.kill('SIGKILL'), graceMillis)
    await ending
    clearTimeout(outOfPatience)
  }
  return { pid: child.pid, ending, stop }
}
