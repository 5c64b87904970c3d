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
  /** Resolves when so many events of the registry are folded, and their rows are in the tables. */
  registryReached(size: number): Promise<void>
  onWritten(written: Written): void
  onFatal(error: Error): void
}

/** Runs `use` with threads for so many lanes, which load the program meanwhile; then ends them. */
export async function withLaneThreads<T>(lanes: number, threads: number, use: (threads: LaneThreads) => Promise<T>): Promise<T> {
  const all = new LaneThreads(lanes, threads)
  try {
    return await use(all)
  } finally {
    await all.stop()
  }
}

export class LaneThreads {
  readonly #threads: readonly Thread[]

  /** Not more than there are lanes. `program`: what they run. */
  constructor(lanes: number, threads: number, program: string | URL = builtProgram()) {
    this.#threads = lanesOfThreads(lanes, threads).map((each) => new Thread(each, program))
  }

  /** What fills the lanes once it is started. */
  filling(deps: LaneThreadsDeps): Filling & { start(): Promise<void> } {
    return {
      start: async () => void (await Promise.all(this.#threads.map((thread) => thread.start(deps)))),
      caughtUp: async (deadlineMillis) => {
        await Promise.all(this.#threads.map((thread) => thread.calls.call('caughtUp', deadlineMillis)))
      },
      stop: () => this.stop(),
    }
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
const builtProgram = (): string => join(packageFolder(), 'dist', 'projector', 'replay', 'lane-thread-main.js')

class Thread {
  readonly calls: Calls<LaneThread>
  readonly #worker: Worker
  #deps: LaneThreadsDeps | undefined
  #isEnding = false
  #hasEnded = false

  constructor(
    private readonly lanes: readonly number[],
    program: string | URL,
  ) {
    this.#worker = new Worker(program)
    const offer: ForLaneThread = {
      registryReached: async (size) => this.#deps?.registryReached(size),
      written: (written) => this.#deps?.onWritten(written),
      failed: (message) => this.#deps?.onFatal(new Error(message)),
    }
    this.calls = new Calls<LaneThread>(this.#worker, offer)
    this.#worker.on('error', (error) => this.#end(error))
    this.#worker.on('exit', (code) => this.#end(new Error(`the thread of lanes ${lanes.join(', ')} has ended with code ${code}`)))
  }

  async start(deps: LaneThreadsDeps): Promise<void> {
    this.#deps = deps
    await this.calls.call('start', { ...deps.task, lanes: this.lanes })
  }

  /** What it is writing is written. */
  async stop(): Promise<void> {
    if (this.#hasEnded || this.#isEnding) return
    this.#isEnding = true
    try {
      await this.calls.call('stop')
    } catch (error) {
      if (!this.#hasEnded) throw error
    } finally {
      await this.#worker.terminate()
    }
  }

  #end(error: Error): void {
    this.#hasEnded = true
    this.calls.end(error)
    if (!this.#isEnding) this.#deps?.onFatal(error)
  }
}
