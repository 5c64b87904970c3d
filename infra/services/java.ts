import { mustRun, runCommand } from './run-command.js'
import type { Progress } from './services-config.js'

const MIN_JAVA = 17

/** The major version that `java -version` prints: 17 for "17.0.15", 8 for "1.8.0"; undefined for anything else. */
export function javaVersion(output: string): number | undefined {
  const found = /version "(?:1\.)?(\d+)/.exec(output)?.[1]
  return found === undefined ? undefined : Number(found)
}

async function hasJava(): Promise<boolean> {
  const { status, output } = await runCommand('java', ['-version'])
  return status === 0 && (javaVersion(output) ?? 0) >= MIN_JAVA
}

const hasMaven = async (): Promise<boolean> => (await runCommand('mvn', ['-version'])).status === 0

/** How packages are installed here; undefined where we may not, or there is no apt. */
async function aptInstaller(onProgress: Progress): Promise<((packages: string) => Promise<void>) | undefined> {
  if (process.getuid?.() !== 0 || (await runCommand('apt-get', ['--version'])).status !== 0) return undefined
  await mustRun('apt-get', ['update', '-q'])
  return async (packages) => {
    onProgress(`apt-get install ${packages}`)
    const noQuestions = 'DEBIAN_FRONTEND=noninteractive'
    await mustRun('env', [noQuestions, 'apt-get', 'install', '-y', '-q', '--no-install-recommends', packages])
  }
}

/** A program that the services need, how to see that it is there, and the packages that bring it. */
interface Requirement {
  readonly what: string
  readonly packages: readonly string[]
  isThere(): Promise<boolean>
}

const JAVA: Requirement = {
  what: `Java ${MIN_JAVA} or newer`,
  // Debian 13 has no 17 any more; the default is newer there
  packages: ['openjdk-17-jre-headless', 'default-jre-headless'],
  isThere: hasJava,
}
const MAVEN: Requirement = { what: 'Maven 3.6 or newer', packages: ['maven'], isThere: hasMaven }

async function provide(needed: Requirement, onProgress: Progress): Promise<void> {
  if (await needed.isThere()) return
  const remedy = `install ${needed.what} so that it is found on the PATH (Debian, Ubuntu: sudo apt-get install ${needed.packages[0]})`
  onProgress(`${needed.what} is missing`)
  const install = await aptInstaller(onProgress)
  if (install === undefined) throw new Error(`${needed.what} is missing: ${remedy}`)
  const failures: string[] = []
  for (const name of needed.packages) {
    await install(name).catch((error: Error) => failures.push(error.message))
    if (await needed.isThere()) return
  }
  throw new Error(`${needed.what} could not be installed: ${remedy}\n${failures.join('\n')}`)
}

/** Sees that Java runs here; installs it by apt where that is possible.
 *  @throws Error that says what to install. */
export const provideJava = (onProgress: Progress): Promise<void> => provide(JAVA, onProgress)

/** Sees that Maven runs here; installs it by apt where that is possible.
 *  @throws Error that says what to install. */
export const provideMaven = (onProgress: Progress): Promise<void> => provide(MAVEN, onProgress)
