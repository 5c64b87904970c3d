/** A whole meterchain of a test's own: a home, ports, and the processes in it. Its stages are those of the build in dist/. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, loadConfig } from '../config.js'
import { packageFolder } from '../services/downloads.js'
import { isPortFree } from '../services/ports.js'
import { startServices } from '../services/services.js'
import { endProcess, isRunning, type ProcessIdentity, readPidFile } from '../supervisor/pid-file.js'
import { logFile, pidFile } from '../supervisor/stage-files.js'
import { stagesStatus } from '../supervisor/supervisor.js'
import { localAuthorities } from '../system/authorities.js'
import { readLeftOut } from '../system/left-authorities.js'
import { stageSpecs } from '../system/stages.js'
import { runCli } from './run-cli.js'
import { until } from './until.js'

const PORTS = [
  ...['KAFKA', 'KAFKA_CONTROLLER', 'REGISTRY', 'POSTGRES'],
  ...['INGEST', 'QUERY', 'CHAINER', 'VALIDATOR', 'PROJECTOR'],
]
/** Below the ports that the kernel gives to clients: nobody takes the broker's while it is killed. */
const FIRST_PORT = 21_000
const PORTS_TRIED = 10_000
/** Seven authorities' stages listen up to 60 ports higher. */
const PORTS_APART = 80
const READY_MILLIS = 60_000

export interface LocalSystem {
  readonly config: Config
  /** Names of the stages that run here. */
  stageNames(): string[]
  /** The running process of a stage or service. Throws Error where there is none. */
  process(name: string): ProcessIdentity
  /** Undefined where it does not run just now. */
  find(name: string): ProcessIdentity | undefined
  /** Ends a stage by SIGKILL; where it is just being started, that one. */
  kill(name: string): Promise<void>
  /** Ends the broker by SIGKILL and starts it again; what is to be done to its disk in between. */
  restartBroker(meanwhile?: () => void): Promise<void>
  untilReady(): Promise<void>
  /** Lines of a process's log. */
  log(name: string): string[]
  /** Stops everything and deletes it; what is to be done in between. */
  remove(meanwhile?: () => void): Promise<void>
}

/** Builds dist/ from the sources as they are. */
export function buildStages(): void {
  execFileSync('npm', ['run', '-s', 'build'], { cwd: packageFolder(), stdio: ['ignore', 'pipe', 'pipe'] })
}

/** Sets the settings of this process, and of all that it starts, to a new home and free ports. */
export async function localSystem(name: string, settings: Readonly<Record<string, string>> = {}): Promise<LocalSystem> {
  const home = mkdtempSync(join(tmpdir(), `meterchain-${name}-`))
  chmodSync(home, 0o755) // PostgreSQL's account is to enter it
  const first = await freePorts()
  for (const variable of Object.keys(process.env))
    if (variable.startsWith('METERCHAIN_') && !variable.startsWith('METERCHAIN_TEST_')) delete process.env[variable]
  const ports = PORTS.map((port, index) => [`METERCHAIN_${port}_PORT`, String(first + index)])
  Object.assign(process.env, { METERCHAIN_HOME: home, ...Object.fromEntries(ports), ...settings })
  return system(loadConfig())
}

async function freePorts(): Promise<number> {
  for (;;) {
    const first = FIRST_PORT + Math.floor((Math.random() * PORTS_TRIED) / PORTS_APART) * PORTS_APART
    const free = await Promise.all(Array.from({ length: PORTS_APART }, (_, index) => isPortFree(first + index)))
    if (free.every((each) => each)) return first
  }
}

function system(config: Config): LocalSystem {
  const { home } = config
  const specs = () => stageSpecs(config, localAuthorities(home), '', readLeftOut(home))
  const find = (name: string) => readPidFile(pidFile(home, name))
  const found = (name: string) => {
    const running = find(name)
    if (running === undefined) throw new Error(`${name} does not run in ${home}`)
    return running
  }
  const everyPid = () => {
    const names = [...specs().map((each) => each.name), 'supervisor', 'kafka', 'registry', 'postgres']
    return names.flatMap((name) => find(name) ?? [])
  }
  return {
    config,
    stageNames: () => specs().map((each) => each.name),
    process: found,
    find,
    kill: async (name) => endProcess(await until(`a process of ${name}`, READY_MILLIS, () => find(name)), 0, 'SIGKILL'),
    restartBroker: async (meanwhile) => {
      await endProcess(found('kafka'), 0, 'SIGKILL')
      meanwhile?.()
      await startServices(config)
    },
    untilReady: async () => {
      const status = () => stagesStatus(specs(), home)
      await until('all stages ready', READY_MILLIS, async () => (await status()).every(({ isReady }) => isReady), status)
    },
    log: (name) => (existsSync(logFile(home, name)) ? readFileSync(logFile(home, name), 'utf8').split('\n') : []),
    remove: async (meanwhile) => {
      if (process.env.METERCHAIN_TEST_KEEP === 'true') return
      const running = everyPid()
      if (meanwhile !== undefined) {
        await runCli('down')
        for (const each of running.filter(isRunning)) await endProcess(each, 0, 'SIGKILL')
        meanwhile()
      }
      const { code, stderr } = await runCli('down', '--reset')
      const left = running.filter(isRunning)
      for (const each of left) await endProcess(each, 0, 'SIGKILL')
      rmSync(home, { recursive: true, force: true })
      if (code !== 0 || left.length > 0) throw new Error(`down ended with ${code}, ${left.length} processes ran on: ${stderr}`)
    },
  }
}
