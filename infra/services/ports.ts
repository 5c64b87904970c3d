import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { HOST, PORT_VARIABLES, type PortSetting, type ServicesConfig } from './services-config.js'

const LISTEN_STATE = '0A'

/** Runs `read` on files of processes that may end, or belong to others, at any moment. */
function orNothing<T>(read: () => T, nothing: T): T {
  try {
    return read()
  } catch {
    return nothing
  }
}

/** Inodes of the sockets that listen on a port, from /proc/net/tcp and tcp6. */
function listeningInodes(port: number): Set<string> {
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0')
  const lines = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((path) => orNothing(() => readFileSync(path, 'utf8'), '').split('\n'))
  const inodes = lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => state === LISTEN_STATE && local?.endsWith(`:${hexPort}`))
    .flatMap((fields) => fields[9] ?? [])
  return new Set(inodes)
}

function holdsOneOf(pid: string, links: ReadonlySet<string>): boolean {
  const folder = `/proc/${pid}/fd`
  return orNothing(() => readdirSync(folder), []).some((fd) => links.has(orNothing(() => readlinkSync(`${folder}/${fd}`), '')))
}

/** The process that listens on a port, as `pid 123 (its command line)`; undefined if it can't be seen (another account's). */
export function holderOf(port: number): string | undefined {
  const links = new Set([...listeningInodes(port)].map((inode) => `socket:[${inode}]`))
  if (links.size === 0) return undefined
  const pid = orNothing(() => readdirSync('/proc'), []).find((name) => /^\d+$/.test(name) && holdsOneOf(name, links))
  if (pid === undefined) return undefined
  const command = orNothing(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8'), '')
    .replaceAll('\0', ' ')
    .trim()
  return `pid ${pid} (${command.slice(0, 120)})`
}

/** Whether nobody listens on the port of 127.0.0.1. */
export function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error)))
    server.listen(port, HOST, () => server.close(() => resolve(true)))
  })
}

/** Says who is in the way, and which setting avoids it.
 *  @throws Error if the port is in use. */
export async function assertPortFree(port: number, variable: string): Promise<void> {
  if (await isPortFree(port)) return
  const holder = holderOf(port) ?? 'a process that this account cannot see'
  throw new Error(`port ${port} is in use by ${holder}: end it, or choose another port by ${variable}`)
}

/** @throws Error, as above, for the first port that is in use. */
export async function assertPortsFree(config: ServicesConfig, settings: readonly PortSetting[]): Promise<void> {
  for (const setting of settings) await assertPortFree(config[setting], PORT_VARIABLES[setting])
}
