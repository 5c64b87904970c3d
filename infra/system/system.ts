/** The whole line on one machine: prepared, started, watched, stopped. */
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pino, { type Logger } from 'pino'
import { migrate } from '../../projector/migrate.js'
import type { Config } from '../config.js'
import { createKafka } from '../kafka/client.js'
import { ensureTopics } from '../kafka/topics.js'
import { assertPortFree } from '../services/ports.js'
import { postgresAdminUrl } from '../services/postgres.js'
import { resetServices, type ServiceStatus, servicesStatus, startServices, stopServices } from '../services/services.js'
import type { Progress } from '../services/services-config.js'
import { openRuntime, type Running, type Runtime } from '../stage-runtime.js'
import { launch } from '../supervisor/launch.js'
import { endProcess, readPidFile } from '../supervisor/pid-file.js'
import { logFile } from '../supervisor/stage-files.js'
import {
  type ChildSpec,
  endLeftovers,
  type StageStatus,
  stagesStatus,
  superviseStages,
  supervisorPidFile,
} from '../supervisor/supervisor.js'
import { localAuthorities } from './authorities.js'
import { DATABASE, databasePasswords, databaseUrls, isLocalDatabase } from './database-urls.js'
import { type ChainPlan, ensureGenesis } from './genesis-file.js'
import { findLeft, readLeftOut, writeLeftOut } from './left-authorities.js'
import { withOwnStore } from './own-store.js'
import { programFile, stagePorts, stageSpecs } from './stages.js'

const READY_MILLIS = 90_000
const READY_POLL_MILLIS = 200
const SUPERVISOR_STOP_MILLIS = 60_000

/** Whether Kafka, registry server and PostgreSQL are the local ones; a mixture works too: what is local is started. */
export const isLocal = (config: Config): boolean => config.brokers[0] === `127.0.0.1:${config.kafkaPort}`

/** Runs `use` with all that a stage has. Of one name several may run at once: each has a store of its own. */
export function withRuntime<T>(
  config: Config,
  name: string,
  logger: Logger,
  use: (runtime: Runtime & Running) => Promise<T>,
): Promise<T> {
  return withOwnStore(resolve(config.home), name, async (store) => {
    let fail: (error: Error) => void = () => undefined
    const failed = new Promise<never>((_resolve, reject) => {
      fail = reject
    })
    const runtime = await openRuntime({ name: store, signs: false }, config, logger, fail)
    try {
      return await Promise.race([use(runtime), failed])
    } finally {
      await runtime.stop()
    }
  })
}

/** Local services, topics, database, keys and genesis: whatever is missing is made. Safe to repeat. */
export async function prepareSystem(config: Config, plan: ChainPlan, onProgress: Progress): Promise<void> {
  if (isLocal(config)) await startServices(config, onProgress)
  const logger = pino({ level: 'silent' })
  await ensureTopics(createKafka(config, logger), config)
  if (isLocalDatabase(config)) {
    const passwords = databasePasswords(config.home)
    const { applied } = await migrate({ adminUrl: postgresAdminUrl(config), database: DATABASE, passwords })
    if (applied.length > 0) onProgress(`database ${DATABASE}: ${applied.length} migrations applied`)
  }
  await withRuntime(config, 'launcher', logger, async (runtime) => {
    const { isNew } = await ensureGenesis(runtime, plan)
    const { chainId, genesis } = runtime.registry.state
    if (isNew)
      onProgress(`chain ${chainId.toString('hex').slice(0, 12)}… founded by ${genesis.authorities.length} (${genesis.consensus})`)
  })
}

/** Starts all stages under a supervisor that outlives us, and returns when all are ready. Those that run go on.
 *  Throws Error with the name of a stage that does not become ready and where its log is, or of whoever has a stage's port. */
export async function startStages(config: Config, onProgress: Progress): Promise<void> {
  const home = resolve(config.home)
  if (readPidFile(supervisorPidFile(home)) === undefined) await launchSupervisor(config, home, onProgress)
  const started = Date.now()
  let waiting: readonly StageStatus[] = []
  const told = new Set<string>()
  while (Date.now() - started < READY_MILLIS) {
    const status = await readStages(config)
    waiting = status.filter((each) => !each.isReady)
    for (const { name, pid } of status.filter((each) => each.isReady && !told.has(each.name))) {
      told.add(name)
      onProgress(`${name} ready (pid ${pid})`)
    }
    if (status.length > 0 && waiting.length === 0) return
    await sleep(READY_POLL_MILLIS)
  }
  const names = waiting.map(({ name }) => name).join(', ')
  const logs = waiting.map(({ name }) => logFile(home, name)).join(', ')
  throw new Error(
    `after ${READY_MILLIS / 1000} s these stages are not ready: ${names}. See ${logs} and ${logFile(home, 'supervisor')}`,
  )
}

/** Stages that a killed supervisor left are ended here: they are ready, and nobody would start them again. */
async function launchSupervisor(config: Config, home: string, onProgress: Progress): Promise<void> {
  await endLeftovers(stageNames(config), home)
  const left = await withRuntime(config, 'launcher', pino({ level: 'silent' }), (runtime) =>
    findLeft(localAuthorities(home), runtime),
  )
  writeLeftOut(home, left)
  for (const id of left) onProgress(`${id} is no authority any more: its stages are not started`)
  for (const { port, variable } of stagePorts(config, localAuthorities(home))) await assertPortFree(port, variable)
  launch({
    command: process.execPath,
    args: ['--enable-source-maps', programFile, 'supervise'],
    env: { METERCHAIN_HOME: home },
    logFile: logFile(home, 'supervisor'),
    pidFile: supervisorPidFile(home),
  }).unref()
}

/** The supervisor's own life: until the signal. */
export function supervise(config: Config, logger: Logger, signal: AbortSignal): Promise<void> {
  return superviseStages(specsOf(config), { home: resolve(config.home), logger, signal })
}

/** Stops the stages alone. Safe to repeat, and after a supervisor was killed. */
export async function stopStages(config: Config, onProgress: Progress): Promise<void> {
  const home = resolve(config.home)
  const supervisor = readPidFile(supervisorPidFile(home))
  if (supervisor !== undefined) await endProcess(supervisor, SUPERVISOR_STOP_MILLIS)
  await endLeftovers(stageNames(config), home)
  if (supervisor !== undefined) onProgress('stages stopped')
}

/** Stops stages, then services; data stays. Safe to repeat. */
export async function stopSystem(config: Config, onProgress: Progress): Promise<void> {
  await stopStages(config, onProgress)
  if (isLocal(config)) await stopServices(config, onProgress)
}

/** Deletes all data, keys and settings of this home; nothing of it may run. */
export async function resetSystem(config: Config): Promise<void> {
  if (isLocal(config)) await resetServices(config)
  for (const folder of ['state', 'keys', 'secrets', 'meters', 'run', 'logs', 'data', 'genesis.json'])
    rmSync(join(config.home, folder), { recursive: true, force: true })
}

export interface SystemStatus {
  readonly services: readonly ServiceStatus[]
  readonly stages: readonly StageStatus[]
}

export async function systemStatus(config: Config): Promise<SystemStatus> {
  const [services, stages] = await Promise.all([isLocal(config) ? servicesStatus(config) : [], readStages(config)])
  return { services, stages }
}

const specsOf = (config: Config): ChildSpec[] =>
  stageSpecs(config, localAuthorities(config.home), databaseUrls(config).writer, readLeftOut(config.home))
/** Of stages that may not run: names and addresses need no database. */
const readStages = (config: Config) =>
  stagesStatus(stageSpecs(config, localAuthorities(config.home), '', readLeftOut(config.home)), resolve(config.home))
const stageNames = (config: Config): string[] => stageSpecs(config, localAuthorities(config.home), '').map(({ name }) => name)
