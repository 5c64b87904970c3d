/** What each process spends from one moment to another. */
import { readProcesses, type TreeUsage, usageOf } from './processes.js'

export interface Watched {
  readonly name: string
  /** Undefined: it does not run on this machine. */
  readonly pid: number | undefined
  /** Without those that it started: what runs for the bench alone is started by it. */
  readonly isAlone?: boolean
}

export interface Spent {
  readonly name: string
  /** Undefined where it does not run on this machine. */
  readonly spent: { readonly cpuMicros: number; readonly maxAnonBytes: number } | undefined
}

const SAMPLE_MILLIS = 250

/** Memory is sampled until `stop`, and the highest is kept. */
export class UsageMeter {
  readonly #before: readonly (TreeUsage | undefined)[]
  readonly #highest: number[]
  readonly #timer: NodeJS.Timeout

  constructor(private readonly watched: readonly Watched[]) {
    this.#before = this.#read()
    this.#highest = this.#before.map((each) => each?.anonBytes ?? 0)
    this.#timer = setInterval(() => this.#sample(this.#read()), SAMPLE_MILLIS)
  }

  /** Throws Error where a process has ended meanwhile. */
  stop(): Spent[] {
    clearInterval(this.#timer)
    const after = this.#read()
    this.#sample(after)
    return this.watched.map(({ name }, index) => {
      const [from, to] = [this.#before[index], after[index]]
      if (from === undefined || to === undefined) return { name, spent: undefined }
      return { name, spent: { cpuMicros: to.cpuMicros - from.cpuMicros, maxAnonBytes: this.#highest[index] ?? 0 } }
    })
  }

  /** Stops without a result. Safe to repeat. */
  end(): void {
    clearInterval(this.#timer)
  }

  #read(): (TreeUsage | undefined)[] {
    const processes = readProcesses()
    return this.watched.map(({ pid, isAlone = false }) => {
      if (pid === undefined) return undefined
      return usageOf(pid, isAlone ? processes.filter((each) => each.pid === pid) : processes)
    })
  }

  #sample(usages: readonly (TreeUsage | undefined)[]): void {
    usages.forEach((usage, index) => {
      this.#highest[index] = Math.max(this.#highest[index] ?? 0, usage?.anonBytes ?? 0)
    })
  }
}
