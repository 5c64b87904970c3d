import { type Machine, mustRun, thisMachine } from './run-command.js'

/** A user and group of this machine. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

const USER = 'postgres'

async function findAccount({ run }: Machine): Promise<Account | undefined> {
  const { status, output } = await run('getent', ['passwd', USER])
  const [, , uid, gid] = output.split(':')
  return status !== 0 || uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) }
}

/** PostgreSQL refuses to run as root: as root, the account it gets instead (made when missing); else undefined, it runs as we do.
 *  @throws Error if the account cannot be made. */
export async function postgresAccount(machine = thisMachine): Promise<Account | undefined> {
  if (!machine.isRoot) return undefined
  const existing = await findAccount(machine)
  if (existing !== undefined) return existing
  const options = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin']
  await mustRun('useradd', [...options, USER], {}, machine)
  const made = await findAccount(machine)
  if (made === undefined) throw new Error(`useradd made no account "${USER}": make one, PostgreSQL does not run as root`)
  return made
}

/** Whether the account may enter (or run) a path: all folders above must let it through too. */
export async function mayEnter(path: string, account: Account | undefined, { run } = thisMachine): Promise<boolean> {
  return account === undefined || (await run('test', ['-x', path], { account })).status === 0
}
