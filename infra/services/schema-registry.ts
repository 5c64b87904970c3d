import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { REGISTRY_VERSION, registryServer } from './downloads.js'
import { localService, type Service } from './service.js'
import { dataFolder, HOST, type Progress, type ServicesConfig } from './services-config.js'

const PROBE_MILLIS = 2_000

/** The base URL that a Confluent registry client takes. */
export const registryUrl = (config: ServicesConfig): string => `http://${HOST}:${config.registryPort}/apis/ccompat/v7`

async function probe(config: ServicesConfig): Promise<boolean> {
  const answer = await fetch(`${registryUrl(config)}/subjects`, { signal: AbortSignal.timeout(PROBE_MILLIS) })
  await answer.arrayBuffer()
  return answer.ok
}

/** Apicurio Registry with its schemas in an H2 file. */
export function registryService(config: ServicesConfig, onProgress: Progress): Service {
  const prepare = async () => {
    const folder = await registryServer(config, onProgress)
    mkdirSync(dataFolder(config, 'registry'), { recursive: true })
    const env = {
      QUARKUS_HTTP_HOST: HOST,
      QUARKUS_HTTP_PORT: String(config.registryPort),
      QUARKUS_LOG_LEVEL: 'WARN',
      REGISTRY_DATASOURCE_URL: `jdbc:h2:file:${join(dataFolder(config, 'registry'), 'schemas')}`,
    }
    const jar = join(folder, `apicurio-registry-app-${REGISTRY_VERSION}-runner.jar`)
    const options = ['-Djava.net.preferIPv4Stack=true', '-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:+ExitOnOutOfMemoryError']
    return { command: 'java', args: [...options, '-jar', jar], env, workingFolder: dataFolder(config, 'registry') }
  }
  return localService(
    {
      name: 'registry',
      address: registryUrl(config),
      ports: ['registryPort'],
      stopSignal: 'SIGTERM',
      prepare,
      probe: () => probe(config),
    },
    config,
  )
}
