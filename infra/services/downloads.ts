import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { provideMaven } from './java.js'
import { mustRun } from './run-command.js'
import { cacheFolder, type Progress, type ServicesConfig } from './services-config.js'

/** Both stand in the pom.xml files too; a test holds them equal. */
export const KAFKA_VERSION = '4.3.1'
export const REGISTRY_VERSION = '2.6.13.Final'

/** The folder that holds package.json: the sources run from `infra/`, the build from `dist/infra/`. */
export function packageFolder(from = dirname(fileURLToPath(import.meta.url))): string {
  if (existsSync(join(from, 'package.json'))) return from
  const parent = dirname(from)
  if (parent === from) throw new Error('package.json is not found in any folder above this program: it is installed incompletely')
  return packageFolder(parent)
}

/** Something to fetch from Maven Central. */
export interface Download {
  readonly title: string
  readonly pom: string
  readonly goal: readonly string[]
  readonly folder: string
}

const REPORT_EVERY_MILLIS = 5_000

/** Runs Maven into a folder, with a line for each file and one every 5 s when a file takes long. */
async function fetchInto(download: Download, folder: string, onProgress: Progress): Promise<void> {
  await provideMaven(onProgress)
  const started = Date.now()
  const seconds = () => Math.round((Date.now() - started) / 1000)
  const timer = setInterval(() => onProgress(`${download.title}: still downloading, ${seconds()} s`), REPORT_EVERY_MILLIS)
  const onLine = (line: string) => {
    const file = /Downloaded from [^:]+: \S+\/(\S+\.(?:jar|tar\.gz)) (\(.*\))/.exec(line)
    if (file) onProgress(`${download.title}: ${file[1]} ${file[2]}`)
  }
  const pom = join(packageFolder(), 'infra', 'kafka-dist', download.pom)
  try {
    await mustRun('mvn', ['-B', '-f', pom, ...download.goal, `-DoutputDirectory=${folder}`], { onLine })
  } finally {
    clearInterval(timer)
  }
  if (!existsSync(folder)) throw new Error(`${download.title}: Maven ended without an error and brought nothing into ${folder}`)
}

/** Folders that a killed download left, unless its process still runs. */
function removeLeftovers(target: string): void {
  const prefix = `${target.slice(dirname(target).length + 1)}.part-`
  for (const name of readdirSync(dirname(target))) {
    if (!name.startsWith(prefix) || existsSync(`/proc/${name.slice(prefix.length)}`)) continue
    rmSync(join(dirname(target), name), { recursive: true, force: true })
  }
}

/** Downloads once. The folder appears under its name only when it is complete, so a download may be cut off at any moment. */
export async function downloadOnce(download: Download, onProgress: Progress, fetch = fetchInto): Promise<string> {
  if (existsSync(download.folder)) return download.folder
  mkdirSync(dirname(download.folder), { recursive: true })
  removeLeftovers(download.folder)
  const part = `${download.folder}.part-${process.pid}`
  rmSync(part, { recursive: true, force: true })
  onProgress(`${download.title}: downloading`)
  await fetch(download, part, onProgress)
  // another launcher may have been faster: its copy is as good
  if (existsSync(download.folder)) rmSync(part, { recursive: true })
  else renameSync(part, download.folder)
  onProgress(`${download.title}: ready`)
  return download.folder
}

/** The folder of the broker's jars, downloaded from Maven Central (44 MB) when it is not in the cache.
 *  @throws Error with the end of Maven's output. */
export function kafkaJars(config: ServicesConfig, onProgress: Progress): Promise<string> {
  const folder = join(cacheFolder(config), `kafka-${KAFKA_VERSION}`, 'libs')
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime']
  return downloadOnce({ title: `Kafka ${KAFKA_VERSION}`, pom: 'kafka-pom.xml', goal, folder }, onProgress)
}

/** The folder of the registry server, downloaded from Maven Central (140 MB) when it is not in the cache.
 *  @throws Error with the end of Maven's output. */
export function registryServer(config: ServicesConfig, onProgress: Progress): Promise<string> {
  const folder = join(cacheFolder(config), `apicurio-registry-${REGISTRY_VERSION}`)
  const goal = ['dependency:unpack']
  return downloadOnce({ title: `Apicurio Registry ${REGISTRY_VERSION}`, pom: 'registry-pom.xml', goal, folder }, onProgress)
}
