import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** Where the local Kafka, schema registry and PostgreSQL live. All of them listen on 127.0.0.1 only. */
export interface ServicesConfig {
  /** The data folder; data, logs, pid files and secrets of the services stand in subfolders. */
  readonly home: string
  readonly kafkaPort: number
  readonly kafkaControllerPort: number
  readonly registryPort: number
  readonly postgresPort: number
  /** Where downloads are kept; `~/.cache/meterchain` if not given. */
  readonly cacheFolder?: string
}

export const DEFAULT_PORTS = { kafkaPort: 19092, kafkaControllerPort: 19093, registryPort: 18081, postgresPort: 15432 } as const

export type PortSetting = keyof typeof DEFAULT_PORTS

/** The environment variable that changes each port (read in infra/config.ts). */
export const PORT_VARIABLES: Readonly<Record<PortSetting, string>> = {
  kafkaPort: 'METERCHAIN_KAFKA_PORT',
  kafkaControllerPort: 'METERCHAIN_KAFKA_CONTROLLER_PORT',
  registryPort: 'METERCHAIN_REGISTRY_PORT',
  postgresPort: 'METERCHAIN_POSTGRES_PORT',
}

export const HOST = '127.0.0.1'

export type ServiceName = 'kafka' | 'registry' | 'postgres'

/** Absolute: the servers have working folders of their own. */
export const dataFolder = (config: ServicesConfig, name: ServiceName): string => resolve(config.home, 'data', name)
export const cacheFolder = (config: ServicesConfig): string => config.cacheFolder ?? join(homedir(), '.cache', 'meterchain')

/** Takes one line for a person: what is being done. */
export type Progress = (message: string) => void
