import { rmSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { type Child, type ChildSpec, isReady, startChild } from './child.js'
import { claimPidFile } from './claim.js'
import { endProcess, readPidFile } from './pid-file.js'
import { pidFile } from './stage-files.js'

export type { ChildSpec } from './child.js'

export interface SupervisorOptions {
  /** Pid files stand in `run/`, logs in `logs/`. */
  readonly home: string
  readonly logger: Logger
  /** Its abort ends all children. */
  readonly signal: AbortSignal
  /** How long a child may take to end by itself; 15 s if not given. */
  readonly stopMillis?: number
}

export interface StageStatus {
  readonly name: string
  readonly pid: number | undefined
  readonly isReady: boolean
}

const MIN_PAUSE_MILLIS = 200
const MAX_PAUSE_MILLIS = 10_000
/** Who lived this long has recovered: its next end is a new matter. */
const RECOVERED_MILLIS = 30_000
const STOP_MILLIS = 15_000

/** The supervisor's own pid file: whoever starts it detached finds it there. */
export const supervisorPidFile = (home: string): string => pidFile(home, 'supervisor')

/** How long to wait before a child is started again: 0.2 s doubling to 10 s, from 0.2 s again after 30 s of life. */
export function nextPauseMillis(previousMillis: number | undefined, livedMillis: number): number {
  if (previousMillis === undefined || livedMillis >= RECOVERED_MILLIS) return MIN_PAUSE_MILLIS
  return Math.min(previousMillis * 2, MAX_PAUSE_MILLIS)
}

/** Which stages run and which of them are ready. Asks pid files and stages, not the supervisor. */
export function stagesStatus(children: readonly Pick<ChildSpec, 'name' | 'readyUrl'>[], home: string): Promise<StageStatus[]> {
  const status = async ({ name, readyUrl }: Pick<ChildSpec, 'name' | 'readyUrl'>): Promise<StageStatus> => {
    const pid = readPidFile(pidFile(home, name))?.pid
    return { name, pid, isReady: pid !== undefined && (await isReady(readyUrl)) }
  }
  return Promise.all(children.map(status))
}

/** Ends stages that run without their supervisor, as one that was killed leaves them. */
export async function endLeftovers(names: readonly string[], home: string, stopMillis = STOP_MILLIS): Promise<void> {
  const leftovers = names.toReversed().flatMap((name) => readPidFile(pidFile(home, name)) ?? [])
  await Promise.all(leftovers.map((leftover) => endProcess(leftover, stopMillis)))
}

/** Life after life of a child, until the signal. The living are put into `living`. */
async function keepRunning(spec: ChildSpec, options: SupervisorOptions, living: Map<string, Child>): Promise<void> {
  const { home, logger, signal } = options
  let pauseMillis: number | undefined
  while (!signal.aborted) {
    const started = Date.now()
    const child = startChild(spec, home, logger)
    living.set(spec.name, child)
    const ending = await child.ending
    living.delete(spec.name)
    if (signal.aborted) return logger.info({ stage: spec.name, ...ending }, 'stage stopped')
    pauseMillis = nextPauseMillis(pauseMillis, Date.now() - started)
    logger.warn({ stage: spec.name, ...ending, pauseMillis }, 'stage ended by itself: it is started again after the pause')
    await sleep(pauseMillis, undefined, { signal }).catch(() => undefined) // woken by the signal: the loop ends
  }
}

/** Starts the stages, in their order, and starts each again that ends by itself. Resolves when the signal was given and all
 *  have ended: SIGTERM from the last to the first, SIGKILL for who takes longer than `stopMillis`.
 *  What a killed supervisor left is ended first.
 *  @throws Error if another supervisor runs with this home. */
export async function superviseStages(children: readonly ChildSpec[], options: SupervisorOptions): Promise<void> {
  const { home, stopMillis = STOP_MILLIS } = options
  const failure = new AbortController()
  const signal = AbortSignal.any([options.signal, failure.signal])
  const own = supervisorPidFile(home)
  const other = claimPidFile(own)
  if (other !== undefined) throw new Error(`another supervisor (pid ${other.pid}) runs the stages of ${home}: stop it first`)
  const names = children.map(({ name }) => name)
  const living = new Map<string, Child>()
  const stopAll = () => {
    for (const name of names.toReversed()) void living.get(name)?.stop(stopMillis)
  }
  signal.addEventListener('abort', stopAll, { once: true })
  try {
    await endLeftovers(names, home, stopMillis)
    const lives = children.map((spec) =>
      keepRunning(spec, { ...options, signal }, living).catch((error) => {
        failure.abort() // what we cannot start (a log that cannot be written) must not leave the others alone
        throw error
      }),
    )
    const failed = (await Promise.allSettled(lives)).find((life) => life.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  } finally {
    signal.removeEventListener('abort', stopAll)
    rmSync(own, { force: true })
  }
}
