/** Lanes filled by several threads: what reads, proves and projects a block is bound to one core, and a replay has all of them. */
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { packageFolder } from '../../infra/services/downloads.js'
import { Calls } from '../../infra/threads/calls.js'
import type { Filling } from '../fill.js'
import type { Written } from './lane-deps.js'
import type { ForLaneThread, LaneTask, LaneThread } from './lane-thread.js'

export interface LaneThreadsDeps {
  readonly task: Omit<LaneTask, 'lanes'>
  /** Lanes of the chain, from 0 on. */
  readonly lanes: number
  /** Not more than there are lanes. */
  readonly threads: number
  /** Resolves when so many events of the registry are folded, and their rows are in the tables. */
  registryReached(size: number): Promise<void>
  onWritten(written: Written): void
  onFatal(error: Error): void
}

export class LaneThreads implements Filling {
  readonly #threads: readonly Thread[]

  constructor(deps: LaneThreadsDeps) {
    this.#threads = lanesOfThreads(deps.lanes, deps.threads).map((lanes) => new Thread(deps, lanes))
  }

  async start(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.calls.call('start')))
  }

  async caughtUp(deadlineMillis?: number): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.calls.call('caughtUp', deadlineMillis)))
  }

  async stop(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop()))
  }
}

/** Lanes are dealt out: neighbours often fill alike. */
export function lanesOfThreads(lanes: number, threads: number): number[][] {
  const all = Array.from({ length: lanes }, (_, lane) => lane)
  const count = Math.max(1, Math.min(threads, lanes))
  return Array.from({ length: count }, (_, thread) => all.filter((lane) => lane % count === thread))
}

/** The built file, also for what runs from the sources (tests). */
const file = () => join(packageFolder(), 'dist', 'projector', 'replay', 'lane-thread-main.js')

class Thread {
  readonly calls: Calls<LaneThread>
  readonly #worker: Worker
  #isEnding = false
  #hasEnded = false

  constructor({ task, registryReached, onWritten, onFatal }: LaneThreadsDeps, lanes: readonly number[]) {
    const workerData: LaneTask = { ...task, lanes }
    this.#worker = new Worker(file(), { workerData })
    const offer: ForLaneThread = {
      registryReached,
      written: onWritten,
      failed: (message) => onFatal(new Error(message)),
    }
    this.calls = new Calls<LaneThread>(this.#worker, offer)
    const end = (error: Error) => {
      this.#hasEnded = true
      this.calls.end(error)
      if (!this.#isEnding) onFatal(error)
    }
    this.#worker.on('error', end)
    this.#worker.on('exit', (code) => end(new Error(`the thread of lanes ${lanes.join(', ')} has ended with code ${code}`)))
  }

  /** What it is writing is written. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return
    this.#isEnding = true
    try {
      await this.calls.call('stop')
    } catch (error) {
      if (!this.#hasEnded) throw error
    } finally {
      await this.#worker.terminate()
    }
  }
}
