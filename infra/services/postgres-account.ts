import { readFileSync } from 'node:fs'
import { mustRun, runCommand } from './run-command.js'

/** A user and group of this machine. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

const USER = 'postgres'

function findAccount(): Account | undefined {
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${USER}:`))
  const [, , uid, gid] = line?.split(':') ?? []
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

/** PostgreSQL refuses to run as root: as root, the account it gets instead (made when missing); else undefined, it runs as we do.
 *  @throws Error if the account cannot be made. */
export async function postgresAccount(): Promise<Account | undefined> {
  if (process.getuid?.() !== 0) return undefined
  const existing = findAccount()
  if (existing !== undefined) return existing
  await mustRun('useradd', ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin', USER])
  const made = findAccount()
  if (made === undefined) throw new Error(`useradd made no account "${USER}": make one, PostgreSQL does not run as root`)
  return made
}

/** Whether the account may enter a folder: all folders above must let it through too. */
export async function mayEnter(folder: string, account: Account | undefined): Promise<boolean> {
  return account === undefined || (await runCommand('test', ['-x', folder], { account })).status === 0
}
