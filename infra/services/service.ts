import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Launch, launch } from '../supervisor/launch.js'
import { endProcess, type ProcessIdentity, readPidFile } from '../supervisor/pid-file.js'
import { logFile, pidFile } from '../supervisor/stage-files.js'
import { assertPortsFree } from './ports.js'
import type { PortSetting, ServiceName, ServicesConfig } from './services-config.js'

/** One local server, as a process that outlives us. */
export interface Service {
  readonly name: ServiceName
  /** Where clients find it. */
  readonly address: string
  /** Of the running process, undefined if it does not run. */
  readonly pid: number | undefined
  /** Starts it and waits until it is healthy; one that runs and is healthy already is left as it is.
   *  @throws Error with the last 20 lines of its log. */
  start(): Promise<void>
  /** Ends it in an orderly way, by SIGKILL if that takes too long. */
  stop(): Promise<void>
  isHealthy(): Promise<boolean>
}

/** What differs between the servers. */
export interface ServiceKind {
  readonly name: ServiceName
  readonly address: string
  readonly ports: readonly PortSetting[]
  /** Ends it in an orderly way. */
  readonly stopSignal: NodeJS.Signals
  /** Makes folders and files ready, and says how to run it. May be repeated. */
  prepare(): Promise<Omit<Launch, 'logFile' | 'pidFile'>>
  /** Whether it does its work, asked in its own protocol; rejects while it does not answer. */
  probe(): Promise<boolean>
  /** A line in the log of a start that failed for a reason which passes by itself. */
  readonly passingFailure?: RegExp
  /** How long it may take to become healthy; 60 s if not given. */
  readonly startMillis?: number
  /** The pause after a failure that passes by itself; 0.3 s if not given. */
  readonly retryMillis?: number
}

const START_MILLIS = 180_000
const STOP_MILLIS = 30_000
const POLL_MILLIS = 100
const RETRY_MILLIS = 300
const MAX_STARTS = 10
const TAIL_LINES = 20

/** What was appended to a log since it had `from` bytes. */
function logSince(path: string, from: number): string {
  if (!existsSync(path)) return ''
  const size = statSync(path).size
  if (size < from) return readFileSync(path, 'utf8')
  const fd = openSync(path, 'r')
  const buffer = Buffer.alloc(size - from)
  const length = readSync(fd, buffer, 0, buffer.length, from)
  closeSync(fd)
  return buffer.subarray(0, length).toString('utf8')
}

type Outcome = 'healthy' | 'exited' | 'too slow'

class LocalService implements Service {
  readonly name: ServiceName
  readonly address: string

  constructor(
    private readonly kind: ServiceKind,
    private readonly config: ServicesConfig,
  ) {
    this.name = kind.name
    this.address = kind.address
  }

  private get process(): ProcessIdentity | undefined {
    return readPidFile(pidFile(this.config.home, this.name))
  }

  get pid(): number | undefined {
    return this.process?.pid
  }

  /** Our process runs and answers; a stranger on the same port does not count. */
  async isHealthy(): Promise<boolean> {
    if (this.process === undefined) return false
    return this.kind.probe().catch(() => false)
  }

  async start(): Promise<void> {
    if (await this.isHealthy()) return
    await this.stop() // left half started by a launcher that was killed, or hanging
    const program = await this.kind.prepare()
    await assertPortsFree(this.config, this.kind.ports)
    const files = { logFile: logFile(this.config.home, this.name), pidFile: pidFile(this.config.home, this.name) }
    await this.startUntilHealthy({ ...program, ...files })
  }

  private async startUntilHealthy(program: Launch): Promise<void> {
    const { passingFailure, retryMillis = RETRY_MILLIS, startMillis = START_MILLIS } = this.kind
    for (let attempt = 1; ; attempt += 1) {
      const from = existsSync(program.logFile) ? statSync(program.logFile).size : 0
      const outcome = await this.run(program, startMillis)
      if (outcome === 'healthy') return
      const said = logSince(program.logFile, from)
      if (attempt === MAX_STARTS || outcome !== 'exited' || !passingFailure?.test(said)) {
        const tail = said.trimEnd().split('\n').slice(-TAIL_LINES).join('\n')
        const what = outcome === 'exited' ? 'ended while starting' : `was not ready within ${startMillis / 1000} s`
        throw new Error(`${this.name} ${what}; the end of ${program.logFile}:\n${tail}`)
      }
      await sleep(retryMillis)
    }
  }

  private async run(program: Launch, startMillis: number): Promise<Outcome> {
    const child = launch(program)
    let hasExited = false
    child.once('exit', () => {
      hasExited = true
    })
    child.once('error', () => {
      hasExited = true
    })
    child.unref()
    const deadline = Date.now() + startMillis
    while (Date.now() < deadline) {
      if (hasExited) return 'exited'
      if (await this.isHealthy()) return 'healthy'
      await sleep(POLL_MILLIS)
    }
    await this.stop()
    return 'too slow'
  }

  async stop(): Promise<void> {
    const running = this.process
    if (running !== undefined) await endProcess(running, STOP_MILLIS, this.kind.stopSignal)
  }
}

/** Makes a service of what describes it. */
export const localService = (kind: ServiceKind, config: ServicesConfig): Service => new LocalService(kind, config)
