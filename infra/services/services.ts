import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { kafkaJars, registryServer } from './downloads.js'
import { provideJava } from './java.js'
import { kafkaService } from './kafka.js'
import { withLauncherLock } from './launcher-lock.js'
import { postgresService } from './postgres.js'
import { sharedDataFolder } from './postgres-folders.js'
import { registryService } from './schema-registry.js'
import type { Service } from './service.js'
import type { Progress, ServiceName, ServicesConfig } from './services-config.js'

export interface ServiceStatus {
  readonly name: ServiceName
  readonly pid: number | undefined
  readonly isHealthy: boolean
  readonly address: string
}

const silent: Progress = () => undefined

/** The local servers of this home, whether they run or not. */
export function localServices(config: ServicesConfig, onProgress: Progress = silent): Service[] {
  return [kafkaService, registryService, postgresService].map((make) => make(config, onProgress))
}

async function startOne(service: Service, onProgress: Progress): Promise<void> {
  const started = Date.now()
  const pidBefore = service.pid
  await service.start()
  const seconds = ((Date.now() - started) / 1000).toFixed(1)
  const how = service.pid === pidBefore ? 'was running' : `started in ${seconds} s`
  onProgress(`${service.name} ${how}: ${service.address} (pid ${service.pid})`)
}

/** Brings what the services need, one after the other: neither apt nor Maven likes company. */
export async function provideServices(config: ServicesConfig, onProgress: Progress = silent): Promise<void> {
  await provideJava(onProgress)
  await kafkaJars(config, onProgress)
  await registryServer(config, onProgress)
}

/** Does it for all services side by side, and says all that went wrong. */
async function forAll(services: readonly Service[], act: (service: Service) => Promise<void>): Promise<void> {
  const failures = (await Promise.allSettled(services.map(act))).flatMap((result) =>
    result.status === 'rejected' ? [result.reason] : [],
  )
  if (failures.length === 1) throw failures[0]
  if (failures.length > 1)
    throw new AggregateError(failures, failures.map((failure) => String(failure.message ?? failure)).join('\n'))
}

/** Starts Kafka, the schema registry and PostgreSQL, those that do not run yet, and returns when all are healthy.
 *  What is missing is downloaded or installed first. Safe to repeat, also after a launcher or a service was killed.
 *  @throws Error that says what is in the way: a port in use, Java missing, the end of the log of a service that failed. */
export function startServices(config: ServicesConfig, onProgress: Progress = silent): Promise<void> {
  const services = localServices(config, onProgress)
  return withLauncherLock(config.home, onProgress, async () => {
    await provideServices(config, onProgress)
    await forAll(services, (service) => startOne(service, onProgress))
  })
}

/** Stops what runs; the data stays. */
export function stopServices(config: ServicesConfig, onProgress: Progress = silent): Promise<void> {
  const stopOne = async (service: Service) => {
    if (service.pid === undefined) return
    await service.stop()
    onProgress(`${service.name} stopped`)
  }
  return withLauncherLock(config.home, onProgress, () => forAll(localServices(config), stopOne))
}

/** What runs, and whether it answers. */
export function servicesStatus(config: ServicesConfig): Promise<ServiceStatus[]> {
  const status = async (service: Service): Promise<ServiceStatus> => {
    const isHealthy = await service.isHealthy()
    return { name: service.name, pid: service.pid, isHealthy, address: service.address }
  }
  return Promise.all(localServices(config).map(status))
}

/** Deletes the data of all services: topics, schemas, tables.
 *  @throws Error if one of them still runs. */
export function resetServices(config: ServicesConfig): Promise<void> {
  return withLauncherLock(config.home, silent, async () => {
    const running = localServices(config).filter((service) => service.pid !== undefined)
    if (running.length > 0) throw new Error(`${running.map(({ name }) => name).join(', ')} still run: stop them before a reset`)
    const names: ServiceName[] = ['kafka', 'registry', 'postgres']
    const folders = [
      ...names.map((name) => join(config.home, 'data', name)),
      sharedDataFolder(config),
      join(config.home, 'secrets', 'postgres'),
    ]
    for (const folder of folders) rmSync(folder, { recursive: true, force: true })
  })
}
