import { type Machine, mustRun, thisMachine } from './run-command.js'
import type { Progress } from './services-config.js'

const MIN_JAVA = 17

/** The major version that `java -version` prints: 17 for "17.0.15", 8 for "1.8.0"; undefined for anything else. */
export function javaVersion(output: string): number | undefined {
  const found = /version "(?:1\.)?(\d+)/.exec(output)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** A program that the services need, how to see that it is there, and the packages that bring it. */
interface Requirement {
  readonly what: string
  readonly packages: readonly string[]
  isThere(machine: Machine): Promise<boolean>
}

const JAVA: Requirement = {
  what: `Java ${MIN_JAVA} or newer`,
  // Debian 13 has no 17 any more; its default is newer
  packages: ['openjdk-17-jre-headless', 'default-jre-headless'],
  isThere: async (machine) => {
    const { status, output } = await machine.run('java', ['-version'])
    return status === 0 && (javaVersion(output) ?? 0) >= MIN_JAVA
  },
}

const MAVEN: Requirement = {
  what: 'Maven 3.6 or newer',
  packages: ['maven'],
  isThere: async (machine) => (await machine.run('mvn', ['-version'])).status === 0,
}

async function canInstall({ isRoot, run }: Machine): Promise<boolean> {
  return isRoot && (await run('apt-get', ['--version'])).status === 0
}

/** Installs a package; what went wrong is returned, for there may be another one to try. */
async function install(name: string, machine: Machine): Promise<string> {
  const args = ['DEBIAN_FRONTEND=noninteractive', 'apt-get', 'install', '-y', '-q', '--no-install-recommends', name]
  const { status, output } = await machine.run('env', args)
  return status === 0 ? `${name}: installed, but not of use` : `${name}: ${output.split('\n').slice(-5).join('\n')}`
}

async function provide(needed: Requirement, onProgress: Progress, machine: Machine): Promise<void> {
  if (await needed.isThere(machine)) return
  const names = needed.packages.join(' or ')
  const remedy = `${needed.what} is missing: install it so that it is found on the PATH (Debian, Ubuntu: apt-get install ${names})`
  if (!(await canInstall(machine))) throw new Error(remedy)
  onProgress(`${needed.what} is missing: installing it by apt`)
  await mustRun('apt-get', ['update', '-q'], {}, machine)
  const failures: string[] = []
  for (const name of needed.packages) {
    onProgress(`apt-get install ${name}`)
    failures.push(await install(name, machine))
    if (await needed.isThere(machine)) return
  }
  throw new Error(`${remedy}\n${failures.join('\n')}`)
}

/** Sees that Java runs here; installs it by apt where that is possible (as root).
 *  @throws Error that says what to install. */
export const provideJava = (onProgress: Progress, machine = thisMachine): Promise<void> => provide(JAVA, onProgress, machine)

/** Sees that Maven runs here; installs it by apt where that is possible (as root).
 *  @throws Error that says what to install. */
export const provideMaven = (onProgress: Progress, machine = thisMachine): Promise<void> => provide(MAVEN, onProgress, machine)
